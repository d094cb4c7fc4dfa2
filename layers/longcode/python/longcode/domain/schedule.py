"""Sending later: how texts that are held come into their recipient queues when they are due."""

# Times are epoch milliseconds.

from dataclasses import dataclass

from longcode.domain.message import DueGroup, Message, held_shard
from longcode.domain.priority import Priority

# So long before its time a text may be in its recipient queue, where it holds up what is behind it.
EARLY_MS = 2_000
# So far ahead timers are set. The reconciler comes each minute: one missed run delays no text.
AHEAD_MS = 150_000
# A timer is set for so long before its second.
LEAD_MS = 500
SECOND_MS = 1_000
# What is still held so long after its time has waited for its turn since, or its timer was lost.
OVERDUE_MS = 45_000


@dataclass(frozen=True, slots=True)
class Timer:
    """A queue message that comes when the held texts of one second and of one part of what is held are due.

    `shard` is the number of that part, `at_ms` the beginning of the second.
    """

    shard: int
    at_ms: int

    @property
    def priority(self) -> Priority:
        """Whose texts it brings: in that queue it stands."""
        return Priority.BULK if self.shard in DueGroup.HELD_BULK.shards else Priority.TRANSACTIONAL


def timer_of(message: Message) -> Timer:
    """The timer that puts a held text into its recipient queue, or ends it if it is out of date before that."""
    return Timer(
        held_shard(message.recipient, message.priority),
        second(min(message.ready_ms, message.expires_ms or message.ready_ms)),
    )


def second(at_ms: int) -> int:
    """The beginning of the second in which a moment is."""
    return at_ms // SECOND_MS * SECOND_MS


def is_due(message: Message, now_ms: int) -> bool:
    """Whether a text may be in its recipient queue by now."""
    # Whenever it was accepted: the clocks of two functions differ.
    return (message.not_before_ms or 0) <= now_ms + EARLY_MS


def held_until_ms(message: Message, validity_ms: int) -> int:
    """When a held text is next to be looked at: when it may leave, or is out of date before that."""
    return min(message.ready_ms, message.valid_until_ms(validity_ms))
