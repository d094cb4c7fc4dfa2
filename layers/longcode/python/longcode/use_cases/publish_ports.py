"""The ports of the publisher: the counts by status, its heartbeat, and the event bus."""

# Every port may raise errors.Unavailable.

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.events import Counted, Event, PublishResult
    from longcode.domain.tag_counts import TagCounts


class Counters(Protocol):
    """How many messages there are in each status: of all, and of those with one tag."""

    def read(self, tag: str | None) -> dict[str, int]:
        """Status → how many messages, without the statuses that none is in. `None`: all messages."""

    def read_tag(self, tag: str) -> TagCounts:
        """All that is counted of the texts of one tag."""

    def tags(self, since_ms: int, at_most: int) -> list[str]:
        """The tags of texts accepted on the day (UTC) of `since_ms` or later, those of the last day first."""

    def add(self, counted: Sequence[Counted], now_ms: int) -> None:
        """Count each change exactly once, however often it comes and however the batches are cut.

        They come in the order of their stream, and again from where the last ended that was done with.
        """


class Heartbeat(Protocol):
    """Whether the publisher does what comes to it: the reconciler beats, the publisher notes what it has heard."""

    def beat(self, now_ms: int) -> int:
        """Write a change for the publisher; when the first one ever was written."""

    def hear(self, at_ms: int) -> None:
        """The publisher is done with the beat of this moment, and so with what was written before it."""

    def heard_ms(self) -> int | None:
        """The latest beat that it was done with."""


class EventBus(Protocol):
    """Where the user's own systems listen."""

    def publish(self, events: Sequence[Event]) -> PublishResult:
        """Publish events in their order; those about one message never overtake each other. Never raises."""
