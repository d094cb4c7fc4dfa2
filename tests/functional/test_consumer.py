"""The consumer: each text once, in order, at its slot, with its recipient's group or without."""

import itertools
from collections import Counter
from typing import Any

import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.pacing import recipient_key
from longcode.domain.status import Status
from longcode.use_cases.batch_results import RENEW_AFTER
from longcode.use_cases.recipient_worker import LEAD_MS
from tests.functional.consumer_steps import INTERVAL_MS, SLOW_MS, A, B, C, batch, failed, gaps
from tests.support.fakes import OURS, THEIRS, FakeClock, FakeQueue, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import Behaviour
from tests.support.fakes.webhooks import inbound

# --------------------------------------------------------------------------------------------- the good day


def test_a_text_is_claimed_shortly_before_its_slot_so_that_its_request_leaves_on_time(world: World) -> None:
    for _ in range(2):
        world.enqueue()
    world.consume()

    _, second = world.provider.requests
    claimed_ms = world.messages.all[1].claimed_ms
    assert claimed_ms
    assert second.arrived_ms - claimed_ms >= LEAD_MS


def test_a_queued_text_is_sent_once_and_leaves_the_queue(world: World) -> None:
    world.enqueue(message="Your parcel comes at 10.")

    world.consume()

    (message,) = world.messages.all
    (text,) = world.provider.texts
    assert (text.key, text.text, text.sender) == (message.id, message.text, OURS)
    assert (message.status, message.telnyx_id, message.attempts) == (Status.SUBMITTED, text.telnyx_id, 1)
    assert world.queue.stored == []
    assert world.queue.dead == []


@pytest.mark.parametrize("whole_groups", [False, True], ids=["up-to-the-hidden", "whole-groups"])
@pytest.mark.parametrize("latency_ms", [0, 40, 400, 1_500])
def test_a_burst_to_one_recipient_keeps_its_order_and_its_distance(latency_ms: int, whole_groups: bool) -> None:
    clock = FakeClock()
    world = make_world(
        clock=clock,
        queue=FakeQueue(clock, whole_groups=whole_groups),
        provider=providers.FakeProvider(clock, latency_ms=latency_ms),
    )
    for number in range(25):
        world.enqueue(message=f"number {number}")

    world.consume()

    arrivals = world.provider.arrivals(THEIRS)
    assert [text.text for text in world.provider.texts] == [f"number {number}" for number in range(25)]
    assert len(arrivals) == 25
    assert min(gaps(arrivals)) >= INTERVAL_MS
    assert max(world.queue.receives.values()) <= 3
    # 2 % of the interval is guard, and an answer as slow as the interval itself costs its own time.
    assert arrivals[-1] - arrivals[0] <= 24 * max(1.10 * INTERVAL_MS, latency_ms + INTERVAL_MS * 1.1)


@pytest.mark.parametrize("slow_one", [0, 1, 7])
@pytest.mark.parametrize("way_ms", [300, 950, 2_500])
def test_a_text_that_was_slow_on_its_way_is_not_caught_up_with_by_the_next(
    world: World, way_ms: int, slow_one: int
) -> None:
    world.provider.usual = Behaviour(way_ms=20, latency_ms=40)
    slow = Behaviour(way_ms=way_ms, latency_ms=way_ms + 20)
    world.provider.then(*[world.provider.usual] * slow_one, slow)
    for _ in range(10):
        world.enqueue()

    world.consume()

    assert len(world.provider.texts) == 10
    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


def test_a_direct_send_that_was_slow_on_its_way_is_not_caught_up_with_by_the_recipient_queue(world: World) -> None:
    world.provider.then(Behaviour(way_ms=1_500, latency_ms=1_520))
    world.send()
    world.enqueue()

    world.consume()

    assert min(gaps(world.provider.arrivals())) >= INTERVAL_MS


@pytest.mark.parametrize("concurrency", [1, 5])
def test_many_recipients_do_not_wait_for_each_other(world: World, concurrency: int) -> None:
    numbers = [f"+1202555{101 + number:04}" for number in range(20)]
    for _, number in itertools.product(range(3), numbers):
        world.enqueue(to=number)
    start = world.clock.now

    world.consume(concurrency=concurrency)

    assert Counter(text.recipient for text in world.provider.texts) == dict.fromkeys(numbers, 3)
    for number in numbers:
        assert min(gaps(world.provider.arrivals(number))) >= INTERVAL_MS
    assert max(world.provider.arrivals()) - start <= 20_000 / concurrency


def test_a_sender_limit_keeps_all_texts_apart_and_each_is_received_at_most_three_times() -> None:
    world = make_world(make_settings(sender_segment_ms=1_000))
    for number in range(20):
        world.enqueue(to=f"+1202555{101 + number:04}")

    world.consume()

    assert len(world.provider.texts) == 20
    assert min(gaps(world.provider.arrivals())) >= 1_000 - 60
    assert max(world.queue.receives.values()) <= 3


def test_a_text_of_several_segments_takes_as_many_slots_of_the_limit_of_our_number() -> None:
    world = make_world(make_settings(sender_segment_ms=1_000))
    counts = {f"+1202555{number:04}": number % 3 + 1 for number in range(101, 113)}
    for to, count in counts.items():
        world.enqueue(to=to, message="x" * (count * 150))

    # As many at a time as come: a batch that came late would leave late.
    world.consume(concurrency=5)

    texts = sorted(world.provider.texts, key=lambda text: text.taken_ms)
    assert {text.recipient for text in texts} == counts.keys()
    for text, later in itertools.pairwise(texts):
        assert later.taken_ms - text.taken_ms >= 1_000 * counts[text.recipient] - 60
    # And no more than that.
    assert texts[-1].taken_ms - texts[0].taken_ms <= 1_000 * sum(counts.values())


def test_without_limits_a_batch_leaves_at_once() -> None:
    world = make_world(make_settings(recipient_interval_ms=0))
    for _ in range(10):
        world.enqueue()
    start = world.clock.now

    mapping = world.consume()

    assert len(world.provider.texts) == 10
    assert world.clock.now - start < 2_000
    assert len(mapping.invocations) == 1


# ------------------------------------------------------------------------- a group that isn't the recipient's


def in_group(world: World, group: str | None, numbers: tuple[int, ...] | None = None) -> dict[str, Any]:
    """What waits in the queue as one batch, those of `numbers` (all) in another group, or in none."""
    event = batch(world, world.queue.take())
    for number, record in enumerate(event["Records"]):
        if numbers is None or number in numbers:
            record["attributes"].pop("MessageGroupId")
            record["attributes"] |= {} if group is None else {"MessageGroupId": group}
    return event


@pytest.mark.parametrize("group", [None, B, "a-name"], ids=["none", "another's", "no-number"])
def test_a_text_without_its_group_keeps_its_own_recipients_distance_and_order(
    world: World, group: str | None
) -> None:
    for number in range(3):
        world.enqueue(to=A, message=f"number {number}")
    world.enqueue(to=C)

    answer = world.invoke("consumer", in_group(world, group), 60_000)

    assert [text.text for text in world.provider.texts if text.recipient == A] == [f"number {n}" for n in range(3)]
    assert min(gaps(world.provider.arrivals(A))) >= INTERVAL_MS
    assert len(world.provider.arrivals(C)) == 1
    assert failed(answer) == []
    assert set(world.limits.limiters) == {recipient_key(A), recipient_key(C)}


def test_a_text_without_its_group_waits_for_its_own_recipients_slot(slow: World) -> None:
    slow.send(to=A)
    before = slow.provider.arrivals(A)
    for _ in range(2):
        slow.enqueue(to=A)

    answer = slow.invoke("consumer", in_group(slow, None), 60_000)
    slow.consume()

    assert failed(answer) != []
    assert len(slow.provider.arrivals(A)) == 3
    assert min(gaps(slow.provider.arrivals(A))) >= SLOW_MS
    assert slow.provider.arrivals(A)[:1] == before


@pytest.mark.parametrize("group", [None, B], ids=["none", "another's"])
def test_a_text_without_its_group_is_held_to_its_own_recipients_opt_out(world: World, group: str | None) -> None:
    world.enqueue(to=A)
    world.enqueue(to=C)
    world.webhook(inbound(A, "stop", world.clock.now, to=OURS))

    answer = world.invoke("consumer", in_group(world, group), 60_000)

    assert world.provider.arrivals(A) == []
    assert len(world.provider.arrivals(C)) == 1
    assert [m.status for m in world.messages.all if m.peer == A and m.direction == "outbound"] == [
        Status.SUPPRESSED
    ]
    assert failed(answer) == []


def test_anothers_opt_out_is_none_of_a_text_that_came_in_their_group(world: World) -> None:
    world.enqueue(to=A)
    world.webhook(inbound(B, "stop", world.clock.now, to=OURS))

    world.invoke("consumer", in_group(world, B), 60_000)

    assert len(world.provider.arrivals(A)) == 1


def test_of_one_recipients_texts_some_without_their_group_none_leaves_out_of_turn(world: World) -> None:
    for number in range(4):
        world.enqueue(to=A, message=f"number {number}")

    answer = world.invoke("consumer", in_group(world, None, (1, 3)), 60_000)
    sent = [text.text for text in world.provider.texts]
    world.consume()

    # The one before it is taken along; what stands behind the texts of the batch waits for its next turn.
    assert sent == ["number 0", "number 1", "number 2"]
    assert len(failed(answer)) == 2
    assert [text.text for text in world.provider.texts] == [f"number {n}" for n in range(4)]
    assert min(gaps(world.provider.arrivals(A))) >= INTERVAL_MS
    assert world.queue.stored == []


def test_a_text_without_its_group_is_never_worn_out_by_a_pause(world: World) -> None:
    world.enqueue(to=A)
    world.limits.pause(world.clock.now_ms(), "a test")
    event = in_group(world, None)
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(RENEW_AFTER)

    answer = world.invoke("consumer", event, 60_000)

    assert len(failed(answer)) == len(world.queue.stored) == 1
    assert world.queue.stored[0].group == A


@pytest.mark.parametrize("crash", [Unavailable("The messages table"), ValueError("a bug")], ids=["down", "bug"])
def test_a_text_without_its_group_is_not_lost_where_its_store_fails(crash: Exception) -> None:
    world = make_world()
    world.enqueue(to=A)
    world.messages.faults.fail("recipient_queue", lambda: crash)

    answer = world.invoke("consumer", in_group(world, None), 60_000)
    world.messages.faults.clear()
    world.consume()

    assert len(failed(answer)) == 1
    assert len(world.provider.arrivals(A)) == 1
