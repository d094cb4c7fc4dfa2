"""What a picture is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .alarms import State
from .insights import LogLine
from .operations import Operations
from .series import Grid, Telemetry

# About so many points across the time shown: fewer hide what happened, more show nothing but single texts.
POINTS_MOST = 30
PERIODS_S = (5, 10, 15, 30, 60, 300, 900, 3600)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a picture is made of."""

    title: str
    operations: Operations
    telemetry: Telemetry
    lines: Sequence[LogLine]
    states: Mapping[str, State]  # logical id of an alarm → its state now
    start_ms: int
    end_ms: int

    def grid(self, period_s: int) -> Grid:
        """The time shown, in periods of this length or, if that would be few, in shorter ones."""
        return Grid.over(self.start_ms, self.end_ms, min(period_s, self.fine_s))

    @property
    def fine_s(self) -> int:
        """The period that fills a chart."""
        needed = (self.end_ms - self.start_ms) / 1000 / POINTS_MOST
        return next((period for period in PERIODS_S if period >= needed), PERIODS_S[-1])
