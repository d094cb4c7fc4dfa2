"""POST /sms/queue: into the recipient queue, with its place and its time."""

import itertools
import json

import pytest

from longcode.domain.braking import Brake
from longcode.domain.message import epoch_ms
from longcode.domain.status import HeldBy, Status
from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, THEIRS, WEBHOOK_URL, World, make_settings, make_world
from tests.support.fakes.fault_injector import unavailable
from tests.support.fakes.webhooks import inbound

OTHER = "+12025550124"


def test_a_text_is_stored_and_put_into_its_recipient_queue(world: World) -> None:
    reply = world.enqueue(message="Your parcel comes at 10.", metadata={"order": "A-17"})

    (message,) = world.messages.all
    (stored,) = world.queue.stored
    assert (message.status, message.recipient, message.sender) == (Status.QUEUED, THEIRS, OURS)
    assert message.webhook_url == f"{WEBHOOK_URL}/{message.id}"
    assert message.metadata == {"order": "A-17"}
    assert stored.group == THEIRS
    assert world.provider.requests == []
    assert reply.status == 202
    assert reply.fields == {
        "queued": True,
        "position": 1,
        "message_id": message.id,
        "status": "queued",
        "eta": reply.fields["eta"],
        "held_by": None,
        "segments": 1,
    }


def test_no_text_ever_lies_in_the_queue(world: World) -> None:
    reply = world.enqueue(message="a secret")

    (stored,) = world.queue.stored
    assert json.loads(stored.body) == {"v": 1, "id": reply.fields["message_id"]}


def test_a_message_that_is_stored_is_accepted_even_if_the_queue_does_not_answer(world: World) -> None:
    world.queue.faults.fail("put")

    reply = world.enqueue()

    assert [message.status for message in world.messages.all] == [Status.QUEUED]
    assert world.queue.stored == []
    # The reconciler puts it into the queue; "try again" would be a second text.
    assert (reply.status, reply.fields["queued"]) == (202, True)


def test_a_request_that_did_not_get_into_the_queue_gets_there_when_it_is_repeated(world: World) -> None:
    world.queue.faults.fail("put")
    world.enqueue(key="order-17")

    reply = world.enqueue(key="order-17")

    assert len(world.messages.all) == 1
    assert len(world.queue.stored) == 1
    assert reply.status == 202


def test_what_could_not_be_stored_is_not_queued(world: World) -> None:
    world.messages.faults.fail("accept")

    reply = world.enqueue()

    assert world.messages.all == []
    assert reply.status == 503
    # What stands in the queue for it is let go when it is sure that no text comes.
    world.consume()
    assert world.provider.requests == []
    assert world.queue.stored == []


@pytest.mark.parametrize("call", ["get", "queue_length"])
def test_a_store_that_cannot_be_read_takes_nothing(world: World, call: str) -> None:
    world.messages.faults.fail(call)

    assert world.enqueue(key="order-17").status == 503

    assert nothing_happened(world)


def test_the_same_request_again_is_the_same_text(world: World) -> None:
    first = world.enqueue(key="order-17")

    again = world.enqueue(key="order-17")

    assert len(world.messages.all) == 1
    assert len(world.queue.stored) == 1
    assert again.status == 202
    assert again.fields["message_id"] == first.fields["message_id"]


def test_the_same_request_after_the_text_was_sent_is_not_queued_again(world: World) -> None:
    first = world.enqueue(key="order-17")
    world.consume()

    again = world.enqueue(key="order-17")

    assert world.queue.stored == []
    assert len(world.provider.texts) == 1
    assert again.status == 202
    assert (again.fields["message_id"], again.fields["position"]) == (first.fields["message_id"], 0)


def test_the_same_key_with_another_request_is_a_conflict(world: World) -> None:
    world.enqueue(key="order-17")

    reply = world.enqueue(key="order-17", message="Another text.")

    assert len(world.queue.stored) == 1
    assert (reply.status, reply.fields["code"]) == (409, "idempotency_key_reused")


def test_a_text_that_is_stored_is_accepted_though_what_stands_before_it_can_not_be_read(world: World) -> None:
    world.enqueue(key="a")
    for call in ("recipient_queue", "get"):
        world.messages.faults.fail(call)
        # Without a key: nothing is looked up before, and a second request would be a second text.
        reply = world.enqueue()
        assert (reply.status, reply.fields["held_by"]) == (202, "recipient_rate")
        assert world.messages.faults.calls[-1] == call


# ------------------------------------------------------------------------------------- position and time


def test_each_text_of_a_burst_has_the_next_place_and_a_later_time(world: World) -> None:
    replies = [world.enqueue() for _ in range(5)]

    etas = [epoch_ms(reply.fields["eta"]) or 0 for reply in replies]
    assert [reply.fields["position"] for reply in replies] == [1, 2, 3, 4, 5]
    assert all(1_000 <= later - earlier <= 1_100 for earlier, later in itertools.pairwise(etas))
    assert [reply.fields["held_by"] for reply in replies] == [None, *["recipient_rate"] * 4]


def test_recipient_queues_of_other_recipients_do_not_count(world: World) -> None:
    for _ in range(3):
        world.enqueue(to=OTHER)

    reply = world.enqueue()

    assert (reply.fields["position"], reply.fields["held_by"]) == (1, None)


@pytest.mark.parametrize("behind", [0, 1, 4, 9])
def test_a_text_leaves_when_it_was_promised_give_or_take_an_interval(world: World, behind: int) -> None:
    for _ in range(behind):
        world.enqueue()
    reply = world.enqueue()

    world.consume()

    eta = epoch_ms(reply.fields["eta"]) or 0
    left = next(r.arrived_ms for r in world.provider.requests if r.key == reply.fields["message_id"])
    assert abs(left - eta) <= 1_000


def test_a_text_behind_one_that_was_sent_directly_is_promised_its_distance(world: World) -> None:
    world.send()

    reply = world.enqueue()

    assert (epoch_ms(reply.fields["eta"]) or 0) >= world.provider.arrivals()[0] + 1_000
    assert reply.fields["held_by"] == HeldBy.RECIPIENT_RATE


def test_without_a_recipient_limit_everybody_leaves_at_once() -> None:
    world = make_world(make_settings(recipient_interval_ms=0))

    replies = [world.enqueue() for _ in range(3)]

    assert [reply.fields["held_by"] for reply in replies] == [None] * 3


# --------------------------------------------------------------------------------------------- a full recipient
# queue


def test_a_full_recipient_queue_takes_no_more_and_says_when_to_come_again() -> None:
    world = make_world(make_settings(max_pending_per_recipient=3))
    for _ in range(3):
        world.enqueue()

    reply = world.enqueue()

    assert len(world.messages.all) == 3
    assert len(world.queue.stored) == 3
    assert (reply.status, reply.fields["code"]) == (429, "recipient_queue_full")
    assert int(reply.headers["retry-after"]) >= 1
    assert world.enqueue(to=OTHER).status == 202


def test_a_repeated_request_finds_its_place_also_in_a_full_recipient_queue() -> None:
    world = make_world(make_settings(max_pending_per_recipient=2))
    world.enqueue(key="order-17")
    world.enqueue()

    assert world.enqueue(key="order-17").status == 202


def test_a_full_recipient_queue_takes_a_text_again_when_one_has_left() -> None:
    world = make_world(make_settings(max_pending_per_recipient=1))
    world.enqueue()
    assert world.enqueue().status == 429

    world.consume()

    assert world.enqueue().status == 202


# ----------------------------------------------------------------------------------------- what stands in the way


def test_while_sending_is_paused_there_is_no_time(world: World) -> None:
    world.limits.pause(world.clock.now, "wrong text")

    reply = world.enqueue()

    assert len(world.queue.stored) == 1
    assert reply.status == 202
    assert (reply.fields["eta"], reply.fields["held_by"]) == (None, "paused")


def test_behind_an_open_breaker_a_text_is_promised_its_end(world: World) -> None:
    until = world.clock.now + 60_000
    world.limits.open_breaker(world.clock.now, until, "20100 no funds")

    reply = world.enqueue()

    assert (epoch_ms(reply.fields["eta"]), reply.fields["held_by"]) == (until, "breaker")


def test_when_the_provider_has_asked_for_less_a_text_is_promised_the_end_of_that(world: World) -> None:
    until = world.clock.now + 30_000
    world.limits.set_brake(OURS, None, Brake(until, 4_000, 0, 0))

    reply = world.enqueue()

    assert (epoch_ms(reply.fields["eta"]), reply.fields["held_by"]) == (until, "provider_backoff")


def test_a_recipient_who_has_opted_out_is_put_into_no_recipient_queue(world: World) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))

    reply = world.enqueue()

    assert world.queue.stored == []
    assert (reply.status, reply.fields["code"]) == (403, "recipient_opted_out")


def test_without_the_limits_no_place_is_answered(world: World) -> None:
    world.limits.faults.fail("read_gate", unavailable)

    assert world.enqueue().status == 503

    assert nothing_happened(world)


def test_without_a_configured_address_receipts_come_to_this_api() -> None:
    world = make_world(make_settings(webhook_url=""))

    world.enqueue()

    (message,) = world.messages.all
    assert message.webhook_url == (
        f"https://example.execute-api.us-east-1.amazonaws.com/v1/webhooks/message/{message.id}"
    )


def test_only_a_request_with_a_key_looks_for_one_before_it(world: World) -> None:
    for route in (world.enqueue, world.send):
        before = world.messages.faults.count("get")
        route("+12025550131")
        assert world.messages.faults.count("get") == before
        route("+12025550132", key=route.__name__)
        assert world.messages.faults.count("get") == before + 1
