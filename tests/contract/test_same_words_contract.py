"""What every store of words promises: of those who take the same words at once, one has them."""

from typing import TYPE_CHECKING

import pytest

from longcode.aws.duplicates import DynamoSameWords
from longcode.use_cases.duplicate_store import First, SameWords
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes.clock import START_MS
from tests.support.fakes.same_words import FakeSameWords
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

BEFORE = START_MS - 60_000


@pytest.fixture(params=["fake", "dynamodb"])
def words(request: pytest.FixtureRequest) -> SameWords:
    if request.param == "fake":
        return FakeSameWords()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoSameWords(client, create_table(client, "LimitsTable"))


def test_the_first_has_the_words_until_a_while_has_passed(words: SameWords) -> None:
    assert words.take("a", "first", START_MS, BEFORE) is None

    assert words.take("a", "second", START_MS + 5, BEFORE) == First("first", START_MS)
    assert words.take("a", "second", START_MS + 5, START_MS - 1) == First("first", START_MS)
    assert words.take("b", "second", START_MS + 5, BEFORE) is None
    assert words.take("a", "second", START_MS + 60_000, START_MS) is None
    assert words.take("a", "first", START_MS + 60_001, START_MS + 1) == First("second", START_MS + 60_000)


def test_who_has_the_words_takes_them_again_and_for_longer(words: SameWords) -> None:
    words.take("a", "first", START_MS, BEFORE)

    assert words.take("a", "first", START_MS + 50_000, BEFORE) is None
    assert words.take("a", "second", START_MS + 70_000, START_MS + 10_000) == First("first", START_MS + 50_000)


def test_who_makes_way_is_replaced_and_no_other(words: SameWords) -> None:
    words.take("a", "first", START_MS, BEFORE)

    assert words.take("a", "second", START_MS + 1, BEFORE, instead_of="third") == First("first", START_MS)
    assert words.take("a", "second", START_MS + 1, BEFORE, instead_of="first") is None
    assert words.take("a", "third", START_MS + 2, BEFORE, instead_of="first") == First("second", START_MS + 1)


def test_words_are_given_back_by_who_has_them_alone(words: SameWords) -> None:
    words.give_back("a", "first")
    words.take("a", "first", START_MS, BEFORE)
    words.give_back("a", "second")
    assert words.take("a", "second", START_MS + 1, BEFORE) == First("first", START_MS)

    words.give_back("a", "first")
    words.give_back("a", "first")

    assert words.take("a", "second", START_MS + 2, BEFORE) is None


def test_of_64_at_once_exactly_one_has_the_words(words: SameWords) -> None:
    tried = 0

    def make() -> Trial:
        nonlocal tried
        tried += 1
        digest = f"digest {tried}"
        jobs = [
            lambda number=number: words.take(digest, f"text {number}", START_MS, BEFORE) for number in range(64)
        ]

        def check(run: Run) -> None:
            first = words.take(digest, "late", START_MS, BEFORE)
            assert first
            assert [found for found in run.returned if found] == [first] * 63
            assert run.returned[int(first.message_id.split()[1])] is None

        return jobs, check

    if isinstance(words, DynamoSameWords):
        with interleave.stopping(words._table.client):
            interleave.sample(make, 1, seed=2026)
    else:
        interleave.sample(make, 3, seed=2026)


def test_a_lost_answer_takes_and_gives_back_the_same(dynamodb: "DynamoDBClient") -> None:
    words = DynamoSameWords(dynamodb, create_table(dynamodb, "LimitsTable"))
    with repeated(dynamodb, "UpdateItem") as done:
        assert words.take("a", "first", START_MS, BEFORE) is None
    with repeated(dynamodb, "UpdateItem") as again:
        words.give_back("a", "first")

    assert done == again == ["UpdateItem"]
    assert words.take("a", "second", START_MS, BEFORE) is None
