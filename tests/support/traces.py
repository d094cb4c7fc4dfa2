"""A world whose log lines keep their moment and their function, as in CloudWatch, to be read as a trace."""

import json
from collections.abc import Callable
from typing import Any

from longcode.domain.message import Message
from longcode_cli.trace import evidence, spans
from longcode_cli.trace.model import Evidence, Line, Outlook, Span, Trace
from tests.support.fakes import World
from tests.support.fakes.logger import Line as Logged

LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR", "exception": "ERROR"}


class _Stamped(list[Logged]):
    """The lines of a logger, of which each is noted with the moment at which it was written."""

    def __init__(self, stamp: Callable[[], tuple[int, str]]) -> None:
        super().__init__()
        self.stamps: list[tuple[int, str]] = []
        self._stamp = stamp

    def append(self, line: Logged) -> None:
        super().append(line)
        self.stamps.append(self._stamp())


class Recorded:
    """Records a world from here on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._function = "consumer"
        self._lines = _Stamped(lambda: (world.clock.now, self._function))
        world.logger.lines = self._lines
        made = world.handler

        def handler(function: str) -> Callable[[Any, Any], Any]:
            work = made(function)

            def handle(event: Any, context: Any) -> Any:
                before, self._function = self._function, function
                try:
                    return work(event, context)
                finally:
                    self._function = before

            return handle

        world.handler = handler  # type: ignore[method-assign]

    def lines(self, ident: str) -> list[Line]:
        """The lines that name a message, as they are read from CloudWatch."""
        found = []
        for logged, (at_ms, function) in zip(self._lines, self._lines.stamps, strict=True):
            fields = logged.about | logged.fields | {"level": LEVELS[logged.level], "message": logged.event}
            text = json.dumps(fields, default=list)
            if ident in text:
                found.append(evidence.line(at_ms, function, json.loads(text), ident))
        return found

    def message(self, ident: str) -> Message:
        """The record of a message as it is now."""
        found = self.world.messages.get(ident)
        assert found
        return found

    def trace(self, ident: str, outlook: Outlook | None = None, *, logs: bool = True, full: bool = False) -> Trace:
        """The way of a message so far, with or without the log."""
        message = self.message(ident)
        known = Evidence(message, self.lines(ident) if logs else [], [], "a stack", outlook)
        return spans.trace(known, self.world.clock.now, full=full)

    def queue(self, to: str | None = None, **fields: Any) -> str:
        """Queue a text; its id."""
        reply = self.world.enqueue(to, **fields) if to else self.world.enqueue(**fields)
        assert reply.status == 202, reply.fields
        return str(reply.fields["message_id"])


def of(trace: Trace, kind: str) -> list[Span]:
    """The spans of a kind, in their order."""
    return [span for span in trace.spans if span.kind == kind]


def lasted(trace: Trace, kind: str) -> int:
    """How long all spans of a kind took together, ms."""
    return sum(span.ended(trace.now_ms) - span.start_ms for span in of(trace, kind))
