"""A model of one SQS FIFO queue, fast enough for a million texts."""

# Its rules: a group's texts come in order, and none of them while one is hidden or under way; a receive takes as
# many of one group as it can, then goes on to the next, ten at most, oldest head first; visibility is in whole
# seconds; each receive counts, and one too many sends a text to the dead letters; no more than 120,000 are under
# way at a time.

import heapq
from collections import deque
from collections.abc import Iterable
from itertools import islice

from bench.texts import Text

BATCH = 10
MOST_IN_FLIGHT = 120_000
NEVER = float("inf")


class _Group:
    """The texts of one recipient."""

    __slots__ = ("texts", "version")

    def __init__(self) -> None:
        self.texts: deque[Text] = deque()
        # Marks entries of the two heaps that are out of date.
        self.version = 0


class Fifo:
    """The queue."""

    def __init__(self, visibility_ms: float, max_receives: int) -> None:
        self._visibility_ms = visibility_ms
        self._max_receives = max_receives
        self._groups: dict[str, _Group] = {}
        self._hidden: list[tuple[float, int, str, int]] = []
        self._free: list[tuple[int, str, int]] = []
        self._ends: list[tuple[float, int, Text]] = []
        self.in_flight = 0
        self.size = 0
        self.dead: list[Text] = []

    def put(self, text: Text) -> None:
        """SendMessage."""
        group = self._groups.get(text.recipient)
        if group is None:
            group = self._groups[text.recipient] = _Group()
        text.visible_ms = text.accepted_ms
        group.texts.append(text)
        self.size += 1
        if len(group.texts) == 1:
            self._changed(text.recipient, group)

    def receive(self, now: float) -> list[Text]:
        """ReceiveMessage."""
        self._advance(now)
        taken: list[Text] = []
        while self._free and len(taken) < BATCH and self.in_flight < MOST_IN_FLIGHT:
            _, recipient, version = heapq.heappop(self._free)
            group = self._groups[recipient]
            if version != group.version:
                continue
            for text in list(islice(group.texts, BATCH)):
                if len(taken) == BATCH or self.in_flight >= MOST_IN_FLIGHT:
                    break
                if text.receives >= self._max_receives:
                    text.dead = True
                    self.dead.append(text)
                    self._remove(group, text)
                    continue
                text.receives += 1
                self._hide(text, now + self._visibility_ms)
                taken.append(text)
            self._changed(recipient, group)
        return taken

    def hide(self, text: Text, now: float, seconds: int) -> None:
        """ChangeMessageVisibility."""
        self._hide(text, now + seconds * 1000.0)
        self._changed(text.recipient, self._groups[text.recipient])

    def delete(self, text: Text) -> None:
        """DeleteMessage."""
        if text.gone or text.dead:
            return
        text.gone = True
        group = self._groups[text.recipient]
        self._remove(group, text)
        self._changed(text.recipient, group)

    def delete_all(self, texts: Iterable[Text]) -> None:
        """DeleteMessageBatch."""
        for text in texts:
            self.delete(text)

    def next_ms(self, now: float) -> float:
        """When something can be received; `now` or earlier if something can, NEVER if nothing is there."""
        self._advance(now)
        if self.in_flight >= MOST_IN_FLIGHT:
            return max(now, self._ends[0][0]) if self._ends else NEVER
        while self._free and self._free[0][2] != self._groups[self._free[0][1]].version:
            heapq.heappop(self._free)
        if self._free:
            return now
        while self._hidden and self._hidden[0][3] != self._groups[self._hidden[0][2]].version:
            heapq.heappop(self._hidden)
        return self._hidden[0][0] if self._hidden else NEVER

    # ---------------------------------------------------------------------------------------- within

    def _hide(self, text: Text, until: float) -> None:
        text.visible_ms = until
        if not text.in_flight:
            text.in_flight = True
            self.in_flight += 1
        heapq.heappush(self._ends, (until, text.number, text))

    def _remove(self, group: _Group, text: Text) -> None:
        if group.texts[0] is text:
            group.texts.popleft()
        else:
            group.texts.remove(text)
        self.size -= 1
        if text.in_flight:
            text.in_flight = False
            self.in_flight -= 1

    def _changed(self, recipient: str, group: _Group) -> None:
        group.version += 1
        if group.texts:
            # Only what was received is ever hidden, and that is at most one batch from the front.
            visible = max(text.visible_ms for text in islice(group.texts, BATCH))
            heapq.heappush(self._hidden, (visible, group.texts[0].number, recipient, group.version))

    def _advance(self, now: float) -> None:
        """What has come into sight by `now`."""
        while self._ends and self._ends[0][0] <= now:
            until, _, text = heapq.heappop(self._ends)
            if text.in_flight and text.visible_ms <= until:
                text.in_flight = False
                self.in_flight -= 1
        while self._hidden and self._hidden[0][0] <= now:
            _, number, recipient, version = heapq.heappop(self._hidden)
            if version == self._groups[recipient].version:
                heapq.heappush(self._free, (number, recipient, version))
