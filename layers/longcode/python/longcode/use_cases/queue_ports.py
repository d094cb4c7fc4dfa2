"""Ports of the queues: what a queue does, what comes out of it, and the two of them by priority."""

# Times are epoch milliseconds. Every port may raise errors.Unavailable.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from longcode.domain.priority import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longcode.domain.schedule import Timer
    from longcode.use_cases.ports import Waiting


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message of the queue as received.

    It names a text or is a `timer`. Both are None where the body can't be read; `newer` says that a later release
    can. `sent_ms` is when it was put in, by the queue's clock.
    """

    message_id: str | None
    recipient: str
    queue_id: str
    receipt_handle: str
    receives: int
    newer: bool = False
    sent_ms: int = 0
    body: str = ""
    timer: Timer | None = None


class Queue(Protocol):
    """The queue of one priority. It says that a recipient has something waiting; the order is the table's."""

    def put(self, texts: Sequence[Waiting], mark: str = "") -> None:
        """Append each to its recipient's group. Twice within five minutes with the same `mark` is once; an empty
        mark is the time at which it may leave.

        Raises Unavailable if any of them is not known to be in.
        """

    def set_timers(self, timers: Sequence[Timer]) -> None:
        """Put timers in, each in a group of its own. Twice within five minutes is once. Raises Unavailable."""

    def renew(self, envelopes: Sequence[Envelope]) -> None:
        """Put a fresh copy of each in its place, which was received too often for a queue with dead letters."""

    def receive(self) -> Sequence[Envelope]:
        """Up to ten; if there are none it waits for a second."""

    def hide(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        """Hide each for so many seconds. Best effort: one that fails shows up later, never earlier."""

    def delete(self, envelopes: Sequence[Envelope]) -> None: ...

    def size(self) -> int:
        """About how many wait or are under way."""


class Depth(Protocol):
    """A queue of which only its length is of interest."""

    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Queues:
    """The queues of both priorities, for those who put texts in whichever they belong into."""

    transactional: Queue
    bulk: Queue

    def of(self, priority: Priority) -> Queue:
        """The queue of one priority."""
        return self.bulk if priority is Priority.BULK else self.transactional

    def put(self, texts: Sequence[Waiting], mark: str = "") -> None:
        """Queue.put, of each text in its queue. Raises Unavailable if any of them is not known to be in."""
        for priority in Priority:
            if some := [text for text in texts if text.priority is priority]:
                self.of(priority).put(some, mark)

    def set_timers(self, timers: Sequence[Timer]) -> None:
        """Queue.set_timers, of each timer in the queue of its texts. Raises Unavailable."""
        for priority in Priority:
            if some := [timer for timer in timers if timer.priority is priority]:
                self.of(priority).set_timers(some)

    def empty(self) -> list[Priority]:
        """The priorities of which nothing waits or is under way."""
        return [priority for priority in Priority if not self.of(priority).size()]

    def size(self) -> int:
        """About how many wait or are under way in both."""
        return self.transactional.size() + self.bulk.size()
