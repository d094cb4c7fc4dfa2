"""longcode.client against the real handlers: each method, what it asks, and how its answer is read."""

import dataclasses
import inspect
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from longcode.client import AsyncClient, BatchText, Client, Refused
from longcode.client.methods import Listing, Method, Methods
from longcode.entrypoints.routes import ROUTES
from tests.chance import showing
from tests.client.api_of_contract import ANSWERS, EVENT_ID, SUBSCRIPTION, ContractApi
from tests.support.api_bridge import KEY, URL, Bridge, finished
from tests.support.fakes import OURS, THEIRS, World, make_world
from tests.support.fakes.webhooks import inbound

HOUR_MS = 3_600_000


@pytest.fixture
def world() -> Iterator[World]:
    made = make_world()
    made.report()
    yield made
    assert made.logger.crashes == []


@pytest.fixture
def bridge(world: World) -> Bridge:
    return Bridge(world)


def later(world: World, hours: float = 1) -> datetime:
    return datetime.fromtimestamp(world.clock.now_ms() / 1000, UTC) + timedelta(hours=hours)


# ------------------------------------------------------------------------------- over the real handlers


def test_a_text_that_is_sent_is_taken_once_and_its_status_has_all_of_it(world: World, bridge: Bridge) -> None:
    with bridge.client() as client:
        sent = client.send(THEIRS, "Hello", metadata={"tag": "greetings"}, priority="bulk", max_segments=1)
        world.clock.pass_ms(1_000)
        found = client.status(sent.message_id)

    assert [(text.recipient, text.text) for text in world.provider.texts] == [(THEIRS, "Hello")]
    assert (sent.sender, sent.to, sent.segments) == (OURS, THEIRS, 1)
    assert (found.message_id, found.status, found.text) == (sent.message_id, "delivered", "Hello")
    assert (found.direction, found.metadata, found.priority) == ("outbound", {"tag": "greetings"}, "bulk")
    assert found.accepted_at is not None
    assert found.accepted_at.tzinfo is not None
    assert [entry["status"] for entry in found.history][-1] == "delivered"
    assert found.fields["recipient"] == THEIRS


def test_a_text_that_waits_is_changed_cancelled_and_leaves_not(world: World, bridge: Bridge) -> None:
    with bridge.client() as client:
        at = later(world)
        held = client.queue(THEIRS, "At ten", send_at=at, ttl_s=600, metadata={"tag": "visits"})
        changed = client.change(held.message_id, message="At eleven", send_at=at + timedelta(hours=1), ttl_s=60)
        gone = client.cancel(held.message_id)
        with pytest.raises(Refused) as refused:
            client.change(held.message_id, message="At twelve")

    assert (held.status, held.held_by, held.eta) == ("held", "schedule", at)
    assert (changed.text, changed.send_at) == ("At eleven", at + timedelta(hours=1))
    assert (gone.message_id, gone.status) == (held.message_id, "cancelled")
    assert (refused.value.code, refused.value.status, refused.value.fields["status"]) == (
        "too_late",
        409,
        "cancelled",
    )
    assert refused.value.message_id == held.message_id
    world.clock.pass_ms(3 * HOUR_MS)
    world.reconcile()
    assert world.provider.texts == []


def test_a_batch_its_dry_run_and_its_token(world: World, bridge: Bridge) -> None:
    texts: list[BatchText] = [
        {"to": THEIRS, "values": {"name": "Ana"}},
        {"to": "+12025550124", "values": {"name": "Ben"}, "send_at": later(world).isoformat()},
        {"to": "+12025550125", "values": {}},
    ]
    with bridge.client() as client:
        seen = client.dry_run(texts, template="Hi {name}", metadata={"tag": "hello"})
        assert world.messages.all == []
        assert seen.token
        first, again = (
            client.batch(texts, template="Hi {name}", metadata={"tag": "hello"}, token=seen.token)
            for _ in range(2)
        )
        tag = client.tag("hello")

    assert [row.valid for row in seen.messages] == [True, True, False]
    assert (seen.totals.valid, seen.totals.refused, seen.messages[2].field) == (2, 1, "values.name")
    assert [row.accepted for row in first.messages] == [True, True, False]
    assert (first.accepted, first.refused, first.messages[2].status_code) == (2, 1, 400)
    assert first.messages[1].held_by == "schedule"
    # The token is the key: one of the client's own would send the list again.
    assert [row.message_id for row in again.messages] == [row.message_id for row in first.messages]
    assert len(world.messages.all) == 2
    assert bridge.keys == ["", "", "", ""]
    assert tag.tag == "hello"


def test_messages_are_one_iterator_over_all_pages(world: World, bridge: Bridge) -> None:
    for place in range(7):
        world.enqueue(THEIRS, f"Text {place}")
    with bridge.client() as client:
        found = client.messages(to=THEIRS, page_size=3)
        first = next(found)
        asked = len(bridge.requests)
        rest = list(found)

    assert asked == 1
    assert [message.text for message in (first, *rest)] == [f"Text {place}" for place in reversed(range(7))]
    assert all(request.url.params["to"] == THEIRS for request in bridge.requests)
    assert all(request.url.params["limit"] == "3" for request in bridge.requests)


def test_inbound_texts_opt_outs_and_erasing(world: World, bridge: Bridge) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now_ms(), to=OURS))
    with bridge.client() as client:
        (received,) = client.messages(sender=THEIRS, opt_out="stop")
        (entry,) = client.opt_outs()
        with pytest.raises(Refused) as refused:
            client.queue(THEIRS, "Hello")
        back = client.opt_in(THEIRS)
        out = client.opt_out("+12025550126")
        with pytest.raises(Refused) as unknown:
            client.opt_out_of("+12025550127")
        erased = client.erase(THEIRS)
        unclear = list(client.unclear())

    assert (received.sender, received.direction, received.opt_out) == (THEIRS, "inbound", "stop")
    assert (entry.number, entry.opted_out) == (THEIRS, True)
    assert (refused.value.code, refused.value.status) == ("recipient_opted_out", 403)
    assert (back.opted_out, out.number, out.opted_out) == (False, "+12025550126", True)
    assert (unknown.value.code, unclear) == ("not_found", [])
    assert (erased.erased, erased.kept, erased.remaining) == (1, 0, False)


def test_what_is_asked_of_the_queue_as_a_whole(world: World, bridge: Bridge) -> None:
    world.enqueue(THEIRS, "One", metadata={"tag": "a tag"})
    with bridge.client() as client:
        preview = client.preview("It\N{RIGHT SINGLE QUOTATION MARK}s", to=THEIRS, category="marketing")
        processed = client.process()
        world.enqueue(THEIRS, "Two", metadata={"tag": "a tag"})
        gone = client.cancel_tag("a tag")
        health = client.health()

    assert (preview.encoding, preview.segments, preview.forced_by_total) == ("ucs2", 1, 1)
    assert (processed.processed, processed.failed, processed.results[0].to) == (1, 0, THEIRS)
    assert (gone.cancelled, gone.cursor) == (1, None)
    assert health.status == "healthy"


def test_a_field_that_is_wrong_is_named_and_nothing_is_stored(world: World, bridge: Bridge) -> None:
    with bridge.client() as client:
        for fields, field, limit in (
            ({"to": "12", "message": "Hi"}, "to", None),
            ({"to": THEIRS, "message": "x" * 200, "max_segments": 1}, "max_segments", 1),
        ):
            with showing(field), pytest.raises(Refused) as refused:
                client.queue(**fields)
            error = refused.value
            assert (error.code, error.status, error.field, error.limit) == ("invalid_request", 400, field, limit)
            assert str(error).startswith("400 invalid_request: ")
    assert world.messages.all == []
    assert bridge.waits == []


def test_a_key_that_is_wrong_is_refused_at_once(world: World, bridge: Bridge) -> None:
    with (
        Client(URL, "another-key", transport=httpx.MockTransport(bridge)) as client,
        pytest.raises(Refused) as refused,
    ):
        client.send(THEIRS, "Hello")
    assert (refused.value.code, len(bridge.requests), world.messages.all) == ("forbidden", 1, [])


def test_the_asynchronous_client_does_the_same(world: World, bridge: Bridge) -> None:
    async def all_of_it() -> list[str | None]:
        async with bridge.async_client() as client:
            held = await client.queue(THEIRS, "Later", send_at=later(world))
            await client.cancel(held.message_id)
            for place in range(5):
                await client.queue(THEIRS, f"Text {place}")
            return [message.text async for message in client.messages(to=THEIRS, page_size=2)]

    assert finished(all_of_it()) == ["Text 4", "Text 3", "Text 2", "Text 1", "Text 0", "Later"]
    assert len(set(bridge.keys) - {""}) == 6


# ---------------------------------------------------------------------- what the contract of the API says


def test_both_clients_have_a_method_for_each_route_and_no_other() -> None:
    api = ContractApi()
    with Client(URL, KEY, transport=httpx.MockTransport(api)) as client:
        for name, arguments in ANSWERS.items():
            made = getattr(client, name)(*arguments.args, **arguments.named)
            if isinstance(made, Iterator):
                list(made)
    with_a_key = {(one.method, one.path) for one in ROUTES if one.scope} | {("GET", "/health")}
    assert with_a_key <= api.routes
    names = {name for name, made in vars(Methods).items() if isinstance(made, Method | Listing)}
    assert names == set(ANSWERS)
    for made in vars(Methods).values():
        assert not isinstance(made, Method | Listing) or made.__doc__


def test_subscriptions_are_asked_for_as_the_contract_has_them() -> None:
    api = ContractApi()
    with Client(URL, KEY, transport=httpx.MockTransport(api)) as client:
        made = client.subscribe("https://example.com/hook", ["sms.received"], description="Ours")
        rotated = client.rotate_secret(made.id, overlap_s=60)
        (listed,) = client.subscriptions()
        off = client.change_subscription(made.id, enabled=False)
        (delivery,) = client.deliveries(made.id)
        replayed = client.replay(made.id, event_ids=[EVENT_ID])
        since = datetime(2026, 11, 23, tzinfo=UTC)
        client.replay(made.id, since=since, until=since + timedelta(hours=1))
        client.unsubscribe(made.id)

    assert api.bodies == [
        {"url": "https://example.com/hook", "events": ["sms.received"], "description": "Ours"},
        {"overlap_s": 60},
        {"enabled": False},
        {"event_ids": [EVENT_ID]},
        {"since": "2026-11-23T00:00:00+00:00", "until": "2026-11-23T01:00:00+00:00"},
    ]
    assert (made.id, made.events, made.enabled, made.secret) == (
        SUBSCRIPTION["id"],
        ("sms.received",),
        True,
        "whsec_c2VjcmV0",
    )
    assert (rotated.secret, listed.secret, off.id) == ("whsec_c2VjcmV0", None, made.id)
    assert "c2VjcmV0" not in repr(made)
    assert (delivery.state, delivery.attempts[0].status, delivery.attempts[1].error) == (
        "retrying",
        503,
        "timed out",
    )
    assert (replayed.replayed, replayed.remaining) == (1, False)


def test_answers_are_frozen_and_keep_what_has_no_name_yet() -> None:
    api = ContractApi()
    with Client(URL, KEY, transport=httpx.MockTransport(api)) as client:
        tag = client.tag("spring sale")
    assert (tag.cost.amount if tag.cost else None, tag.paused.by if tag.paused else None) == (
        Decimal("2.1165"),
        "brake",
    )
    assert tag.fields["news"] == "of a later version"
    with pytest.raises(dataclasses.FrozenInstanceError):
        tag.total = 5  # type: ignore[misc]


def test_both_clients_take_the_same_arguments() -> None:
    def signatures(kind: type[Client] | type[AsyncClient]) -> dict[str, Any]:
        made = object.__new__(kind)
        return {
            name: inspect.signature(getattr(made, name))
            for name, one in vars(Methods).items()
            if isinstance(one, Method | Listing)
        }

    assert signatures(Client) == signatures(AsyncClient)
    assert len(signatures(Client)) > 25


def test_a_list_of_the_asynchronous_client_is_an_asynchronous_iterator() -> None:
    client = AsyncClient(URL, KEY, transport=httpx.MockTransport(ContractApi()))
    found = client.thread(THEIRS)
    assert isinstance(found, AsyncIterator)

    async def texts() -> list[str | None]:
        async with client:
            return [message.text async for message in found]

    assert finished(texts()) == ["Hello", "Yes"]
