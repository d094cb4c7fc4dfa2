"""What an SQS FIFO queue holds, with an index of its groups: tests have queues of a hundred thousand."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from dataclasses import dataclass
from typing import Any, overload


@dataclass(eq=False)
class Stored:
    """A message in the queue."""

    queue_id: str
    group: str
    body: str
    deduplication_id: str
    sent_ms: int
    visible_ms: int
    receives: int = 0
    received_ms: int = 0
    handle: str = ""

    # Any: the value of any field.
    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        # A test may show or hide a message by hand.
        if name == "visible_ms" and (shelf := vars(self).get("shelf")) is not None:
            shelf.touch(self.group)


class Shelf(MutableSequence[Stored]):
    """The messages of a queue in their order, as a list has them.

    `opens_ms` says when a group with these members can be received.
    """

    def __init__(self, opens_ms: Callable[[str, Iterable[Stored]], int]) -> None:
        self._opens_ms = opens_ms
        self._numbers = itertools.count()
        # By the order of their coming: each message, and those of each group.
        self._rows: dict[int, Stored] = {}
        self._keys: dict[int, int] = {}
        self._groups: dict[str, dict[int, Stored]] = {}
        # When groups can be received, and the groups that can by now, by their first messages. What is out of date
        # in them is dropped when it comes up: each change puts in what holds from then on.
        self._times: list[tuple[int, str]] = []
        self._later: list[tuple[int, str]] = []
        self._ready: list[tuple[int, str]] = []

    # ------------------------------------------------------------------------------------------ as a list

    def append(self, value: Stored) -> None:
        number = next(self._numbers)
        object.__setattr__(value, "shelf", self)
        self._rows[number] = value
        self._keys[id(value)] = number
        self._groups.setdefault(value.group, {})[number] = value
        self.touch(value.group)

    def remove(self, value: Stored) -> None:
        number = self._keys.pop(id(value))
        del self._rows[number]
        members = self._groups[value.group]
        del members[number]
        object.__setattr__(value, "shelf", None)
        if not members:
            del self._groups[value.group]
        self.touch(value.group)

    def clear(self) -> None:
        self._replace([])

    def insert(self, index: int, value: Stored) -> None:
        rows = list(self)
        rows.insert(index, value)
        self._replace(rows)

    def _replace(self, rows: Iterable[Stored]) -> None:
        rows = list(rows)
        for value in list(self):
            self.remove(value)
        for value in rows:
            self.append(value)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Stored]:
        return iter(list(self._rows.values()))

    def __contains__(self, value: object) -> bool:
        return id(value) in self._keys

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list | Shelf) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    @overload
    def __getitem__(self, index: int) -> Stored: ...
    @overload
    def __getitem__(self, index: slice) -> list[Stored]: ...
    def __getitem__(self, index: int | slice) -> Stored | list[Stored]:
        return list(self)[index]

    # Any: a message, or those of a slice.
    def __setitem__(self, index: int | slice, value: Any) -> None:
        rows = list(self)
        rows[index] = value
        self._replace(rows)

    def __delitem__(self, index: int | slice) -> None:
        rows = list(self)
        del rows[index]
        self._replace(rows)

    # ------------------------------------------------------------------------------------------ as a queue

    def touch(self, group: str) -> None:
        """Something changed in a group."""
        opens = self._opens(group)
        if opens is not None:
            heapq.heappush(self._times, (opens, group))
            heapq.heappush(self._later, (opens, group))

    def first_open_ms(self) -> int | None:
        """When the first group can be received, None: never."""
        while self._times and self._opens(self._times[0][1]) != self._times[0][0]:
            heapq.heappop(self._times)
        return self._times[0][0] if self._times else None

    def open_groups(self, now_ms: int) -> Iterator[list[Stored]]:
        """The members of each group that can be received now, those groups first whose first is the oldest.

        What is taken of them is hidden before the next is asked for.
        """
        while self._later and self._later[0][0] <= now_ms:
            opens, group = heapq.heappop(self._later)
            if self._opens(group) == opens:
                heapq.heappush(self._ready, (self._first(group), group))
        seen: list[tuple[int, str]] = []
        try:
            while self._ready:
                entry = heapq.heappop(self._ready)
                opens_ms = self._opens(entry[1])
                if opens_ms is None or opens_ms > now_ms or self._first(entry[1]) != entry[0] or entry in seen:
                    continue
                seen.append(entry)
                yield list(self._groups[entry[1]].values())
        finally:
            # What was looked at and left there.
            for entry in seen:
                opens_ms = self._opens(entry[1])
                if opens_ms is not None and opens_ms <= now_ms:
                    heapq.heappush(self._ready, (self._first(entry[1]), entry[1]))

    def _first(self, group: str) -> int:
        return next(iter(self._groups[group]))

    def _opens(self, group: str) -> int | None:
        members = self._groups.get(group)
        return self._opens_ms(group, members.values()) if members else None
