"""What was logged, to be looked at."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log. `about` is what was bound before; `crash` the exception whose trace it carries."""

    level: str
    event: str
    fields: dict[str, object]
    about: dict[str, object]
    crash: BaseException | None = None


class FakeLogger:
    """ports.Logger that remembers."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._bound: dict[str, object] = {}

    def begin(self, function_request_id: str | None) -> None:
        """As the real one has it."""
        self._bound = {"function_request_id": function_request_id}

    def bind(self, **fields: object) -> None:
        self._bound = self._bound | fields

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(Line("info", event, fields, self._bound))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(Line("warning", event, fields, self._bound))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(Line("error", event, fields, self._bound))

    def exception(self, event: str, **fields: object) -> None:
        self.lines.append(Line("exception", event, fields, self._bound, sys.exception()))

    def of(self, event: str) -> list[Line]:
        """Every line of one event."""
        return [line for line in self.lines if line.event == event]

    @property
    def crashes(self) -> list[Line]:
        """The traces: none is expected, ever."""
        return [line for line in self.lines if line.level == "exception"]
