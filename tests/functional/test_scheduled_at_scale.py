"""Very many texts that are due at once: they leave at their time or at their slot, and hold up nothing else.

In virtual time, with the latencies of AWS and the CPU time that a function of 512 MB has.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from longcode.domain.message import Message, held_shard
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Waiting
from tests.chance import FULL, drawn
from tests.support.fakes import OURS, FakeClock, FakeQueue, World, make_settings, make_world

pytestmark = pytest.mark.slow

MINUTE = 60_000
# In the same minute, and as many at a time as ConsumerConcurrency lets.
TEXTS = 100_000 if FULL else 3_000
POLLERS = 50
# No limiter has less than a millisecond between two segments.
SEGMENT_MS = max(1, MINUTE // TEXTS)
# What putting one text into its recipient queue takes of a function of 512 MB (0.29 vCPU).
PUT_MS = 1.7


class BusyQueue(FakeQueue):
    """A queue into which the texts of one timer come no faster than the CPU of their invocation can put them."""

    free_ms: dict[int, float]

    def put(self, texts: Sequence[Waiting], mark: str = "") -> None:
        free_ms = vars(self).setdefault("free_ms", {})
        if texts:
            # All that are put in together are of one part, and of its timer's invocation.
            part = held_shard(texts[0].recipient, Priority.TRANSACTIONAL)
            free_ms[part] = max(free_ms.get(part, 0), self.clock.now_ms()) + PUT_MS * len(texts)
            self.clock.sleep_until(round(free_ms[part]))
        super().put(texts, mark)


def recipient(number: int) -> str:
    """Ten thousand areas have a hundred such numbers each."""
    return f"+1{number // 100:03d}55501{number % 100:02d}"


def hold(world: World, number: int, at_ms: int, **fields: Any) -> Message:
    """A text that was accepted some time ago and is held until `at_ms`."""
    wanted: dict[str, Any] = {
        "id": str(uuid.UUID(int=number + (4 << 76) + (8 << 60))),
        "direction": "outbound",
        "status": Status.HELD,
        "sender": OURS,
        "recipient": recipient(number),
        "text": "Hello",
        "accepted_ms": world.clock.now,
        "updated_ms": world.clock.now,
        "route": "queue",
        "segments": 1,
        "send_at_ms": at_ms,
        "not_before_ms": at_ms,
        "held_by": HeldBy.SCHEDULE,
    }
    message = Message(**wanted | fields)
    assert world.messages.accept(message) is None
    return message


def slow_down(world: World, chance: random.Random) -> None:
    """Let each call take its time from now on."""

    def takes(least_ms: int, most_ms: int) -> Callable[[], None]:
        return lambda: world.clock.pass_ms(chance.randint(least_ms, most_ms))

    world.messages.faults.takes = world.limits.faults.takes = takes(4, 14)
    world.queue.faults.takes = takes(8, 25)
    world.provider.latency_ms = 150


def work(world: World, until_ms: int) -> list[int]:
    """Let the consumers and, each minute, the reconciler work until then; how long each of its runs took."""
    mapping, polling, runs = world.mapping(), 0, list[int]()

    def poll() -> None:
        nonlocal polling
        polling += 1
        if mapping.poll() is None:
            world.clock.pass_ms(1)
        polling -= 1

    def next_poll() -> tuple[int, Callable[[], None]] | None:
        visible = None if polling == POLLERS else world.queue.next_visible_ms()
        return None if visible is None else (visible, poll)

    def reconcile() -> None:
        began = world.clock.now
        world.reconcile()
        runs.append(world.clock.now - began)

    for minute in range(-(-world.clock.now // MINUTE), until_ms // MINUTE):
        world.clock.at(minute * MINUTE, reconcile)
    world.clock.standing.append(next_poll)
    world.clock.sleep_until(until_ms)
    world.clock.standing.remove(next_poll)
    return runs


def lateness(due_ms: Sequence[int], arrivals: Sequence[int]) -> list[int]:
    """How late texts left after their time, or their slot at the shared limit, from the least to the most."""
    found, slot = [], 0
    for at_ms, arrived in zip(sorted(due_ms), arrivals, strict=True):
        slot = max(at_ms, slot + SEGMENT_MS)
        found.append(arrived - slot)
    return sorted(found)


def busy_world(**settings: Any) -> World:
    clock = FakeClock()
    return make_world(make_settings(**settings), clock=clock, queue=BusyQueue(clock))


@pytest.mark.parametrize("spread_ms", [1, MINUTE], ids=["one moment", "one minute"])
def test_texts_of_one_minute_leave_within_two_seconds_of_their_time_or_slot(spread_ms: int) -> None:
    world, chance = busy_world(sender_segment_ms=SEGMENT_MS), drawn("scale")
    # Beyond what the API sets timers for.
    first_ms = world.clock.now // MINUTE * MINUTE + 5 * MINUTE + chance.randrange(1_000)
    due = [first_ms + chance.randrange(spread_ms) for _ in range(TEXTS)]
    for number, at_ms in enumerate(due):
        hold(world, number, at_ms)
    slow_down(world, chance)

    runs = work(world, first_ms + spread_ms + TEXTS * SEGMENT_MS + 2 * MINUTE)

    late = lateness(due, world.provider.arrivals())
    assert late[0] >= 0
    assert late[len(late) * 99 // 100] <= 2_000, late[-1]
    assert late[-1] <= 5_000
    taken = {text.key: text.taken_ms for text in world.provider.texts}
    assert len(taken) == len(world.provider.texts) == TEXTS
    assert all(taken[message.id] >= message.ready_ms for message in world.messages.all)
    assert max(runs) <= 30_000


def test_what_is_overdue_holds_up_no_other_work_of_the_reconciler() -> None:
    """As after a purge, or where sending is paused: no one claims what its timers have put into the queue."""
    world, count = busy_world(), 8_000
    start_ms = world.clock.now // MINUTE * MINUTE
    for number in range(count):
        hold(world, number, start_ms + 14 * MINUTE)
    taken = world.send(recipient(count)).fields["message_id"]
    world.provider.finish(taken)
    slow_down(world, drawn("overdue"))
    world.clock.sleep_until(start_ms + 15 * MINUTE + 30_000)

    runs = []
    for _ in range(3):
        began = world.clock.now
        world.reconcile()
        runs.append(world.clock.now - began)
        world.clock.sleep_until(began + MINUTE)

    message = world.messages.get(taken)
    assert message
    # Its receipt never came. The provider's records have it.
    assert message.status is Status.DELIVERED
    # Each run has thirty seconds for all, and this is half of what they need.
    assert max(runs) <= 31_000
    queued = sum(message.status is Status.QUEUED for message in world.messages.all)
    assert queued == len(world.queue.stored) >= 1_500
