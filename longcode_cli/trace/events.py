"""What log lines say happened to a text: a line that stands for a whole invocation is taken apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from longcode_cli.trace.model import Line

# What is always about all the texts that it lists.
_OF_SEVERAL = frozenset({"batch", "publish", "queue.taken_along", "queue.other_group", "worker.crashed"})


class Puts(NamedTuple):
    """When the first put of a text began, and when the queue and then the table had it; epoch milliseconds."""

    begun_ms: int
    queued_ms: int | None
    stored_ms: int


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a line says happened. `line` is its place among the lines; the moment is when it was written,
    which is the end of the invocation where all that went well stands on one line (Monitoring=basic).
    """

    at_ms: int
    function: str
    name: str
    fields: Mapping[str, Any]
    line: int
    level: str = "INFO"

    def number(self, name: str) -> int | None:
        """A field that is a whole number, None where it is missing or something else."""
        value = self.fields.get(name)
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def puts(self, accepted_ms: int) -> Puts | None:
        """When a text was put into queue and table, by the line of the call that brought it; None by any other."""
        match self.fields.get("puts_ms"):
            case [int(begun), int() | None as queued, int(stored)]:
                queued_ms = None if queued is None else accepted_ms + queued
                return Puts(accepted_ms + begun, queued_ms, accepted_ms + stored)
        return None

    def word(self, name: str) -> str | None:
        """A field that is words, None where it is missing or something else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) and value else None


def events(lines: Sequence[Line], ident: str) -> list[Event]:
    """All that lines say happened to the message, in their order."""
    return [event for place, line in enumerate(lines) for event in _of(line, place, ident)]


def _of(line: Line, place: int, ident: str) -> Iterator[Event]:
    own = {name: value for name, value in line.fields.items() if name != "steps"}
    steps = line.fields.get("steps")
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and isinstance(step.get("event"), str):
            # What a step has not differs in nothing from the line (see LambdaLogger).
            fields = own | {name: value for name, value in step.items() if name != "event"}
            if _is_about(step["event"], fields, ident):
                yield Event(line.at_ms, line.function, step["event"], fields, place, line.level)
    if _is_about(line.event, own, ident):
        yield Event(line.at_ms, line.function, line.event, own, place, line.level)


def _is_about(event: str, fields: Mapping[str, Any], ident: str) -> bool:
    """Whether an event is the message's. One line may have the fields of several events on it."""
    ids = fields.get("message_ids")
    among = isinstance(ids, list) and ident in ids
    if event in _OF_SEVERAL:
        return among
    return fields.get("message_id") == ident or (among and "message_id" not in fields)
