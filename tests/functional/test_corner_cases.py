"""Corner cases, each of which once went wrong."""

import base64
import logging
from itertools import pairwise

import pytest

from longcode.domain.message import Message
from longcode.domain.outcomes import Record
from longcode.domain.status import Status
from longcode.entrypoints import container
from tests.support.fakes import THEIRS, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.gateway import Reply, call
from tests.support.fakes.provider import FakeProvider
from tests.support.fakes.webhooks import receipt


def test_half_of_a_surrogate_pair_in_a_fields_name_is_answered_in_plain_ascii() -> None:
    world = make_world()
    answer = world.invoke("queue", call("POST", "/sms/queue", '{"\\ud800": 1}'))
    assert world.messages.all == []
    assert answer["statusCode"] == 400
    # The runtime encodes the answer outside of anything that could catch it.
    assert answer["body"].isascii()


def test_a_retry_of_what_is_safe_to_retry_waits_for_the_breaker_like_a_first_try() -> None:
    world = make_world()
    world.provider.then(providers.BAD_KEY)
    first = world.send(key="order-1")
    again = world.send(key="order-1")
    assert world.provider.texts == []
    assert first.status == 401
    assert (again.status, again.fields["code"]) == (503, "sending_stopped")


def test_a_repeated_request_does_not_move_the_recipient_queue() -> None:
    world = make_world()
    world.send(key="order-1")
    before = world.limits.read_gate(THEIRS, "").recipient
    for _ in range(20):
        world.send(key="order-1")
    assert world.limits.read_gate(THEIRS, "").recipient == before
    assert len(world.provider.texts) == 1


@pytest.mark.parametrize("at", ["1" * 39, "-1", "1e3", "\u0661"])
def test_a_made_up_place_in_the_ledger_is_bad_input(at: str) -> None:
    world = make_world()
    cursor = base64.urlsafe_b64encode(f"{at} {THEIRS}".encode()).decode()
    event = call("GET", "/sms/optouts") | {"queryStringParameters": {"cursor": cursor}}
    reply = Reply.of(world.invoke("optouts", event))
    assert (reply.status, reply.fields.get("field")) == (400, "cursor")


def test_after_the_providers_pause_a_senders_texts_leave_one_by_one() -> None:
    world = make_world(make_settings(sender_segment_ms=1000))
    numbers = [f"+1202{300 + n}0100" for n in range(30)]
    world.provider.then(providers.refuses(429, "10011", "Too many requests", retry_after="20"))
    for number in numbers:
        world.enqueue(to=number)
    world.consume()
    arrivals = sorted(world.provider.arrivals())
    assert len(arrivals) == 30
    assert min(later - earlier for earlier, later in pairwise(arrivals)) >= 950


def test_one_item_that_cannot_be_read_holds_up_its_own_recipient_queue_only() -> None:
    world = make_world()
    sick, well = world.enqueue(to="+12023000101"), world.enqueue(to="+12023000102")
    for stored in world.queue.stored:
        stored.receives = 1
    # The read of the whole batch, and then that of its own.
    world.messages.faults.fail("read", lambda: ValueError("a status of another version"), times=2)
    world.mapping().poll()
    sent = [text.key for text in world.provider.texts]
    assert sent == [well.fields["message_id"]]
    world.consume()
    assert [text.key for text in world.provider.texts] == [*sent, sick.fields["message_id"]]


def test_what_was_sent_leaves_the_queue_even_if_the_rest_of_its_recipient_queue_fails() -> None:
    world = make_world()
    first = world.enqueue()
    world.enqueue()
    world.limits.faults.fail("read_gate", skip=2)
    world.process()
    assert [text.key for text in world.provider.texts] == [first.fields["message_id"]]
    assert len(world.queue.stored) == 1


def test_a_second_look_does_not_put_off_what_changed_meanwhile() -> None:
    world = make_world()
    ident = world.enqueue().fields["message_id"]
    as_read = world.messages.get(ident)
    assert as_read
    world.provider.then(providers.ACCEPTS_THEN_DROPS)
    world.consume(until_ms=world.clock.now + 5_000)
    found = world.messages.get(ident)
    assert found
    assert found.status is Status.UNKNOWN
    due = world.clock.now + 1
    world.messages.set_due(as_read, world.clock.now + 86_400_000)
    assert any(ident in world.messages.due_messages(shard, due, 10) for shard in range(8))


def test_the_http_client_does_not_log_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    # The client of the secret store is made with it.
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("httpx").setLevel(logging.INFO)
    service = container.Service(make_settings())
    assert service.provider
    assert logging.getLogger("httpx").level == logging.WARNING


def test_a_receipt_that_comes_after_the_reconciler_gave_up_still_tells_what_became_of_the_text() -> None:
    world = make_world(make_settings(ambiguous_sends="hold"))
    world.provider.shows_queued = False
    world.provider.then(providers.ACCEPTS_THEN_DROPS)
    ident = world.enqueue().fields["message_id"]
    world.consume(until_ms=world.clock.now + 5_000)
    for _ in range(60):
        world.clock.pass_ms(6 * 3_600_000)
        world.reconcile()
    given_up = world.messages.get(ident)
    assert given_up
    assert (given_up.status, given_up.telnyx_id) == (Status.DELIVERY_UNCONFIRMED, None)

    world.webhook(receipt(world.provider.text(ident), "delivered", world.clock.now), path_id=ident)

    found = world.messages.get(ident)
    assert found
    assert found.status is Status.DELIVERED


def test_texts_without_a_receipt_do_not_keep_the_reconciler_from_those_in_doubt() -> None:
    class Watched(FakeProvider):
        def record_of(self, message: Message) -> Record | None:
            asked.append(message.id)
            return super().record_of(message)

    asked: list[str] = []
    clock = FakeClock()
    world = make_world(clock=clock, provider=Watched(clock))
    for _ in range(40):
        world.send()
    clock.pass_ms(14 * 60_000)
    world.provider.then(providers.ACCEPTS_THEN_DROPS)
    world.send(key="in-doubt")
    (doubtful,) = [message.id for message in world.messages.all if message.status is Status.UNKNOWN]
    clock.pass_ms(2 * 60_000)

    world.reconcile()

    assert len(asked) == 41
    assert asked[0] == doubtful
