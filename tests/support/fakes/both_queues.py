"""The consumers of both queues at work, side by side with whatever else happens."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from longcode.domain.priority import Priority

if TYPE_CHECKING:
    from tests.support.fakes import World

# As many batches at a time as ConsumerConcurrency and BulkConcurrency let.
POLLERS = {Priority.TRANSACTIONAL: 50, Priority.BULK: 20}


def work(world: "World") -> Callable[[], None]:
    """Let the consumers of both queues work from now on; what ends that."""
    polling = dict.fromkeys(Priority, 0)

    def of(priority: Priority) -> Callable[[], tuple[int, Callable[[], None]] | None]:
        mapping = world.mapping(priority)

        def poll() -> None:
            polling[priority] += 1
            if mapping.poll() is None:
                world.clock.pass_ms(1)
            polling[priority] -= 1

        def next_poll() -> tuple[int, Callable[[], None]] | None:
            full = polling[priority] == POLLERS[priority]
            visible = None if full else mapping.queue.next_visible_ms()
            return None if visible is None else (visible, poll)

        return next_poll

    asked = [of(priority) for priority in Priority]
    world.clock.standing += asked

    def end() -> None:
        for ask in asked:
            world.clock.standing.remove(ask)

    return end
