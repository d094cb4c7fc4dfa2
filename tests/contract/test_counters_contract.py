"""What every set of counters promises: each change counts once, however often and however cut it is told."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.counters import MOST_ITEMS, DynamoCounters
from longcode.errors import Unavailable
from longcode.message import Status
from longcode.ports import Counted, Counters, Place
from tests.contract.tables import create_table
from tests.fakes.clock import START_MS
from tests.fakes.counters import FakeCounters

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

NOW = START_MS
DAY_S = 86_400


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    return create_table(dynamodb, "MessagesTable")


@pytest.fixture
def real(dynamodb: "DynamoDBClient", table: str) -> DynamoCounters:
    return DynamoCounters(dynamodb, table, retention_days=90)


@pytest.fixture(params=["fake", "dynamodb"])
def counters(request: pytest.FixtureRequest) -> Counters:
    if request.param == "fake":
        return FakeCounters()
    real: DynamoCounters = request.getfixturevalue("real")
    return real


def at(status: Status, tag: str | None = None) -> Place:
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


LIFE = (None, Status.QUEUED, Status.SENDING, Status.SENT, Status.DELIVERED, None)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_however_a_stream_is_cut_and_repeated_the_counts_are_its_truth(
    dynamodb: "DynamoDBClient", data: st.DataObject
) -> None:
    table = create_table(dynamodb, "MessagesTable")
    both: list[Counters] = [FakeCounters(), DynamoCounters(dynamodb, table, retention_days=90)]
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
        # Nobody hears that this is done with, and it comes again from its first on, cut otherwise.
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
    """A client whose writes fail as they are told to."""

    def __init__(self, client: "DynamoDBClient", *errors: Exception) -> None:
        self._client = client
        self.errors = list(errors)
        self.after = False
        self.writes = 0
        self.waits: list[float] = []

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
    adapter: Any = client
    return DynamoCounters(adapter, table, retention_days=90, sleep=client.waits.append), client


def test_a_batch_is_one_write(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table)

    counters.add(comings(100, tag="parcels"), NOW)

    assert counters.read(None) == {"queued": 100}
    assert client.writes == 1


def test_what_changes_no_count_is_no_write(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table)

    counters.add([Counted("e-1", None, at(Status.QUEUED)), Counted("e-2", at(Status.QUEUED), None)], NOW)
    counters.add([], NOW)

    assert dynamodb.scan(TableName=table)["Items"] == []
    assert client.writes == 0


def test_two_writers_at_once_both_count(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table, *[cancelled("None", "TransactionConflict")] * 3)

    counters.add(comings(2), NOW)

    assert counters.read(None) == {"queued": 2}
    assert client.writes == 4
    assert client.waits == [0.05, 0.1, 0.2]


@pytest.mark.parametrize(
    "errors", [[cancelled("None", "TransactionConflict")] * 5, [cancelled("None", "ThrottlingError")], [TIMEOUT]]
)
def test_a_table_that_does_not_take_it_is_unavailable_and_the_next_try_counts(
    dynamodb: "DynamoDBClient", table: str, errors: list[Exception]
) -> None:
    counters, _ = watched(dynamodb, table, *errors)

    with pytest.raises(Unavailable, match="The counters"):
        counters.add(comings(2), NOW)
    counters.add(comings(2), NOW)

    assert counters.read(None) == {"queued": 2}


def test_a_write_whose_answer_was_lost_counts_once(dynamodb: "DynamoDBClient", table: str) -> None:
    counters, client = watched(dynamodb, table, TIMEOUT)
    client.after = True

    with pytest.raises(Unavailable):
        counters.add(comings(2), NOW)
    counters.add(comings(3), NOW)

    assert counters.read(None) == {"queued": 3}


def test_a_marker_outlives_the_stream_and_a_tag_its_last_message(
    dynamodb: "DynamoDBClient", table: str, real: DynamoCounters
) -> None:
    real.add(comings(1, tag="parcels"), NOW)

    items = {item["pk"]["S"]: item for item in dynamodb.scan(TableName=table)["Items"]}
    ends = {key: int(item["expires_at"]["N"]) for key, item in items.items() if "expires_at" in item}
    now_s = NOW // 1000
    assert items.keys() == {"S#all", "S#tag#parcels", "B#e-0"}
    assert ends.keys() == {"S#tag#parcels", "B#e-0"}
    assert ends["B#e-0"] > now_s + DAY_S
    assert ends["S#tag#parcels"] > now_s + 90 * DAY_S + 7 * DAY_S
