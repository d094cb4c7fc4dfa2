"""What every set of counters promises: each change counts once, however often and however cut it comes."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.counters import MOST_ITEMS, SHARDS, DynamoCounters, name_of
from longcode.domain.errors import Unavailable
from longcode.domain.events import Counted, CountKey
from longcode.domain.status import Status
from longcode.domain.tag_counts import TagCounts
from longcode.use_cases.publish_ports import Counters
from tests.chance import times
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes.clock import START_MS
from tests.support.fakes.counters import FakeCounters
from tests.support.interleave import Job, Run, Trial

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS
DAY_S = 86_400


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    return create_table(dynamodb, "MessagesTable")


@pytest.fixture
def real(dynamodb: "DynamoDBClient", table: str) -> DynamoCounters:
    return DynamoCounters(dynamodb, table)


@pytest.fixture(params=["fake", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> Counters:
    if request.param == "fake":
        return FakeCounters()
    real: DynamoCounters = request.getfixturevalue("real")
    return real


def at(status: Status, tag: str | None = None) -> CountKey:
    return status, tag


def comings(count: int, first: int = 0, tag: str | None = None) -> list[Counted]:
    """So many new messages."""
    return [Counted(f"e-{first + number}", None, at(Status.QUEUED, tag)) for number in range(count)]


def test_before_anything_came_there_is_nothing(counters: Counters) -> None:
    assert counters.read(None) == {}
    assert counters.read("parcels") == {}


def test_a_message_counts_among_all_and_among_those_of_its_tag(counters: Counters) -> None:
    counters.add([Counted("e-1", None, at(Status.QUEUED, "parcels")), *comings(1)], NOW)

    assert counters.read(None) == {"queued": 2}
    assert counters.read("parcels") == {"queued": 1}
    assert counters.read("news") == {}


def test_a_message_that_moves_on_leaves_where_it_was(counters: Counters) -> None:
    counters.add(comings(2, tag="parcels"), NOW)

    counters.add([Counted("e-9", at(Status.QUEUED, "parcels"), at(Status.SENT, "parcels"))], NOW)

    assert counters.read(None) == counters.read("parcels") == {"queued": 1, "sent": 1}


def test_a_message_that_goes_takes_its_count_along(counters: Counters) -> None:
    counters.add(comings(2, tag="parcels"), NOW)

    counters.add([Counted("e-9", at(Status.QUEUED, "parcels"), None)], NOW)

    assert counters.read(None) == counters.read("parcels") == {"queued": 1}


def test_a_message_from_before_the_counters_makes_none_negative(counters: Counters) -> None:
    counters.add([Counted("e-1", at(Status.SENT), at(Status.DELIVERED))], NOW)

    assert counters.read(None) == {"delivered": 1}


def test_the_same_batch_counts_once(counters: Counters) -> None:
    for _ in range(3):
        counters.add(comings(4, tag="parcels"), NOW)

    assert counters.read(None) == counters.read("parcels") == {"queued": 4}


def test_a_batch_that_comes_again_longer_counts_what_is_new(counters: Counters) -> None:
    counters.add(comings(3), NOW)
    counters.add(comings(5), NOW)

    assert counters.read(None) == {"queued": 5}


def test_a_batch_that_comes_again_in_pieces_counts_once(counters: Counters) -> None:
    counters.add(comings(6), NOW)
    for first, count in ((0, 2), (2, 1), (3, 5)):
        counters.add(comings(count, first), NOW)

    assert counters.read(None) == {"queued": 8}


def test_a_batch_that_changes_nothing_and_of_which_a_part_was_counted_counts_the_rest(counters: Counters) -> None:
    came, went = Counted("e-1", None, at(Status.QUEUED)), Counted("e-2", at(Status.QUEUED), None)
    counters.add([came], NOW)
    assert counters.read(None) == {"queued": 1}

    for _ in range(2):
        counters.add([came, went], NOW)
        assert counters.read(None) == {}


def test_a_batch_that_changes_nothing_and_was_counted_in_part_counts_the_rest(counters: Counters) -> None:
    life = [Counted("e-0", None, at(Status.QUEUED)), Counted("e-1", at(Status.QUEUED), None)]
    counters.add(life[:1], NOW)

    counters.add(life, NOW)

    assert counters.read(None) == {}


def test_a_batch_that_comes_again_in_pieces_of_which_one_changes_nothing_counts_once(counters: Counters) -> None:
    changes = [Counted("e-0", at(Status.SENT), at(Status.SENT)), *comings(2, first=1)]
    counters.add(changes, NOW)

    counters.add(changes[:1], NOW)
    counters.add(changes[1:], NOW)

    assert counters.read(None) == {"queued": 2}


def test_a_batch_of_more_tags_than_one_transaction_takes_counts_once(counters: Counters) -> None:
    many = [Counted(f"e-{number}", None, at(Status.QUEUED, f"tag {number}")) for number in range(MOST_ITEMS + 50)]

    counters.add(many, NOW)
    counters.add(many, NOW)

    assert counters.read(None) == {"queued": MOST_ITEMS + 50}
    assert {counters.read(f"tag {number}")["queued"] for number in range(MOST_ITEMS + 50)} == {1}


def more(tag: str, **by: int | Decimal) -> dict[tuple[str, str], int | Decimal]:
    """What is counted besides, by names in which two underscores are a dot."""
    return {(tag, name.replace("__", ".")): value for name, value in by.items()}


def test_of_a_tag_more_is_counted_exactly_once_and_of_all_only_the_statuses(counters: Counters) -> None:
    first = more("parcels", att__sent=1, taken=1, segments=2)
    then = more("parcels", att__sent=-1, att__delivered=1, cost__USD=Decimal("0.0051"))
    rows = [
        Counted("e-1", None, at(Status.SENT, "parcels"), first, "parcels", NOW),
        Counted("e-2", at(Status.SENT, "parcels"), at(Status.DELIVERED, "parcels"), then),
        Counted("e-3", None, None, more("parcels", opted_out=1)),
        # It changes nothing, and is still one of those that a batch is known by.
        Counted("e-4", None, None),
        Counted("e-5", None, None, more("parcels", cost__USD=Decimal("-0.0001"), segments=1)),
    ]

    for begin, end in ((0, 2), (0, 4), (2, 5), (0, 5)):
        counters.add(rows[begin:end], NOW)

    assert counters.read("parcels") == counters.read(None) == {"delivered": 1}
    assert counters.read_tag("parcels") == TagCounts(
        {"delivered": 1}, {"att": {"delivered": 1}}, {"USD": Decimal("0.0050")}, segments=3, taken=1, opted_out=1
    )
    assert counters.read_tag("news") == TagCounts()


def test_a_text_that_gets_another_tag_takes_what_is_counted_along(counters: Counters) -> None:
    spring, summer = at(Status.HELD, "spring"), at(Status.HELD, "summer")
    first = Counted("e-1", None, spring, more("spring", unknown__held=1), "spring", NOW)
    moves = more("spring", unknown__held=-1) | more("summer", unknown__held=1)

    counters.add([first, Counted("e-2", spring, summer, moves, "summer", NOW)], NOW)

    assert counters.read_tag("spring") == TagCounts()
    assert counters.read_tag("summer") == TagCounts({"held": 1}, {"unknown": {"held": 1}})


def test_the_tags_of_the_last_days_are_listed_each_once_the_latest_first(counters: Counters) -> None:
    days = {"old": 9, "spring sale": 2, "6#news": 1, "today": 0}
    for tag, days_ago in days.items():
        for number in range(12):
            accepted_ms = NOW - days_ago * DAY_S * 1000
            row = Counted(f"{tag}-{number}", None, at(Status.QUEUED, tag), {}, tag, accepted_ms)
            counters.add([row], NOW)

    assert counters.tags(NOW - 8 * DAY_S * 1000, 10) == ["today", "6#news", "spring sale"]
    assert counters.tags(NOW - 8 * DAY_S * 1000, 2) == ["today", "6#news"]
    assert counters.tags(NOW + DAY_S * 1000, 10) == []
    # A text of today brings an old tag back.
    counters.add([Counted("old-x", None, at(Status.QUEUED, "old"), {}, "old", NOW)], NOW)
    assert set(counters.tags(NOW, 10)) == {"old", "today"}


LIFE = (None, Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED, None)


@settings(deadline=None, max_examples=times(12), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_a_stream_is_cut_and_repeated_the_counts_are_its_truth(
    dynamodb: "DynamoDBClient", data: st.DataObject
) -> None:
    table = create_table(dynamodb, "MessagesTable")
    both: list[Counters] = [FakeCounters(), DynamoCounters(dynamodb, table)]
    stages = [0, 0, 0]
    stream: list[Counted] = []
    for number, who in enumerate(data.draw(st.lists(st.integers(0, 2), max_size=14))):
        if stages[who] + 1 < len(LIFE):
            before, after = LIFE[stages[who]], LIFE[stages[who] + 1]
            tag = "parcels" if who else None
            stages[who] += 1
            stream.append(
                Counted(f"e-{number}", at(before, tag) if before else None, at(after, tag) if after else None)
            )
    done = 0
    losses = data.draw(st.integers(0, 4))
    while done < len(stream):
        end = data.draw(st.integers(done + 1, len(stream)))
        for counters in both:
            counters.add(stream[done:end], NOW)
        # That this is done with is not known, and it comes again from its first on, cut otherwise.
        if losses and data.draw(st.booleans()):
            losses -= 1
        else:
            done = end

    for tag in (None, "parcels"):
        truth: dict[str, int] = {}
        for who, stage in enumerate(stages):
            status = LIFE[stage]
            if status and (tag is None or who):
                truth[status.value] = truth.get(status.value, 0) + 1
        assert [counters.read(tag) for counters in both] == [truth, truth]


# ------------------------------------------------------------------------- what only the table can show


class Watched:
    """A client whose writes fail on demand."""

    def __init__(self, client: "DynamoDBClient", *errors: Exception) -> None:
        self._client = client
        self.errors = list(errors)
        self.after = False
        self.writes = 0

    def transact_write_items(self, **arguments: Any) -> Any:
        self.writes += 1
        error = self.errors.pop(0) if self.errors else None
        if error and not self.after:
            raise error
        self._client.transact_write_items(**arguments)
        if error:
            raise error

    # Any: whichever other method of the client.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def cancelled(*codes: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(response, "TransactWriteItems")


TIMEOUT = ClientError({"Error": {"Code": "InternalServerError"}}, "TransactWriteItems")


def watched(dynamodb: "DynamoDBClient", table: str, *errors: Exception) -> tuple[DynamoCounters, Watched]:
    client = Watched(dynamodb, *errors)
    made = DynamoCounters(client, table, sleep=lambda _: None, chance=lambda: 0.0)  # type: ignore[arg-type]
    return made, client


def test_a_batch_is_one_write(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table)

    counters.add(comings(100, tag="parcels"), NOW)

    assert counters.read(None) == {"queued": 100}
    assert client.writes == 1


def test_what_changes_no_count_is_only_marked(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table)

    counters.add([], NOW)
    assert client.writes == 0
    counters.add([Counted("e-1", None, at(Status.QUEUED)), Counted("e-2", at(Status.QUEUED), None)], NOW)

    assert keys(dynamodb, table) == {f"B#{name_of('e-1')}"}
    assert client.writes == 1


def test_two_writers_at_once_both_count(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table, *[cancelled("None", "TransactionConflict")] * 3)

    counters.add(comings(2), NOW)

    assert counters.read(None) == {"queued": 2}
    assert client.writes == 4


@pytest.mark.parametrize(
    "errors",
    [[cancelled("None", "TransactionConflict")] * SHARDS, [cancelled("None", "ThrottlingError")], [TIMEOUT]],
)
def test_a_table_that_does_not_take_it_is_unavailable_and_the_next_try_counts(
    dynamodb: "DynamoDBClient", table: str, errors: list[Exception]
) -> None:
    counters, _ = watched(dynamodb, table, *errors)

    with pytest.raises(Unavailable, match="The counters"):
        counters.add(comings(2), NOW)
    counters.add(comings(2), NOW)

    assert counters.read(None) == {"queued": 2}


def test_a_write_that_is_still_under_way_is_asked_for_again(dynamodb: "DynamoDBClient", table: str) -> None:
    # botocore has repeated a write that hung.
    hangs = ClientError({"Error": {"Code": "TransactionInProgressException"}}, "TransactWriteItems")
    counters, client = watched(dynamodb, table, hangs)

    counters.add(comings(2), NOW)

    assert counters.read(None) == {"queued": 2}
    assert client.writes == 2


def test_it_waits_ever_longer_and_tries_another_item_each_time(dynamodb: "DynamoDBClient", table: str) -> None:
    waits: list[float] = []
    client = Watched(dynamodb, *[cancelled("None", "TransactionConflict")] * (SHARDS - 1))
    counters = DynamoCounters(client, table, sleep=waits.append, chance=lambda: 0.5)  # type: ignore[arg-type]

    counters.add(comings(1), NOW)

    assert waits == sorted(waits)
    assert 0 < waits[0] < waits[-1] < sum(waits) < 2
    # It began in the middle, and ended one before that.
    (written,) = [key for key in keys(dynamodb, table) if key.startswith("S#")]
    assert written == f"S#all{SHARDS // 2 - 1}"


def keys(dynamodb: "DynamoDBClient", table: str) -> set[str]:
    return {item["pk"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}


def test_a_tag_that_ends_in_a_number_is_no_part_of_another(dynamodb: "DynamoDBClient", table: str) -> None:
    for shard in range(SHARDS):
        counters = DynamoCounters(dynamodb, table, chance=lambda shard=shard: shard / SHARDS)  # type: ignore[misc]
        counters.add(comings(1, first=shard * 10, tag="parcels"), NOW)

    assert counters.read("parcels") == {"queued": SHARDS}
    for shard in range(SHARDS):
        assert counters.read(f"parcels{shard}") == counters.read(f"parcels#{shard}") == {}
        assert counters.read(f"{shard}#parcels") == {}


def test_what_the_version_with_one_item_counted_still_counts(dynamodb: "DynamoDBClient", table: str) -> None:
    for key in ("S#all", "S#tag#parcels"):
        dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, "queued": {"N": "5"}, "sent": {"N": "1"}})
    counters = DynamoCounters(dynamodb, table, chance=lambda: 0.9)

    counters.add([Counted("e-1", at(Status.QUEUED, "parcels"), at(Status.SENT, "parcels"))], NOW)

    assert counters.read(None) == counters.read("parcels") == {"queued": 4, "sent": 2}


# ----------------------------------------------------------------------------------- several at once


class Conflicting:
    """A client whose transactions take time, and meet: one that needs an item of another is cancelled, as DynamoDB
    does it and moto does not.
    """

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self._under_way: set[str] = set()
        self.conflicts = 0

    def transact_write_items(self, **arguments: Any) -> Any:
        items = arguments["TransactItems"]
        mine = [(item["Put"]["Item"] if "Put" in item else item["Update"]["Key"])["pk"]["S"] for item in items]
        interleave.pause("begins")
        if self._under_way.intersection(mine):
            self.conflicts += 1
            raise cancelled(*("TransactionConflict" if key in self._under_way else "None" for key in mine))
        self._under_way.update(mine)
        try:
            interleave.pause("ends")
            return self._client.transact_write_items(**arguments)
        finally:
            self._under_way.difference_update(mine)

    # Any: whichever other method of the client.
    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


# How several publishers run: over which counters, and what they have met.
AtOnce = tuple[Counters, Conflicting | None]


@pytest.fixture(params=["fake", "dynamodb"])
def several(request: pytest.FixtureRequest) -> Callable[[], AtOnce]:
    if request.param == "fake":
        return lambda: (FakeCounters(), None)
    client = Conflicting(request.getfixturevalue("dynamodb"))

    def make() -> AtOnce:
        table = create_table(request.getfixturevalue("dynamodb"), "MessagesTable")
        # All begin with the same shard, which is the worst that chance can do.
        counters = DynamoCounters(client, table, sleep=lambda _: None, chance=lambda: 0.0)  # type: ignore[arg-type]
        return counters, client

    return make


def adds(counters: Counters, *batches: Sequence[Counted]) -> Job:
    def job() -> None:
        for batch in batches:
            counters.add(batch, NOW)

    return job


def test_publishers_of_several_shards_at_once_all_count_and_none_has_to_come_again(
    several: Callable[[], AtOnce],
) -> None:
    met: list[Conflicting | None] = []

    def make() -> Trial:
        counters, client = several()
        met.append(client)
        jobs = [
            adds(counters, comings(2, first=100 * job, tag="parcels"), comings(1, first=100 * job + 50))
            for job in range(4)
        ]

        def judge(_: Run) -> None:
            # A job that had to come again would have ended the run by its Unavailable.
            assert (counters.read(None), counters.read("parcels")) == ({"queued": 12}, {"queued": 8})

        return jobs, judge

    interleave.sample(make, 40, seed=2026)

    assert met[-1] is None or met[-1].conflicts > 40


def test_one_that_is_under_way_for_as_long_as_the_others_need_stops_no_other(
    several: Callable[[], AtOnce],
) -> None:
    def make() -> Trial:
        counters, _ = several()
        return [adds(counters, comings(1)), adds(counters, comings(1, first=9))], lambda _: None

    # In some of these orders one is in the middle of its transaction until the other has done all that it does.
    assert interleave.every(make) >= 2


def test_the_same_batch_in_two_hands_at_once_counts_once(several: Callable[[], AtOnce]) -> None:
    def make() -> Trial:
        counters, _ = several()

        def again() -> None:
            # Lambda brings it again where it was not done with.
            for _ in range(20):
                try:
                    return counters.add(comings(3), NOW)
                except Unavailable:
                    interleave.pause("again")
            raise AssertionError("It never got through.")

        def judge(_: Run) -> None:
            assert counters.read(None) == {"queued": 3}

        return [again, again], judge

    interleave.sample(make, 60, seed=2026)


def test_a_write_whose_answer_was_lost_counts_once(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table, TIMEOUT)
    client.after = True

    with pytest.raises(Unavailable):
        counters.add(comings(2), NOW)
    counters.add(comings(3), NOW)

    assert counters.read(None) == {"queued": 3}


def test_a_marker_outlives_the_stream_and_no_part_of_a_counter_expires_by_itself(
    dynamodb: "DynamoDBClient", table: str
) -> None:
    DynamoCounters(dynamodb, table, chance=lambda: 0.0).add(comings(1, tag="parcels"), NOW)

    items = {item["pk"]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}
    ends = {key: int(item["expires_at"]["N"]) for key, item in items.items() if "expires_at" in item}
    now_s, marker = NOW // 1000, f"B#{name_of('e-0')}"
    assert items.keys() == {"S#all", "S#tag#parcels", marker}
    assert ends.keys() == {marker}
    assert ends[marker] > now_s + DAY_S
