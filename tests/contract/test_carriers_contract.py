"""What every store of carriers promises: no day's count goes over, and what was learnt is there afterwards."""

import itertools
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest

from longcode.aws import carrier_codec
from longcode.aws.carriers import DynamoCarriers
from longcode.aws.limits import DynamoLimits
from longcode.domain import pacing
from longcode.domain.campaign import CampaignFacts
from longcode.domain.carrier_refusals import CarrierRefusal
from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from longcode.domain.gate import Limiter
from longcode.domain.outcomes import Brakes
from longcode.domain.status import HeldBy
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Limits
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes import FakeCarriers, FakeLimits
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS
from tests.support.fakes.optouts import FakeOptOuts
from tests.support.interleave import Job, Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OTHER = "+12025550124"
DAY, END_MS = "2023-11-14", START_MS + pacing.DAY_MS
type Stores = tuple[Carriers, Limits]


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        known = FakeCarriers()
        return known, FakeLimits(FakeOptOuts(), known)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "LimitsTable")
    return DynamoCarriers(client, table), DynamoLimits(client, table, create_table(client, "MessagesTable"))


def test_what_a_day_has_counted_can_be_read(stores: Stores) -> None:
    carriers, _ = stores
    assert carriers.read_count(Carrier.T_MOBILE, DAY) == 0

    carriers.take(Carrier.T_MOBILE, DAY, 10, [3, 4], END_MS)

    assert carriers.read_count(Carrier.T_MOBILE, DAY) == 7
    assert carriers.read_count(Carrier.T_MOBILE, "2023-11-15") == 0


def test_what_was_learnt_of_a_number_is_there_by_itself_and_at_the_gate(stores: Stores) -> None:
    carriers, limits = stores
    first, then = (Subscription(Carrier.ATT, "wireless", START_MS + n) for n in (0, 5))
    carriers.learn(THEIRS, first)
    limits.reserve(pacing.recipient_key(THEIRS), 1, 1_000, START_MS)

    assert carriers.subscriptions([THEIRS, OTHER]) == {THEIRS: first}
    assert limits.read_gate(THEIRS, OURS).subscription == first
    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(START_MS + 1_000)

    carriers.learn(THEIRS, then)

    assert carriers.subscriptions([THEIRS]) == {THEIRS: then}
    assert carriers.subscriptions([]) == {}


def test_what_was_seen_later_stays(stores: Stores) -> None:
    carriers, _ = stores
    late, early = (Subscription(Carrier.T_MOBILE, "wireless", START_MS + n) for n in (5, 4))
    carriers.learn(THEIRS, late)

    carriers.learn(THEIRS, replace(early, carrier=Carrier.ATT))
    assert carriers.subscriptions([THEIRS]) == {THEIRS: late}
    carriers.learn(THEIRS, replace(late, line_type="voip"))
    assert carriers.subscriptions([THEIRS]) == {THEIRS: replace(late, line_type="voip")}
    carriers.forget(THEIRS)
    carriers.learn(THEIRS, early)
    assert carriers.subscriptions([THEIRS]) == {THEIRS: early}


def test_what_is_forgotten_leaves_the_pacing_of_that_number(stores: Stores) -> None:
    carriers, limits = stores
    carriers.learn(THEIRS, Subscription(Carrier.VERIZON, "", START_MS))
    limits.push(pacing.recipient_key(THEIRS), START_MS + 9_000)

    carriers.forget(THEIRS)
    carriers.forget(OTHER)

    assert carriers.subscriptions([THEIRS, OTHER]) == {}
    assert limits.read_gate(THEIRS, OURS).not_before_ms == START_MS + 9_000


def test_a_day_takes_what_fits_from_the_front_and_no_more(stores: Stores) -> None:
    carriers, _ = stores

    assert carriers.take(Carrier.T_MOBILE, DAY, 10, [4, 4, 4, 1], END_MS) == 2
    assert carriers.take(Carrier.T_MOBILE, DAY, 10, [3], END_MS) == 0
    assert carriers.take(Carrier.T_MOBILE, DAY, 10, [1, 1, 1], END_MS) == 2
    assert carriers.take(Carrier.T_MOBILE, DAY, 10, [1], END_MS) == 0
    assert carriers.take(Carrier.T_MOBILE, DAY, 11, [1], END_MS) == 1
    assert carriers.take(Carrier.T_MOBILE, "2023-11-15", 10, [10], END_MS) == 1
    assert carriers.take(Carrier.OTHER, DAY, 10, [11], END_MS) == 0
    assert carriers.take(Carrier.OTHER, DAY, 10, [], END_MS) == 0


def test_what_is_given_back_can_be_taken_again_and_a_count_never_goes_below_zero(stores: Stores) -> None:
    carriers, _ = stores
    carriers.take(Carrier.T_MOBILE, DAY, 10, [10], END_MS)

    carriers.give_back(Carrier.T_MOBILE, DAY, 3)
    carriers.give_back(Carrier.T_MOBILE, DAY, 8)
    carriers.give_back(Carrier.ATT, DAY, 1)

    assert (carriers.read_count(Carrier.T_MOBILE, DAY), carriers.read_count(Carrier.ATT, DAY)) == (7, 0)
    assert carriers.take(Carrier.T_MOBILE, DAY, 10, [2, 2], END_MS) == 1
    assert carriers.take(Carrier.ATT, DAY, 1, [2], END_MS) == 0


def test_writers_side_by_side_take_no_more_than_there_is(request: pytest.FixtureRequest, stores: Stores) -> None:
    carriers, _ = stores
    days = (f"2023-11-{number:02}" for number in itertools.count(1))

    def make() -> Trial:
        day = next(days)

        def check(run: Run) -> None:
            assert sum(took for took in run.returned if isinstance(took, int)) == 10
            assert carriers.take(Carrier.T_MOBILE, day, 10, [1], END_MS) == 0

        return [lambda: carriers.take(Carrier.T_MOBILE, day, 10, [1] * 4, END_MS)] * 3, check

    if isinstance(carriers, FakeCarriers):
        assert interleave.every(make) >= 2
    else:
        with interleave.stopping(request.getfixturevalue("dynamodb")):
            interleave.sample(make, 12, seed=2026)


def test_a_stop_is_each_carriers_own_and_never_ends_sooner(stores: Stores) -> None:
    carriers, limits = stores
    long = CarrierStop(Carrier.T_MOBILE, START_MS + 60_000, HeldBy.CARRIER_DAY_CAP)
    short = CarrierStop(Carrier.T_MOBILE, START_MS + 30_000, HeldBy.CARRIER_RATE)
    att = CarrierStop(Carrier.ATT, START_MS + 10_000, HeldBy.CARRIER_RATE)
    for stop in (long, short, att):
        carriers.stop(OURS, stop)

    assert limits.read_gate(THEIRS, OURS).carrier_stops == (att, long)
    assert limits.read_gate(THEIRS, OTHER).carrier_stops == ()
    assert limits.read_gate(THEIRS, OURS).sender == Limiter()


def test_what_the_provider_reported_of_a_campaign_is_its_senders_and_the_last_word_counts(stores: Stores) -> None:
    carriers, limits = stores
    carriers.know(OURS, CampaignFacts(START_MS, "751c6a5c", "ASSIGNED", "A", 4500, "TOP", 200_000))
    latest = CampaignFacts(START_MS + 1, "751c6a5c", "PENDING_ASSIGNMENT", "T", 75)
    carriers.know(OURS, latest)

    assert limits.read_gate(THEIRS, OURS).campaign == latest
    assert limits.read_gate("", OURS).campaign == latest
    assert limits.read_gate(THEIRS, "").campaign is None


# ---------------------------------------------------------------------------------------------- refusals


def _refusal(left_ms: int, brakes: Brakes = "minute", carrier: Carrier = Carrier.ATT) -> CarrierRefusal:
    return CarrierRefusal(carrier, brakes, left_ms, left_ms + 1_000, left_ms + 1_000)


def test_a_refusal_stops_its_carrier_and_one_after_that_stop_for_longer(stores: Stores) -> None:
    carriers, limits = stores
    first = CarrierStop(Carrier.ATT, START_MS + 61_000, HeldBy.CARRIER_RATE)

    assert carriers.refused(OURS, _refusal(START_MS)) == first
    assert limits.read_gate(THEIRS, OURS).carrier_stops == (first,)
    # These left before it.
    assert carriers.refused(OURS, _refusal(START_MS)) is None
    assert carriers.refused(OURS, _refusal(START_MS + 900)) is None
    assert limits.read_gate(THEIRS, OURS).carrier_stops == (first,)

    second = CarrierStop(Carrier.ATT, START_MS + 182_000, HeldBy.CARRIER_RATE, times=2)
    assert carriers.refused(OURS, _refusal(START_MS + 61_000)) == second
    assert limits.read_gate(THEIRS, OURS).carrier_stops == (second,)
    assert limits.read_gate(THEIRS, OTHER).carrier_stops == ()


def test_a_refusal_ends_no_longer_stop_and_a_longer_one_counts(stores: Stores) -> None:
    carriers, limits = stores
    set_by_hand = CarrierStop(Carrier.T_MOBILE, START_MS + 5_000, HeldBy.PROVIDER_BACKOFF)
    carriers.stop(OURS, set_by_hand)

    day = carriers.refused(OURS, _refusal(START_MS, "day", Carrier.T_MOBILE))
    assert day
    assert (day.held_by, day.times) == (HeldBy.CARRIER_DAY_CAP, 1)
    assert carriers.refused(OURS, _refusal(START_MS + 100, "queue", Carrier.T_MOBILE)) is None
    carriers.stop(OURS, set_by_hand)

    assert limits.read_gate(THEIRS, OURS).carrier_stops == (day,)
    assert limits.read_gate(THEIRS, OURS).sender == Limiter()


def test_of_refusals_side_by_side_one_stops_the_carrier(request: pytest.FixtureRequest, stores: Stores) -> None:
    carriers, limits = stores
    senders = (f"+1202555{number:04}" for number in itertools.count())

    def make() -> Trial:
        sender = next(senders)
        carriers.refused(sender, _refusal(START_MS))

        def job(after_ms: int) -> Job:
            return lambda: carriers.refused(sender, _refusal(START_MS + 61_000 + after_ms))

        def check(run: Run) -> None:
            stops = [stop for stop in run.returned if isinstance(stop, CarrierStop)]
            assert [stop.times for stop in stops] == [2]
            assert limits.read_gate(THEIRS, sender).carrier_stops == tuple(stops)

        return [job(0), job(1), job(2)], check

    if isinstance(carriers, FakeCarriers):
        assert interleave.every(make) >= 2
    else:
        with interleave.stopping(request.getfixturevalue("dynamodb")):
            interleave.sample(make, 12, seed=2026)


def test_a_stop_whose_answer_was_lost_is_that_refusals_own(dynamodb: "DynamoDBClient") -> None:
    carriers = DynamoCarriers(dynamodb, create_table(dynamodb, "LimitsTable"))

    with repeated(dynamodb, "UpdateItem") as done:
        first = carriers.refused(OURS, _refusal(START_MS))
    assert done
    assert first
    with repeated(dynamodb, "UpdateItem", times=2):
        second = carriers.refused(OURS, _refusal(first.until_ms))
    assert second
    assert second.times == 2
    with repeated(dynamodb, "UpdateItem"):
        carriers.stop(OURS, CarrierStop(Carrier.ATT, second.until_ms + 1, HeldBy.PROVIDER_BACKOFF))
    assert carriers.refused(OURS, _refusal(START_MS)) is None


def test_what_a_later_release_writes_is_read_as_far_as_it_is_known() -> None:
    facts = CampaignFacts(START_MS, "C1", "ASSIGNED", "W", 15, "LOW", 2_000, "T1")
    reported = asdict(facts)

    assert carrier_codec.campaign({"campaign": reported | {"verizon_class": "new", "per_hour": 5}}) == facts
    assert carrier_codec.subscription({"carrier": "dish", "carrier_seen": START_MS}) == Subscription(
        Carrier.OTHER, "", START_MS
    )
    assert carrier_codec.carrier_stops({"stop_att": START_MS, "stop_att_by": "a new reason"}) == (
        CarrierStop(Carrier.ATT, START_MS, HeldBy.PROVIDER_BACKOFF),
    )
