"""Reads on in the log of a stack: each time, what was written since."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from devtools.local_stack.layout import Stack

from . import evidence
from .insights import LogLine

# Of one group in one look. The emulator answers 10,000 at most, and says nothing of the rest.
MOST_LINES = 5_000
# Lines are written when their invocation ends, under a time that may lie before that of lines already read.
OVERLAP_MS = 5_000

_Line = tuple[int, str, str]


@dataclass(slots=True)
class _Group:
    """How far one log group was read, and the lines that the next look finds again."""

    from_ms: int
    seen: Counter[_Line] = field(default_factory=Counter)


class LogTail:
    """The lines of a stack's functions from `since_ms` on, at most `most` of each in one look."""

    def __init__(self, stack: Stack, since_ms: int, most: int = MOST_LINES) -> None:
        self._logs, self._most = evidence.client(stack, "logs"), most
        self._groups = {name: _Group(since_ms) for name in stack.log_groups.values()}

    def read(self) -> tuple[list[LogLine], bool]:
        """The lines that are new, oldest first, and whether there are more of them now."""
        lines: list[LogLine] = []
        more = False
        for name, group in self._groups.items():
            found = self._logs.filter_log_events(logGroupName=name, startTime=group.from_ms, limit=self._most)
            full = len(found["events"]) >= self._most
            lines += _new(name, group, found["events"], full=full)
            more |= full
        return sorted(lines, key=lambda line: line.at_ms), more


# Any: events as boto3 has them.
def _new(name: str, group: _Group, events: list[dict[str, Any]], *, full: bool) -> list[LogLine]:
    if not events:
        return []
    again = Counter(group.seen)
    lines = []
    for event in events:
        key = _key(event)
        if again[key]:
            again[key] -= 1
        else:
            lines.append(LogLine(event["timestamp"], name, event["message"]))
    newest = events[-1]["timestamp"]
    # A full answer of a few seconds goes on at its end, or it would be the same for ever.
    group.from_ms = (
        newest if full and newest - OVERLAP_MS <= group.from_ms else max(group.from_ms, newest - OVERLAP_MS)
    )
    group.seen = Counter(_key(event) for event in events if event["timestamp"] >= group.from_ms)
    return lines


def _key(event: dict[str, Any]) -> _Line:
    return event["timestamp"], event["logStreamName"], event["message"]
