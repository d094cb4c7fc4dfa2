"""What every store of brakes promises: counts of a sliding hour, and pauses that one of many makes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from longcode.aws.limits import DynamoLimits
from longcode.aws.tag_brakes import DynamoBrakes
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Fault
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer, Recorded, Recording, Verdict
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.domain.tag_brake import SLOT_MS, BrakeSetting, Pause, Subject, SubjectKind, Tally
from longcode.telnyx.filter_codes import is_filtered
from longcode.use_cases.brake_store import BrakeStore
from longcode.use_cases.ports import Limits
from longcode.use_cases.tag_brakes import Brakes
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes import OURS, THEIRS, FakeBrakes, FakeClock, FakeLimits, FakeLogger, FakeMetrics
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message, make_receipt
from tests.support.interleave import Job, Run, Trial

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS // SLOT_MS * SLOT_MS
TAG, OTHER = Subject(SubjectKind.TAG, "spring-sale"), Subject(SubjectKind.TAG, "news")
ATT = Subject(SubjectKind.CARRIER, "att")
SENT, FAILED = Tally(sent=1), Tally(failed=1)
BY_BRAKE = Pause(NOW, "too many failed", "brake")
HOUR_MS = 6 * SLOT_MS


@dataclass(frozen=True)
class Stores:
    brakes: BrakeStore
    limits: Limits


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        fake = FakeBrakes()
        return Stores(fake, FakeLimits(brakes=fake))
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    limits, messages = create_table(client, "LimitsTable"), create_table(client, "MessagesTable")
    return Stores(DynamoBrakes(client, limits, messages), DynamoLimits(client, limits, messages))


@pytest.fixture
def brakes(stores: Stores) -> BrakeStore:
    return stores.brakes


def add(brakes: BrakeStore, more: Tally, at_ms: int = NOW, subject: Subject = TAG) -> Tally | None:
    return brakes.add(subject, more, at_ms, at_ms)


def test_counts_add_up_each_by_its_name_and_subject(brakes: BrakeStore) -> None:
    assert add(brakes, Tally(sent=10)) == Tally(10)
    assert add(brakes, Tally(2, 1, 1, 0), NOW + 1) == Tally(12, 1, 1, 0)
    assert add(brakes, Tally(opted_out=1), NOW + 2) == Tally(12, 1, 1, 1)
    for subject in (OTHER, ATT):
        assert add(brakes, SENT, NOW + 3, subject) == SENT


def test_what_is_older_than_an_hour_does_not_count(brakes: BrakeStore) -> None:
    for number in range(20):
        # One slot later each time: of twenty the last six count.
        found = add(brakes, Tally(1, 1, 0, 1), NOW + number * SLOT_MS)
        assert found == Tally(*(min(number + 1, 6) * one for one in (1, 1, 0, 1))), number

    # After a rest that is a multiple of what the ring holds, an old slot must not look like the new one.
    for rest in (12, 24, 13, 6, 5):
        add(brakes, Tally(5, 5, 5, 5), NOW + 100 * SLOT_MS)
        assert add(brakes, SENT, NOW + (100 + rest) * SLOT_MS, TAG) == (Tally(6, 5, 5, 5) if rest < 6 else SENT)
        brakes.resume(TAG, NOW)


def test_a_clock_that_is_behind_counts_for_the_latest_slot(brakes: BrakeStore) -> None:
    add(brakes, Tally(sent=3), NOW + SLOT_MS)

    assert add(brakes, Tally(sent=4), NOW) == Tally(7)
    assert brakes.standings([TAG], NOW + SLOT_MS)[TAG].tally == Tally(7)


def test_of_a_carrier_it_is_known_of_how_many_tags_the_bad_ones_were(brakes: BrakeStore) -> None:
    def tags(bad_tag: str | None, at_ms: int) -> int:
        tally = brakes.add(ATT, SENT if bad_tag is None else FAILED, at_ms, at_ms, bad_tag)
        assert tally
        return tally.tags

    found = [tags(bad, NOW + step) for step, bad in enumerate((None, "sale", "sale", None, "news", "", "sale"))]
    assert found == [0, 1, 1, 1, 2, 3, 3]
    # The next slot goes on, one after a rest begins anew.
    assert [tags(bad, NOW + SLOT_MS) for bad in (None, "spring")] == [3, 4]
    assert [tags(bad, NOW + 2 * SLOT_MS) for bad in ("autumn", None)] == [5, 5]
    assert [tags(bad, NOW + 4 * SLOT_MS) for bad in (None, "sale")] == [0, 1]
    assert tags("news", NOW + 6 * SLOT_MS) == 1
    brakes.resume(ATT, NOW + 6 * SLOT_MS)
    assert tags(None, NOW + 6 * SLOT_MS) == 0


def test_how_they_stand_is_read_without_a_write(brakes: BrakeStore) -> None:
    assert brakes.standings([], NOW) == brakes.standings([TAG, ATT], NOW) == {}
    add(brakes, Tally(sent=30), NOW)
    add(brakes, Tally(sent=5), NOW + SLOT_MS)
    brakes.pause(ATT, BY_BRAKE)

    found = brakes.standings([TAG, OTHER, ATT], NOW + 2 * SLOT_MS)

    assert found.keys() == {TAG, ATT}
    assert (found[TAG].tally, found[TAG].pause) == (Tally(35), None)
    assert (found[TAG].recent, found[TAG].recent_from_ms) == (5, NOW + SLOT_MS)
    assert (found[ATT].tally, found[ATT].pause) == (Tally(), BY_BRAKE)
    assert brakes.standings([TAG], NOW + SLOT_MS + 1)[TAG].recent == 35
    assert brakes.standings([TAG], NOW + HOUR_MS + SLOT_MS)[TAG].tally == Tally()


def test_what_began_within_the_last_minutes_is_measured_from_its_beginning(brakes: BrakeStore) -> None:
    add(brakes, SENT, NOW - 9 * SLOT_MS)
    for later_ms in (240_000, 250_000, SLOT_MS):
        add(brakes, SENT, NOW + later_ms)

    standing = brakes.standings([TAG], NOW + SLOT_MS + 1)[TAG]

    assert (standing.recent, standing.recent_from_ms) == (3, NOW + 240_000)


def test_one_pause_is_made_and_stays_as_it_was(brakes: BrakeStore) -> None:
    for subject in (TAG, ATT):
        assert brakes.pause(subject, BY_BRAKE)
        assert not brakes.pause(subject, Pause(NOW + 1, "another", "operator"))
        assert brakes.standings([subject], NOW)[subject].pause == BY_BRAKE
    assert brakes.standings([OTHER], NOW) == {}


def test_a_tag_that_is_paused_counts_nothing_and_its_pause_does_not_expire(brakes: BrakeStore) -> None:
    add(brakes, Tally(sent=60, failed=20))
    brakes.pause(TAG, BY_BRAKE)

    assert add(brakes, FAILED, NOW + 1) is None

    assert brakes.standings([TAG], NOW + 1)[TAG].tally == Tally(60, 20)


def test_a_resumption_ends_the_pause_and_counts_anew(brakes: BrakeStore) -> None:
    for subject in (TAG, ATT):
        add(brakes, Tally(60, 20, 20, 5), NOW, subject)
        brakes.pause(subject, BY_BRAKE)

        assert brakes.resume(subject, NOW + 10) == BY_BRAKE
        assert brakes.resume(subject, NOW + 10) is None

        # What comes to light now of texts that left before is no news.
        assert brakes.add(subject, FAILED, NOW + 9, NOW + 11) is None
        assert brakes.add(subject, FAILED, NOW + 10, NOW + 12) == FAILED
        assert brakes.standings([subject], NOW + 13)[subject].pause is None
        # What was counted before must not pause it again.
        assert not brakes.pause(subject, BY_BRAKE, counted_ms=NOW + 9)
        assert brakes.pause(subject, BY_BRAKE, counted_ms=NOW + 10)


def test_the_gate_has_the_pause_of_the_tag_that_is_asked_for_and_of_each_carrier(stores: Stores) -> None:
    def gate(tag: str | None) -> object:
        found = stores.limits.read_gate(THEIRS, OURS, tag=tag)
        return found.tag_pause, dict(found.carrier_pauses)

    assert gate("spring-sale") == (None, {})
    stores.brakes.pause(TAG, BY_BRAKE)
    stores.brakes.pause(ATT, Pause(NOW, "", "operator"))

    carriers = {"att": Pause(NOW, "", "operator")}
    assert gate("spring-sale") == (BY_BRAKE, carriers)
    assert gate("news") == gate(None) == (None, carriers)
    assert stores.limits.read_gate(THEIRS, OURS).control.paused_since_ms is None
    for subject in (TAG, ATT):
        stores.brakes.resume(subject, NOW)
    assert gate("spring-sale") == (None, {})


# ----------------------------------------------------------------------------------------- several at once


@pytest.fixture(params=["fake", "dynamodb"])
def anew(request: pytest.FixtureRequest) -> Callable[[], BrakeStore]:
    if request.param == "fake":
        return FakeBrakes
    client = Paused(request.getfixturevalue("dynamodb"))

    def make() -> BrakeStore:
        tables = [
            create_table(request.getfixturevalue("dynamodb"), name) for name in ("LimitsTable", "MessagesTable")
        ]
        return DynamoBrakes(client, *tables)  # type: ignore[arg-type]

    return make


class Paused:
    """A client before each of whose writes others may come."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client

    def update_item(self, **arguments: Any) -> Any:
        interleave.pause("writes")
        return self._client.update_item(**arguments)

    # Any: whichever other method of the client.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_ten_at_once_count_all_and_one_of_them_pauses(anew: Callable[[], BrakeStore]) -> None:
    def make() -> Trial:
        brakes, made = anew(), list[bool]()
        # At the turn of a slot, so that each may be the one that moves the item on.
        brakes.add(TAG, Tally(sent=50), NOW - 1, NOW - 1)

        def job(number: int) -> Job:
            def count() -> None:
                at_ms = NOW - 1 + number % 3
                tally = brakes.add(TAG, FAILED, at_ms, at_ms)
                if tally and tally.failed >= 5:
                    made.append(brakes.pause(TAG, BY_BRAKE, counted_ms=at_ms))

            return count

        def judge(_: Run) -> None:
            assert made.count(True) == 1
            # What came after the pause counts no more.
            assert 5 <= brakes.standings([TAG], NOW)[TAG].tally.failed <= 10

        return [job(number) for number in range(10)], judge

    interleave.sample(make, 25, seed=2026)


def test_consumers_and_webhooks_that_learn_of_failures_at_once_pause_once(anew: Callable[[], BrakeStore]) -> None:
    setting, gate = BrakeSetting.parse("50:20,10,2"), Gate(subscription=Subscription(Carrier.ATT, "wireless", NOW))
    spam = Fault("40002", "Blocked")

    def make() -> Trial:
        store, metrics, logger = anew(), FakeMetrics(), FakeLogger()
        for subject in (TAG, ATT):
            store.add(subject, Tally(sent=50, failed=2, filtered=2), NOW, NOW, "another")

        def job(number: int) -> Job:
            brakes = Brakes(store, setting, is_filtered, FakeClock(NOW), metrics, logger)
            text = make_message(priority=Priority.BULK, metadata={"tag": TAG.name}, carrier="att", claimed_ms=NOW)
            if number % 2:
                receipt = make_receipt(status=Status.DELIVERY_FAILED, faults=(spam,))
                return lambda: brakes.received(Recording(Recorded.ADVANCED, text), receipt)
            return lambda: brakes.refused(text, Answer(Verdict.PERMANENT, spam), gate)

        def judge(_: Run) -> None:
            # One for the tag, and one for the carrier.
            assert metrics.counts[Metric.CAMPAIGN_PAUSED] == 2
            found = store.standings([TAG, ATT], NOW)
            assert all(one.pause and one.tally.filtered >= 5 for one in found.values())

        return [job(number) for number in range(10)], judge

    interleave.sample(make, 15, seed=2026)


def test_a_count_and_a_resumption_at_once_leave_no_count_from_before(anew: Callable[[], BrakeStore]) -> None:
    def make() -> Trial:
        brakes = anew()
        brakes.add(TAG, Tally(sent=60, failed=12), NOW, NOW)

        def count() -> None:
            tally = brakes.add(TAG, FAILED, NOW, NOW + SLOT_MS)
            if tally and tally.failed > 12:
                brakes.pause(TAG, BY_BRAKE, counted_ms=NOW + SLOT_MS)

        def resume() -> None:
            brakes.resume(TAG, NOW + SLOT_MS + 1)

        def judge(_: Run) -> None:
            standing = brakes.standings([TAG], NOW + SLOT_MS + 2)[TAG]
            assert (standing.tally, standing.pause) == (Tally(), None)

        return [count, resume], judge

    assert interleave.every(make) >= 2


# ----------------------------------------------------------------------------- what only the table can show


class Lossy:
    """A client that makes each write and loses the answer; with `again` botocore repeats it."""

    def __init__(self, client: "DynamoDBClient", *, again: bool) -> None:
        self._client = client
        self._again = again

    def update_item(self, **arguments: Any) -> Any:
        self._client.update_item(**arguments)
        if self._again:
            return self._client.update_item(**arguments)
        raise ClientError({"Error": {"Code": "InternalServerError"}}, "UpdateItem")

    # Any: whichever other method of the client.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.fixture
def tables(dynamodb: "DynamoDBClient") -> tuple[str, str]:
    return create_table(dynamodb, "LimitsTable"), create_table(dynamodb, "MessagesTable")


def test_a_write_that_botocore_repeats_counts_once_and_is_the_one_that_paused(
    dynamodb: "DynamoDBClient", tables: tuple[str, str]
) -> None:
    lossy = DynamoBrakes(Lossy(dynamodb, again=True), *tables)  # type: ignore[arg-type]

    for at_ms in (NOW, NOW + 1, NOW + SLOT_MS):
        lossy.add(TAG, Tally(2, 1), at_ms, at_ms)

    assert lossy.standings([TAG], NOW + SLOT_MS)[TAG].tally == Tally(6, 3)
    for subject in (TAG, ATT):
        assert lossy.pause(subject, BY_BRAKE)


def test_a_table_that_does_not_answer_is_unavailable(dynamodb: "DynamoDBClient", tables: tuple[str, str]) -> None:
    asks: list[Callable[[BrakeStore], object]] = [
        lambda brakes: brakes.add(TAG, SENT, NOW, NOW),
        lambda brakes: brakes.pause(TAG, BY_BRAKE),
        lambda brakes: brakes.resume(TAG, NOW),
    ]
    for ask in asks:
        with pytest.raises(Unavailable, match="The limits table"):
            ask(DynamoBrakes(Lossy(dynamodb, again=False), *tables))  # type: ignore[arg-type]


def test_a_count_is_one_write_and_the_first_of_ten_minutes_another(
    dynamodb: "DynamoDBClient", tables: tuple[str, str]
) -> None:
    client = Counting(dynamodb)
    brakes = DynamoBrakes(client, *tables)  # type: ignore[arg-type]
    writes = []
    for at_ms in (NOW, NOW + 1, NOW + 2, NOW + SLOT_MS, NOW + SLOT_MS + 1):
        client.writes = 0
        brakes.add(TAG, SENT, at_ms, at_ms)
        writes.append(client.writes)

    assert writes == [2, 1, 1, 2, 1]


class Counting(Paused):
    """A client that counts its writes."""

    writes = 0

    def update_item(self, **arguments: Any) -> Any:
        self.writes += 1
        return self._client.update_item(**arguments)


def test_the_notice_of_a_pause_is_the_publishers_and_goes_after_some_days(
    dynamodb: "DynamoDBClient", tables: tuple[str, str]
) -> None:
    brakes = DynamoBrakes(dynamodb, *tables)

    brakes.announce(TAG, BY_BRAKE, Tally(60, 12, 7, 1), NOW)

    (item,) = dynamodb.scan(TableName=tables[1])["Items"]
    assert item["pk"] == {"S": "H#pause#tag#spring-sale"}
    # An earlier version of the publisher takes it for a heartbeat.
    assert item["at_ms"] == {"N": str(NOW)}
    assert int(item["expires_at"]["N"]) > NOW // 1000 + 86_400
