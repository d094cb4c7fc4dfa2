"""What every store of webhook subscriptions promises, also to several who call at once."""

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from longcode.aws.subscriptions import DynamoSubscriptions
from longcode.domain.errors import Unavailable
from longcode.domain.subscriptions import DisabledReason, Secret, Subscription
from longcode.use_cases.subscription_store import Subscriptions
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes import FakeSubscriptions
from tests.support.fakes.clock import START_MS
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_numbers = itertools.count(1)


def subscription(**changes: object) -> Subscription:
    """A subscription with an id of its own."""
    number = next(_numbers)
    fields: dict[str, object] = {
        "id": f"whs_{number:022}",
        "url": "https://hooks.example.com/sms",
        "events": frozenset(["sms.received", "sms.opted_out"]),
        "secrets": (Secret("whsec_bmV3", None), Secret("whsec_b2xk", START_MS + 5)),
        "created_ms": START_MS + number,
        "description": "",
    }
    return Subscription(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Subscriptions:
    if request.param == "fake":
        return FakeSubscriptions()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    return DynamoSubscriptions(client, create_table(client, "WebhooksTable"), sleep=lambda _: None)


def made(store: Subscriptions, **changes: object) -> Subscription:
    """One that is in the store."""
    one = subscription(**changes)
    assert store.create(one, 20)
    return one


def test_what_is_created_is_there_as_it_was_the_oldest_first(store: Subscriptions) -> None:
    assert store.all() == []
    assert store.get("whs_nothing") is None

    later = made(store, created_ms=START_MS + 10_000, description="caf\u00e9 \N{SNOWMAN}", events=frozenset(["*"]))
    first = made(
        store, created_ms=START_MS - 1, disabled=DisabledReason.GONE, failing_since_ms=START_MS, secrets=()
    )

    assert store.all() == [first, later]
    assert [store.get(one.id) for one in (first, later)] == [first, later]


def test_there_are_at_most_so_many_and_one_that_goes_makes_room(store: Subscriptions) -> None:
    kept = [made(store) for _ in range(3)]

    assert not store.create(subscription(), 3)
    assert store.all() == kept

    assert store.delete(kept[0].id)
    assert not store.delete(kept[0].id)
    another = subscription()
    assert store.create(another, 3)
    assert not store.create(subscription(), 3)
    assert store.all() == [*kept[1:], another]


def test_a_change_leaves_what_it_does_not_name(store: Subscriptions) -> None:
    one = made(store)
    cases: list[tuple[dict[str, object], dict[str, object]]] = [
        ({}, {}),
        ({"description": "of the shop"}, {"description": "of the shop"}),
        ({"url": "https://other.example.com/"}, {"url": "https://other.example.com/"}),
        ({"events": frozenset(["*"])}, {"events": frozenset(["*"])}),
        ({"enabled": False}, {"disabled": DisabledReason.REQUEST}),
        ({"enabled": False}, {"disabled": DisabledReason.REQUEST}),
        ({"description": ""}, {"description": ""}),
        ({"enabled": True}, {"disabled": None}),
    ]
    expected = {name: getattr(one, name) for name in one.__slots__}
    for asked, changed in cases:
        expected |= changed
        after = store.change(one.id, **asked)  # type: ignore[arg-type]
        assert after == store.get(one.id) == Subscription(**expected), asked

    assert store.change("whs_nothing", enabled=True) is None
    assert store.change("whs_nothing") is None
    assert len(store.all()) == 1


def test_one_that_is_enabled_again_counts_as_not_failing_and_so_does_one_with_another_url(
    store: Subscriptions,
) -> None:
    one = made(store)
    store.note_failing(one.id, START_MS)
    assert store.disable(one.id, DisabledReason.FAILING)
    # Its user's own word does not hide why.
    assert store.change(one.id, enabled=False).disabled is DisabledReason.FAILING  # type: ignore[union-attr]

    assert store.change(one.id, enabled=True) == one

    store.note_failing(one.id, START_MS)
    assert store.change(one.id, description="x").failing_since_ms == START_MS  # type: ignore[union-attr]
    assert store.change(one.id, url=one.url).failing_since_ms is None  # type: ignore[union-attr]


def test_secrets_are_replaced_if_they_are_what_they_were(store: Subscriptions) -> None:
    one = made(store)
    after = (Secret("whsec_YWZ0ZXI="), Secret("whsec_bmV3", START_MS + 9))

    assert store.set_secrets(one.id, one.secrets, after)
    assert not store.set_secrets(one.id, one.secrets, (Secret("whsec_b3RoZXI="),))
    assert not store.set_secrets("whs_nothing", (), after)

    found = store.get(one.id)
    assert found
    assert found.secrets == after
    assert store.get("whs_nothing") is None


def test_failing_since_is_the_earliest_moment_until_a_delivery_succeeds(store: Subscriptions) -> None:
    one = made(store)
    for said, expected in ((5, 5), (9, 5), (5, 5), (3, 3)):
        after = store.note_failing(one.id, START_MS + said)
        assert after
        assert after == store.get(one.id)
        assert after.failing_since_ms == START_MS + expected

    store.note_success(one.id)
    store.note_success(one.id)
    assert store.get(one.id) == one
    assert store.note_failing(one.id, START_MS + 9).failing_since_ms == START_MS + 9  # type: ignore[union-attr]

    store.note_success("whs_nothing")
    assert store.note_failing("whs_nothing", START_MS) is None
    assert store.get("whs_nothing") is None


def test_one_call_disables(store: Subscriptions) -> None:
    one = made(store)

    assert store.disable(one.id, DisabledReason.GONE)
    assert not store.disable(one.id, DisabledReason.FAILING)
    assert not store.disable("whs_nothing", DisabledReason.GONE)

    found = store.get(one.id)
    assert found
    assert found.disabled is DisabledReason.GONE
    assert not found.wants("sms.received")


# --------------------------------------------------------------------------------------------- several at once


def check(store: Subscriptions, request: pytest.FixtureRequest, make: Callable[[], Trial], times: int = 6) -> None:
    """Check a trial in every order of the fake's calls, and in some of the real table's."""
    if isinstance(store, FakeSubscriptions):
        assert interleave.every(make) >= 2
        return
    with interleave.stopping(request.getfixturevalue("dynamodb")):
        interleave.sample(make, times, seed=2026)


def cleared(store: Subscriptions) -> None:
    for one in store.all():
        store.delete(one.id)


@pytest.mark.parametrize("there", [0, 2, 3])
def test_several_that_create_at_once_never_make_too_many(
    store: Subscriptions, request: pytest.FixtureRequest, there: int
) -> None:
    def make() -> Trial:
        cleared(store)
        for _ in range(there):
            made(store)
        new = [subscription() for _ in range(3)]

        def judge(run: Run) -> None:
            created = {one.id for one, done in zip(new, run.returned, strict=True) if done}
            assert len(store.all()) == max(3, there)
            assert created == {one.id for one in store.all()} & {one.id for one in new}

        return [lambda one=one: store.create(one, 3) for one in new], judge

    check(store, request, make)


def test_one_creates_while_another_deletes(store: Subscriptions, request: pytest.FixtureRequest) -> None:
    def make() -> Trial:
        cleared(store)
        old, other, new = made(store), made(store), subscription()

        def judge(run: Run) -> None:
            kept = {one.id for one in store.all()}
            assert run.returned[1] is True
            assert kept == {other.id} | ({new.id} if run.returned[0] else set())

        return [lambda: store.create(new, 2), lambda: store.delete(old.id)], judge

    check(store, request, make)


def test_of_several_that_rotate_or_disable_at_once_one_does(
    store: Subscriptions, request: pytest.FixtureRequest
) -> None:
    def make() -> Trial:
        cleared(store)
        one = made(store)
        choices = [(Secret(f"whsec_{name}"),) for name in ("YQ==", "Yg==")]

        def judge(run: Run) -> None:
            found = store.get(one.id)
            assert found
            assert sorted(map(str, run.returned)) == ["False", "False", "True", "True"]
            assert found.secrets == choices[run.returned.index(True)]
            reasons = (DisabledReason.GONE, DisabledReason.FAILING)
            assert found.disabled is reasons[run.returned[2:].index(True)]

        return [
            lambda: store.set_secrets(one.id, one.secrets, choices[0]),
            lambda: store.set_secrets(one.id, one.secrets, choices[1]),
            lambda: store.disable(one.id, DisabledReason.GONE),
            lambda: store.disable(one.id, DisabledReason.FAILING),
        ], judge

    check(store, request, make)


def test_two_that_note_a_failure_leave_the_earlier_and_two_that_change_lose_nothing(
    store: Subscriptions, request: pytest.FixtureRequest
) -> None:
    def make() -> Trial:
        cleared(store)
        one = made(store)

        def judge(_: Run) -> None:
            found = store.get(one.id)
            assert found
            assert found.failing_since_ms == START_MS + 3
            assert (found.description, found.events) == ("a", frozenset(["*"]))

        return [
            lambda: store.note_failing(one.id, START_MS + 5),
            lambda: store.note_failing(one.id, START_MS + 3),
            lambda: store.change(one.id, description="a"),
            lambda: store.change(one.id, events=frozenset(["*"])),
        ], judge

    check(store, request, make)


# ------------------------------------------------------------------------------------- of the real table alone


@pytest.fixture
def real(dynamodb: "DynamoDBClient") -> DynamoSubscriptions:
    return DynamoSubscriptions(dynamodb, create_table(dynamodb, "WebhooksTable"), sleep=lambda _: None)


def test_a_write_whose_answer_is_lost_says_what_it_did(
    real: DynamoSubscriptions, dynamodb: "DynamoDBClient"
) -> None:
    one = subscription()
    with repeated(dynamodb, "TransactWriteItems"):
        assert real.create(one, 1)
    after = (Secret("whsec_YWZ0ZXI="),)
    with repeated(dynamodb, "UpdateItem"):
        assert real.set_secrets(one.id, one.secrets, after)
    with repeated(dynamodb, "UpdateItem"):
        assert real.disable(one.id, DisabledReason.GONE)

    (found,) = real.all()
    assert (found.secrets, found.disabled) == (after, DisabledReason.GONE)


def test_a_creation_that_always_meets_others_gives_up(
    real: DynamoSubscriptions, dynamodb: "DynamoDBClient"
) -> None:
    others = iter([subscription() for _ in range(20)])

    def meet(**_: object) -> None:
        dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", meet)
        assert real.create(next(others), 20)
        dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", meet)

    dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", meet)
    try:
        with pytest.raises(Unavailable):
            real.create(subscription(), 20)
    finally:
        dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", meet)
    assert len(real.all()) == 8


def test_a_secret_is_in_no_representation() -> None:
    assert "bmV3" not in repr(subscription())
