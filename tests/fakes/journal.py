"""What was logged, to be looked at."""

import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log. `crash` is the exception whose trace it carries."""

    level: str
    event: str
    fields: dict[str, object]
    crash: BaseException | None = None


class FakeJournal:
    """ports.Journal that remembers."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(Line("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(Line("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(Line("error", event, fields))

    def exception(self, event: str, **fields: object) -> None:
        self.lines.append(Line("exception", event, fields, sys.exception()))

    def of(self, event: str) -> list[Line]:
        """Every line of one event."""
        return [line for line in self.lines if line.event == event]

    @property
    def crashes(self) -> list[Line]:
        """The traces: none is expected, ever."""
        return [line for line in self.lines if line.level == "exception"]
