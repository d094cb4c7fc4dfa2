"""What a text's way is read from, and what is drawn of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from longcode.domain.message import Message
from longcode.domain.status import HeldBy


class State(StrEnum):
    """How a part of the way is to be seen: as work that went well, as a wait, or as something that went wrong."""

    OK = "ok"
    WAITING = "waiting"
    FAULT = "fault"


class Group(StrEnum):
    """Who did a part of the way, in the order in which they are drawn."""

    API = "api"
    TABLE = "table"
    QUEUE = "queue"
    CONSUMER = "consumer"
    PROVIDER = "provider"
    RECEIPTS = "receipts"
    EVENTS = "events"


# What stands beside each of them.
TITLES = {
    Group.API: "API",
    Group.TABLE: "Messages table",
    Group.QUEUE: "Queue and waits",
    Group.CONSUMER: "Consumer",
    Group.PROVIDER: "Provider",
    Group.RECEIPTS: "Carrier and receipts",
    Group.EVENTS: "Your events and webhooks",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a function's log. `fields` are those of its JSON, without what is the same on each line."""

    at_ms: int
    function: str
    level: str
    event: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a text that waits will do next, as `longcode status` says it."""

    held_by: HeldBy | None
    eta_ms: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one text: its record, and the log lines that name it, the oldest first.

    `notes` say what was not read, or left out.
    """

    message: Message
    lines: Sequence[Line] = ()
    notes: Sequence[str] = ()
    stack: str = ""
    outlook: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the way. Times are epoch milliseconds; `end_ms` is None for what is not over.

    `kind` says what it is, as `wait.recipient_rate` or `request`; `source` where it is known from: `log`, `table`
    or another. `lines` are places in `Trace.lines`.
    """

    group: Group
    kind: str
    label: str
    start_ms: int
    end_ms: int | None
    state: State = State.OK
    detail: str = ""
    source: str = "table"
    lines: tuple[int, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()

    def ended(self, now_ms: int) -> int:
        """When it was over, or `now_ms` if it is not."""
        return now_ms if self.end_ms is None else self.end_ms


@dataclass(frozen=True, slots=True)
class Trace:
    """One text's way. `shares` says where its time went: kind, label and milliseconds of each part."""

    ident: str
    title: str
    subtitle: str
    status: str
    state: State
    stack: str
    begun_ms: int
    ended_ms: int | None
    now_ms: int
    facts: tuple[tuple[str, str], ...] = ()
    spans: tuple[Span, ...] = ()
    lines: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
    shares: tuple[tuple[str, str, int], ...] = field(default=())

    def adding(self, spans: Sequence[Span], notes: Sequence[str] = ()) -> "Trace":
        """The same with more spans, as another witness saw it."""
        return replace(self, spans=ordered([*self.spans, *spans]), notes=(*self.notes, *notes))

    # Any: JSON.
    def fields(self) -> dict[str, Any]:
        """As JSON, which the page is drawn from."""
        return {
            "id": self.ident,
            "title": self.title,
            "subtitle": self.subtitle,
            "status": self.status,
            "state": self.state.value,
            "stack": self.stack,
            "begun_ms": self.begun_ms,
            "ended_ms": self.ended_ms,
            "now_ms": self.now_ms,
            "facts": [list(pair) for pair in self.facts],
            "shares": [list(share) for share in self.shares],
            "notes": list(self.notes),
            "groups": [[group.value, TITLES[group]] for group in Group],
            "spans": [_span_fields(span) for span in self.spans],
            "lines": [
                {
                    "at_ms": line.at_ms,
                    "function": line.function,
                    "level": line.level,
                    "event": line.event,
                    "fields": dict(line.fields),
                }
                for line in self.lines
            ],
        }


# Any: JSON.
def _span_fields(span: Span) -> dict[str, Any]:
    return {
        "group": span.group.value,
        "kind": span.kind,
        "label": span.label,
        "start_ms": span.start_ms,
        "end_ms": span.end_ms,
        "state": span.state.value,
        "detail": span.detail,
        "source": span.source,
        "lines": list(span.lines),
        "facts": [list(pair) for pair in span.facts],
    }


def ordered(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans in the order in which they are drawn: by who did it, and by when it began."""
    groups = list(Group)
    return tuple(sorted(spans, key=lambda span: (groups.index(span.group), span.start_ms, span.end_ms or 2**60)))
