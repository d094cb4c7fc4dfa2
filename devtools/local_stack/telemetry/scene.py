"""What a page or a picture of the dashboard is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .insights import Row
from .operations import Operations
from .series import Grid, Telemetry
from .watch import Verdict

# About so many points across the time shown: fewer hide what happened, more show nothing but single texts.
POINTS_MOST = 60
PERIODS_S = (5, 10, 15, 30, 60, 300, 900, 3600)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is shown at one moment."""

    service: str  # the stack's name
    operations: Operations
    telemetry: Telemetry
    rows: Mapping[str, Sequence[Row]]  # the text of a log widget's query → what it answers
    verdicts: Mapping[str, Verdict]  # logical id of an alarm → its state now, and why
    start_ms: int
    end_ms: int
    behind: bool = False  # whether older lines of the log are still to be read

    def grid(self, period_s: int) -> Grid:
        """The time shown, in periods of this length or, if that would be few, in shorter ones."""
        return Grid.over(self.start_ms, self.end_ms, min(period_s, self.fine_s))

    @property
    def fine_s(self) -> int:
        """The period that fills a chart."""
        return fine(self.end_ms - self.start_ms)


def fine(length_ms: int) -> int:
    """The period, in seconds, that fills a chart of so long a time."""
    needed = length_ms / 1000 / POINTS_MOST
    return next((period for period in PERIODS_S if period >= needed), PERIODS_S[-1])
