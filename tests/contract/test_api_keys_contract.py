"""What every store of API keys promises: a key is as it was made, and of writes at once none is lost."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from longcode.aws.api_keys import DynamoApiKeys
from longcode.aws.dynamo import Item
from longcode.domain.api_keys import GUESTS_MOST, ApiKey, KeyKind, Scope
from longcode.use_cases.key_store import KeyStore
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes.api_keys import FakeApiKeys
from tests.support.fakes.clock import START_MS
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ONE, TWO = "+12025550123", "+12025550124"
LIVE = ApiKey("abc", "shop", KeyKind.LIVE, frozenset({Scope.SEND, Scope.READ}), START_MS)
LISTED = ApiKey("abc", "demo", KeyKind.GUEST_LIST, frozenset({Scope.SEND}), START_MS, guests=frozenset({ONE}))


@pytest.fixture(params=["fake", "dynamodb"])
def keys(request: pytest.FixtureRequest) -> KeyStore:
    if request.param == "fake":
        return FakeApiKeys()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoApiKeys(client, create_table(client, "MessagesTable"))


def test_a_key_is_read_as_it_was_made(keys: KeyStore) -> None:
    assert keys.get("abc") is None
    made = [
        LIVE,
        replace(LISTED, id="def"),
        replace(LISTED, id="ghi", guests=frozenset(), scopes=frozenset()),
        replace(LIVE, id="jkl", kind=KeyKind.TEST, scopes=frozenset(Scope), owner_id="abc", expires_ms=START_MS),
    ]

    assert all(keys.create(key) for key in made)

    assert [keys.get(key.id) for key in made] == made


def test_a_key_is_made_once_and_the_same_again_is_no_other(keys: KeyStore) -> None:
    assert keys.create(LIVE)
    assert keys.create(LIVE)

    assert not keys.create(replace(LIVE, scopes=frozenset(Scope)))

    assert keys.get("abc") == LIVE


def test_a_key_ends_at_the_moment_that_was_said_last_and_one_that_is_not_known_is_not_made(keys: KeyStore) -> None:
    assert not keys.end("abc", START_MS)
    assert not keys.end("abc", None)
    assert keys.get("abc") is None
    keys.create(LIVE)

    assert keys.end("abc", START_MS + 86_400_000)
    assert keys.end("abc", START_MS + 5)

    assert keys.get("abc") == replace(LIVE, expires_ms=START_MS + 5)
    assert keys.end("abc", None)
    assert keys.get("abc") == LIVE


def test_numbers_are_put_onto_a_guest_list_and_taken_off_it(keys: KeyStore) -> None:
    assert not keys.allow("abc", TWO)
    assert not keys.disallow("abc", TWO)
    keys.create(LISTED)

    assert keys.allow("abc", TWO)
    assert keys.allow("abc", TWO)
    assert keys.disallow("abc", ONE)
    assert keys.disallow("abc", ONE)
    assert keys.get("abc") == replace(LISTED, guests=frozenset({TWO}))

    assert keys.disallow("abc", TWO)
    assert keys.get("abc") == replace(LISTED, guests=frozenset())
    assert keys.allow("abc", ONE)
    assert keys.get("abc") == LISTED


def test_no_other_key_has_a_list(keys: KeyStore) -> None:
    keys.create(LIVE)

    assert not keys.allow("abc", ONE)
    assert not keys.disallow("abc", ONE)

    assert keys.get("abc") == LIVE


def test_a_list_has_a_hundred_numbers_and_no_more(keys: KeyStore) -> None:
    full = frozenset(f"+1202555{number:04}" for number in range(100, 100 + GUESTS_MOST))
    keys.create(replace(LISTED, guests=full))

    assert not keys.allow("abc", "+12025550999")
    assert keys.allow("abc", min(full))

    assert keys.get("abc") == replace(LISTED, guests=full)


def test_of_writes_at_once_none_is_lost_and_a_list_is_not_overfull(keys: KeyStore) -> None:
    tried = 0

    def make() -> Trial:
        nonlocal tried
        tried += 1
        ident = f"key {tried}"
        almost = frozenset(f"+1202555{number:04}" for number in range(100, 98 + GUESTS_MOST))
        keys.create(replace(LISTED, id=ident, guests=almost))
        new = [f"+12025559{number:03}" for number in range(4)]
        jobs = [
            *(lambda number=number: keys.allow(ident, number) for number in new),
            lambda: keys.end(ident, START_MS + 7),
        ]

        def check(run: Run) -> None:
            found = keys.get(ident)
            assert found
            assert found.expires_ms == START_MS + 7
            assert sum(map(bool, run.returned[:4])) == 2
            taken = {number for number, done in zip(new, run.returned[:4], strict=True) if done}
            assert found.guests == almost | taken

        return jobs, check

    if isinstance(keys, DynamoApiKeys):
        with interleave.stopping(keys._table.client):
            interleave.sample(make, 10, seed=2026)
    else:
        interleave.sample(make, 10, seed=2026)


def test_of_keys_made_at_once_under_one_id_one_is_made(keys: KeyStore) -> None:
    tried = 0

    def make() -> Trial:
        nonlocal tried
        tried += 1
        wanted = [replace(LIVE, id=f"key {tried}", name=f"name {number}") for number in range(4)]

        def check(run: Run) -> None:
            (place,) = [place for place, done in enumerate(run.returned) if done]
            assert keys.get(f"key {tried}") == wanted[place]

        return [lambda key=key: keys.create(key) for key in wanted], check

    if isinstance(keys, DynamoApiKeys):
        with interleave.stopping(keys._table.client):
            interleave.sample(make, 10, seed=2026)
    else:
        interleave.sample(make, 10, seed=2026)


def test_a_lost_answer_makes_and_changes_the_same(dynamodb: "DynamoDBClient") -> None:
    keys = DynamoApiKeys(dynamodb, create_table(dynamodb, "MessagesTable"))
    with repeated(dynamodb, "PutItem") as put:
        assert keys.create(LISTED)
    with repeated(dynamodb, "UpdateItem") as updated:
        assert keys.allow("abc", TWO)
        assert keys.disallow("abc", ONE)

    assert put == ["PutItem"]
    assert set(updated) == {"UpdateItem"}
    assert keys.get("abc") == replace(LISTED, guests=frozenset({TWO}))


def test_an_ended_key_outlives_the_backups_and_then_goes(dynamodb: "DynamoDBClient") -> None:
    keys = DynamoApiKeys(dynamodb, create_table(dynamodb, "MessagesTable"))
    keys.create(LIVE)
    (item,) = dynamodb.scan(TableName=keys._table.name)["Items"]
    assert item["pk"] == {"S": "K#abc"}
    assert "expires_at" not in item

    keys.end("abc", START_MS)

    (item,) = dynamodb.scan(TableName=keys._table.name)["Items"]
    assert int(item["expires_at"]["N"]) == START_MS // 1000 + 40 * 86_400


def test_what_a_later_version_says_of_a_key_gives_no_right(dynamodb: "DynamoDBClient") -> None:
    keys = DynamoApiKeys(dynamodb, create_table(dynamodb, "MessagesTable"))
    item: Item = {"pk": {"S": "K#abc"}, "kind": {"S": "of-tomorrow"}, "scopes": {"SS": ["send", "everything"]}}
    dynamodb.put_item(TableName=keys._table.name, Item=item)

    assert keys.get("abc") == ApiKey("abc", "", KeyKind.TEST, frozenset({Scope.SEND}), 0)
