"""What every ledger of opt-outs promises: the latest word counts, whatever order the words come in."""

import itertools
from typing import TYPE_CHECKING

import pytest

from longcode.limits import DynamoLimits
from longcode.optouts import DynamoOptOuts
from longcode.ports import Limits, OptOut, OptOutChange, OptOuts
from tests.contract.tables import create_table
from tests.fakes import FakeLimits, FakeOptOuts
from tests.fakes.clock import START_MS
from tests.fakes.examples import OURS, THEIRS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

STOP = OptOutChange(START_MS, True, "keyword", "m-1")
START = OptOutChange(START_MS + 10, False, "carrier", "m-2")
STOP_AGAIN = OptOutChange(START_MS + 20, True, "api", "key-1")


@pytest.fixture(params=["fake", "dynamodb"])
def both(request: pytest.FixtureRequest) -> tuple[OptOuts, Limits]:
    """The ledger, and the limits that look into it."""
    if request.param == "fake":
        fake = FakeOptOuts()
        return fake, FakeLimits(fake)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    return DynamoOptOuts(client, table), DynamoLimits(client, create_table(client, "LimitsTable"), table)


@pytest.fixture
def optouts(both: tuple[OptOuts, Limits]) -> OptOuts:
    return both[0]


def test_a_number_that_never_said_anything_is_not_in_the_ledger(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert optouts.get(THEIRS) is None
    assert list(optouts.page(None, 10)) == []
    assert not limits.look(THEIRS, OURS).opted_out


def test_an_opt_out_is_seen_where_it_is_decided_whether_to_send(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert optouts.put(THEIRS, STOP)

    assert optouts.get(THEIRS) == OptOut(THEIRS, True, (STOP,))
    assert limits.look(THEIRS, OURS).opted_out
    assert not limits.look("+12025550124", OURS).opted_out


def test_an_opt_in_is_seen_too_and_the_history_stays(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both
    optouts.put(THEIRS, STOP)

    assert optouts.put(THEIRS, START)

    assert optouts.get(THEIRS) == OptOut(THEIRS, False, (STOP, START))
    assert not limits.look(THEIRS, OURS).opted_out
    assert list(optouts.page(None, 10)) == []


def test_the_same_word_twice_is_one(optouts: OptOuts) -> None:
    assert optouts.put(THEIRS, STOP)
    assert not optouts.put(THEIRS, STOP)

    found = optouts.get(THEIRS)
    assert found
    assert found.changes == (STOP,)


@pytest.mark.parametrize("order", list(itertools.permutations([STOP, START, STOP_AGAIN])), ids=str)
def test_the_latest_word_counts_in_whatever_order_they_come(
    optouts: OptOuts, order: tuple[OptOutChange, ...]
) -> None:
    for change in order:
        optouts.put(THEIRS, change)

    found = optouts.get(THEIRS)
    assert found
    assert found.opted_out
    assert found.changes[-1].opted_out


def test_what_changes_nothing_is_no_line_in_the_history(optouts: OptOuts) -> None:
    assert optouts.put(THEIRS, STOP)
    assert not optouts.put(THEIRS, STOP_AGAIN)
    # But it was said: what was said before that comes too late.
    assert not optouts.put(THEIRS, START)

    assert optouts.get(THEIRS) == OptOut(THEIRS, True, (STOP,))


def test_the_opted_out_are_listed_in_pages_the_longest_first(optouts: OptOuts) -> None:
    for number in range(5):
        optouts.put(f"+1202555010{number}", OptOutChange(START_MS + 5 - number, True, "api"))
    optouts.put("+12025550109", START)

    first = list(optouts.page(None, 3))
    last = first[-1]
    second = list(optouts.page((last.changes[-1].at_ms, last.number), 3))

    assert [entry.number for entry in first] == ["+12025550104", "+12025550103", "+12025550102"]
    assert [entry.number for entry in second] == ["+12025550101", "+12025550100"]
