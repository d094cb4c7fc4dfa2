"""The index by due time, as late as one of DynamoDB's may be."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable

# When a message is due, and its id.
type Due = tuple[int, str]


class DueIndex:
    """What each part of the index shows, by time. `seen_ms` says up to which moment it has followed the table."""

    def __init__(self, seen_ms: Callable[[], int]) -> None:
        self._seen_ms = seen_ms
        self._parts: dict[int, list[Due]] = {}
        # What the table has of each message; the writes that are not yet shown: when, where it was, where it is.
        self._now: dict[str, tuple[int, Due]] = {}
        self._writes: deque[tuple[int, tuple[int, Due] | None, tuple[int, Due] | None]] = deque()

    def put(self, ident: str, part: int, due_ms: int | None, now_ms: int) -> None:
        """A message is due at another time; `due_ms` None: no more."""
        old = self._now.pop(ident, None)
        new = None if due_ms is None else (part, (due_ms, ident))
        if new:
            self._now[ident] = new
        if old != new:
            self._writes.append((now_ms, old, new))

    def part(self, number: int) -> list[Due]:
        """What one part shows by now, the earliest first."""
        self._follow()
        return self._parts.get(number, [])

    def between(self, number: int, since_ms: int, until_ms: int, after: Due | None) -> list[Due]:
        """What a part shows from one moment to before another, behind `after`."""
        found = self.part(number)
        start = bisect_left(found, (since_ms, ""))
        if after is not None:
            start = max(start, bisect_left(found, (*after, "")))
        return found[start : bisect_left(found, (until_ms, ""))]

    def _follow(self) -> None:
        seen_ms = self._seen_ms()
        while self._writes and self._writes[0][0] <= seen_ms:
            _, old, new = self._writes.popleft()
            if old:
                rows = self._parts[old[0]]
                del rows[bisect_left(rows, old[1])]
            if new:
                insort(self._parts.setdefault(new[0], []), new[1])
