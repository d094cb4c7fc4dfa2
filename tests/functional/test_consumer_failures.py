"""The consumer: refusals of the provider, and stores that fail."""

import pytest

from longcode.domain.status import Status
from tests.functional.consumer_steps import INTERVAL_MS, A, B, gaps, ids
from tests.support.fakes import OURS, THEIRS, World
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import Behaviour, refuses
from tests.support.fakes.webhooks import inbound

# ------------------------------------------------------------------------------------ the provider's no


@pytest.mark.parametrize(
    "behaviour",
    [providers.ACCEPTS_AND_HANGS, providers.HANGS, providers.ACCEPTS_THEN_500, providers.FAILS_500,
     providers.ACCEPTS_THEN_DROPS, providers.ACCEPTS_AND_GARBLES],
)  # fmt: skip
def test_an_unclear_send_is_unknown_acknowledged_and_lets_the_recipient_queue_move_on(
    world: World, behaviour: Behaviour
) -> None:
    world.enqueue()
    world.enqueue()
    world.provider.then(behaviour)

    world.consume()

    assert [message.status for message in world.messages.all] == [Status.UNKNOWN, Status.SUBMITTED]
    assert len(world.provider.requests) == 2
    assert world.queue.stored == []
    assert min(gaps([request.arrived_ms for request in world.provider.requests])) >= INTERVAL_MS


@pytest.mark.parametrize("behaviour", [providers.NO_SUCH_NUMBER, refuses(422, "40302", "Too long")])
def test_a_text_that_the_provider_refuses_for_good_fails_and_lets_the_recipient_queue_move_on(
    world: World, behaviour: Behaviour
) -> None:
    world.enqueue()
    world.enqueue()
    world.provider.then(behaviour)

    world.consume()

    first, second = world.messages.all
    assert (first.status, first.faults[0].code) == (Status.FAILED, behaviour.code)
    assert second.status is Status.SUBMITTED
    assert world.queue.stored == []


def test_an_unreachable_provider_is_tried_ever_more_rarely_for_as_long_as_the_text_is_valid(
    world: World,
) -> None:
    world.enqueue()
    world.provider.usual = providers.UNREACHABLE

    world.consume()

    (message,) = world.messages.all
    tries = [request.arrived_ms for request in world.provider.requests]
    assert (message.status, message.attempts) == (Status.EXPIRED_UNSENT, 0)
    assert message.faults[0].code == "expired_unsent"
    # 5 s, 30 s, 2 min, then every 10 minutes for a day.
    assert len(tries) < 160
    assert gaps(tries)[0] < gaps(tries)[1] < gaps(tries)[2]
    assert max(gaps(tries)) <= 15 * 60_000
    assert world.queue.stored == []
    assert world.queue.dead == []


def test_a_text_that_is_tried_again_keeps_its_place_before_those_behind_it(world: World) -> None:
    for number in range(3):
        world.enqueue(message=f"number {number}")
    world.provider.then(providers.UNREACHABLE, providers.UNREACHABLE)

    world.consume()

    assert [text.text for text in world.provider.texts] == ["number 0", "number 1", "number 2"]
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


def test_the_same_bytes_go_out_at_every_try(world: World) -> None:
    world.enqueue(message="Grüße 👋")
    world.provider.then(providers.UNREACHABLE, providers.RATE_LIMITED)

    world.consume()

    assert len({request.body for request in world.provider.requests}) == 1
    assert len(world.provider.requests) == 3


@pytest.mark.parametrize(
    "behaviour", [providers.RATE_LIMITED, providers.OVERLOADED, refuses(403, "40318", "Full")]
)
def test_waiting_because_the_provider_asks_for_it_burns_no_attempt(world: World, behaviour: Behaviour) -> None:
    world.enqueue()
    world.provider.then(*[behaviour] * 12)

    world.consume()

    (message,) = world.messages.all
    assert message.status is Status.SUBMITTED
    assert message.attempts == 1
    assert len(world.provider.requests) == 13
    assert world.queue.dead == []


def test_a_long_wait_that_two_recipients_were_asked_for_holds_for_all(world: World) -> None:
    for to in (A, B):
        world.provider.then(refuses(429, "10011", "Slow down", retry_after="30"), to=to)
        world.enqueue(to=to)
    mapping = world.mapping()
    mapping.poll()
    asked_ms = world.clock.now + 29_000
    world.enqueue()

    mapping.run()

    assert min(world.provider.arrivals()) >= asked_ms
    assert len(world.provider.texts) == 3


def test_a_recipient_who_is_always_refused_with_429_holds_up_no_one_else(world: World) -> None:
    world.provider.then(*[refuses(429, "10011", "Slow down", retry_after="2")] * 12, to=A)
    world.enqueue(to=A)
    world.consume(until_ms=world.clock.now + 20_000)
    began = world.clock.now
    world.enqueue(to=B)

    world.consume(until_ms=began + 1_000)

    assert world.provider.arrivals(B)
    world.consume()
    # Ever more rarely, and it left in the end.
    asked = [request.arrived_ms for request in world.provider.requests if request.recipient == A]
    assert len(asked) == 13
    assert gaps(asked)[-1] >= 500_000


def test_a_recipient_who_has_opted_out_since_gets_nothing_and_the_recipient_queue_moves_on(world: World) -> None:
    world.enqueue()
    world.enqueue(to=A)
    world.webhook(inbound(THEIRS, "stop", world.clock.now, to=OURS))

    world.consume()

    assert world.provider.arrivals(THEIRS) == []
    assert [message.status for message in world.messages.all if message.direction == "outbound"] == [
        Status.SUPPRESSED,
        Status.SUBMITTED,
    ]
    assert world.queue.stored == []


# -------------------------------------------------------------------------------------- failing stores


@pytest.mark.parametrize(
    ("store", "call"),
    [("messages", "claim"), ("limits", "reserve"), ("limits", "read_gate"), ("provider", "prepare")],
)
def test_a_store_that_fails_before_the_send_sends_nothing_and_the_batch_comes_again_in_order(
    world: World, store: str, call: str
) -> None:
    for number in range(3):
        world.enqueue(message=f"number {number}")
    getattr(world, store).faults.fail(call)
    mapping = world.mapping()

    invocation = mapping.poll()

    assert invocation
    assert world.provider.requests == []
    assert invocation.failed == invocation.queue_ids
    mapping.run()
    assert [text.text for text in world.provider.texts] == ["number 0", "number 1", "number 2"]
    assert world.queue.stored == []


def test_a_claim_whose_answer_was_lost_sends_nothing_twice(world: World) -> None:
    world.enqueue()
    world.messages.faults.fail("claim", after=True)

    world.consume()

    assert len(world.provider.requests) <= 1
    assert world.queue.stored == []
    assert world.messages.all[0].status in (Status.UNKNOWN, Status.SUBMITTED)


def test_an_answer_that_could_not_be_recorded_never_leads_to_a_second_text(world: World) -> None:
    world.enqueue()
    world.enqueue()
    world.messages.faults.fail("submitted")

    world.consume()

    first, second = ids(world)
    assert (world.provider.taken(first), world.provider.taken(second)) == (1, 1)
    assert world.queue.stored == []


@pytest.mark.parametrize("call", ["hide", "delete"])
def test_a_queue_that_fails_to_hide_or_delete_loses_and_doubles_nothing(world: World, call: str) -> None:
    for number in range(5):
        world.enqueue(message=f"number {number}")
    world.queue.faults.fail(call)

    world.consume()

    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(5)]
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS
    assert world.queue.stored == []


def test_every_number_in_the_log_is_masked_and_no_text_is_in_it(world: World) -> None:
    world.enqueue(message="a secret")
    world.provider.then(providers.UNREACHABLE, providers.NO_SUCH_NUMBER)

    world.consume()

    log = repr(world.logger.lines)
    assert world.logger.lines
    assert "a secret" not in log
    assert THEIRS not in log
