"""`send_at`: a text is held until its time, and then takes its place in its recipient queue."""

import itertools
from collections.abc import Sequence

import pytest

from longcode.domain.message import DueGroup, Message, epoch_ms, held_shard, iso
from longcode.domain.priority import Priority
from longcode.domain.schedule import AHEAD_MS, Timer
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.backlog import waiting
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes.examples import make_message

MINUTE = 60_000
OTHER = "+12025550124"


@pytest.fixture
def world() -> World:
    return make_world()


def run(world: World, duration_ms: int) -> None:
    """Let the consumer and, each minute, the reconciler work for so long."""
    end_ms = world.clock.now + duration_ms
    next_ms = [world.clock.now + MINUTE // 2]

    def minute() -> None:
        next_ms[0] += MINUTE
        world.reconcile()

    world.clock.standing.append(lambda: (next_ms[0], minute))
    try:
        while world.clock.now < end_ms:
            stop_ms = min(next_ms[0], end_ms)
            world.consume(until_ms=stop_ms)
            world.clock.sleep_until(stop_ms)
    finally:
        world.clock.standing.clear()


@pytest.mark.parametrize("ahead_ms", [5_000, 90_000, 10 * MINUTE, 90 * 1440 * MINUTE - 1])
def test_a_text_leaves_at_its_time(ahead_ms: int) -> None:
    world = make_world()
    at_ms = world.clock.now + ahead_ms

    reply = world.enqueue(send_at=iso(at_ms))

    ident = reply.fields["message_id"]
    assert (reply.status, reply.fields["status"], reply.fields["held_by"]) == (202, "held", "schedule")
    assert epoch_ms(reply.fields["eta"]) == at_ms
    world.clock.now = max(world.clock.now, at_ms - 5 * MINUTE)
    run(world, at_ms - world.clock.now + MINUTE)
    (arrival,) = world.provider.arrivals()
    assert 0 <= arrival - at_ms <= 2_000
    assert world.messages.get(ident).status is Status.SUBMITTED  # type: ignore[union-attr]


def test_what_is_held_leaves_in_order_with_what_else_is_due_then(world: World) -> None:
    at_ms = world.clock.now + 5 * MINUTE
    world.enqueue(THEIRS, "third", send_at=iso(at_ms + 100))
    world.enqueue(THEIRS, "second", send_at=iso(at_ms))
    world.enqueue(THEIRS, "first", send_at=iso(at_ms - 1))
    run(world, 4 * MINUTE)
    world.enqueue(THEIRS, "before all")
    run(world, 2 * MINUTE)

    assert [text.text for text in world.provider.texts] == ["before all", "first", "second", "third"]


def test_a_text_that_came_later_takes_along_what_was_due_before_it(world: World) -> None:
    at_ms = world.clock.now + 3 * MINUTE
    world.enqueue(THEIRS, "held", send_at=iso(at_ms))
    world.clock.sleep_until(at_ms)
    # Its timer was lost.
    world.queue.stored.clear()
    world.enqueue(THEIRS, "after it")

    world.consume()

    assert [text.text for text in world.provider.texts] == ["held", "after it"]


def test_status_and_list_name_what_is_held(world: World) -> None:
    at_ms = world.clock.now + 3 * MINUTE
    ident = world.enqueue(send_at=iso(at_ms)).fields["message_id"]

    fields = world.status(ident).fields

    assert fields["status"] == "held"
    assert (fields["send_at"], fields["eta"], fields["held_by"]) == (iso(at_ms), iso(at_ms), HeldBy.SCHEDULE)


def test_a_timer_of_a_moment_far_ahead_is_hidden_no_longer_than_the_queue_can(world: World) -> None:
    shard = DueGroup.HELD.shards[0]
    for at_ms in (10**18, world.clock.now + 10**9):
        world.queue.set_timers([Timer(shard, at_ms)])

    world.consume(until_ms=world.clock.now)

    assert [stored.visible_ms - world.clock.now for stored in world.queue.stored] == [AHEAD_MS] * 2


def test_a_timer_of_many_texts_leaves_the_rest_of_its_batch_to_other_invocations(world: World) -> None:
    at_ms = world.clock.now // 1_000 * 1_000 + 20_000
    shard = held_shard(THEIRS, Priority.TRANSACTIONAL)
    for number in range(101):
        world.messages.accept(
            make_message(status=Status.HELD, not_before_ms=at_ms + number, accepted_ms=world.clock.now)
        )
    world.clock.sleep_until(at_ms)
    world.queue.set_timers([Timer(shard, at_ms), Timer(shard, at_ms + 1_000)])
    world.enqueue(OTHER, "at once")

    first = world.mapping().poll()

    assert first
    assert len(first.failed) == 2
    # The text to another did not wait, and is not forgotten.
    assert {stored.group for stored in world.queue.stored if stored.visible_ms <= world.clock.now} == {
        THEIRS,
        OTHER,
        f"held:{shard}:{at_ms + 1_000}",
    }
    assert world.provider.texts == []
    world.consume(until_ms=world.clock.now + 1_000)
    assert "at once" in [text.text for text in world.provider.texts]


def test_a_text_that_cannot_be_read_holds_up_no_other_of_its_second(world: World) -> None:
    at_ms = world.clock.now + 5_000
    odd, *_ = (world.enqueue(f"+120255501{n}", send_at=iso(at_ms)).fields["message_id"] for n in range(10, 30))
    get_all = world.messages.get_all

    def read(message_ids: Sequence[str]) -> list[Message]:
        if odd in message_ids:
            raise ValueError("a status of a later release")
        return get_all(message_ids)

    world.messages.get_all = read  # type: ignore[method-assign]

    world.consume(until_ms=at_ms + 2_000)

    assert len(world.provider.texts) == 19
    assert max(world.provider.arrivals()) <= at_ms + 2_000
    assert [line.fields["message_id"] for line in world.logger.crashes] == [odd]


def test_what_is_in_the_queue_before_its_time_takes_no_shared_slot_before_it() -> None:
    """Else all such texts would leave at their time at once."""
    world = make_world(make_settings(sender_segment_ms=100))
    at_ms = world.clock.now + 5_000
    for number in range(10, 40):
        world.enqueue(f"+120255501{number}", send_at=iso(at_ms))
    world.clock.sleep_until(at_ms - 1_500)
    world.queue.stored.clear()
    world.queue.put([waiting(message) for message in world.messages.all])

    world.mapping().run(concurrency=3)

    arrivals = world.provider.arrivals()
    assert len(arrivals) == 30
    assert arrivals[0] >= at_ms
    assert min(later - before for before, later in itertools.pairwise(arrivals)) >= 100
    assert arrivals[-1] <= at_ms + 3_100
