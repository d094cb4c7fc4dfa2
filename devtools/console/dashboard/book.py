"""What was read of a stack so far, and what the dashboard shows of it."""

from collections.abc import Mapping, Sequence

from devtools.local_stack.telemetry import evidence, insights
from devtools.local_stack.telemetry.insights import LogLine, Row
from devtools.local_stack.telemetry.operations import Operations
from devtools.local_stack.telemetry.scene import Scene, fine
from devtools.local_stack.telemetry.series import Telemetry
from devtools.local_stack.telemetry.watch import Verdict, Watch

MINUTE_MS = 60_000
# What is older is forgotten, so that a stack may run for weeks.
KEPT_MS = 24 * 60 * MINUTE_MS
# The least that is shown.
LEAST_MS = 5 * MINUTE_MS
# How far back alarms are followed; most of them know their state from the last values alone.
WATCHED_MS = 180 * MINUTE_MS
# The lines of an invocation come when it ends, which is so much later at most.
SETTLED_AFTER_MS = 60_000


class Book:
    """The numbers and log lines of one stack, of which each is read once.

    A query on the log keeps what its filters let pass, so that most lines are forgotten at once.
    """

    def __init__(
        self, service: str, operations: Operations, functions: Mapping[str, str], gateway: evidence.Gateway
    ) -> None:
        self.telemetry = Telemetry()
        self.behind = False  # whether there are older lines that were not read yet
        self._service, self._operations = service, operations
        self._functions, self._gateway = functions, gateway
        texts = [str(one.properties["query"]) for one in operations.widgets if one.kind == "log"]
        self._queries = {text: insights.read(text) for text in texts}
        self._kept: dict[str, list[Row]] = {text: [] for text in texts}
        self._failed: set[str] = set()
        self._first_ms: int | None = None
        self._watches: dict[str, Watch] = {}
        self._watched_ms = 0

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take in the next lines of the log, oldest first."""
        if not lines:
            return
        self._first_ms = min(self._first_ms or lines[0].at_ms, lines[0].at_ms)
        evidence.add_lines(
            self.telemetry, lines, self._functions, self._gateway, self._operations.log_metrics, self._failed
        )
        rows = [line.fields() for line in lines]
        for text, query in self._queries.items():
            self._kept[text] += query.keep(rows)

    def forget(self, now_ms: int) -> None:
        """Drop what is too old to be shown."""
        before_ms = now_ms - KEPT_MS
        if self._first_ms is None or self._first_ms >= before_ms:
            return
        self.telemetry.forget(before_ms)
        for text, rows in self._kept.items():
            self._kept[text] = [row for row in rows if row["@timestamp"] >= before_ms]
        self._first_ms = before_ms

    def scene(self, minutes: int | None, now_ms: int) -> Scene:
        """What there is to show of the last `minutes`, or of all since the first line."""
        asked_ms = minutes * MINUTE_MS if minutes else now_ms - (self._first_ms or now_ms)
        length_ms = max(asked_ms, LEAST_MS)
        # Whole periods, so that a quiet chart stands still.
        step_ms = fine(length_ms) * 1000
        end_ms = (now_ms // step_ms + 1) * step_ms
        start_ms = end_ms - -(-length_ms // step_ms) * step_ms
        rows = {
            text: query.answer([row for row in self._kept[text] if row["@timestamp"] >= start_ms])
            for text, query in self._queries.items()
        }
        return Scene(
            self._service,
            self._operations,
            self.telemetry,
            rows,
            self._verdicts(now_ms),
            start_ms,
            end_ms,
            behind=self.behind,
        )

    def _verdicts(self, now_ms: int) -> dict[str, Verdict]:
        if now_ms - self._watched_ms > WATCHED_MS:
            start_ms = max(self._first_ms or now_ms, now_ms - WATCHED_MS)
            self._watches = {name: Watch(one, start_ms) for name, one in self._operations.alarms.items()}
        self._watched_ms = now_ms
        settled_ms = 0 if self.behind else now_ms - SETTLED_AFTER_MS
        return {name: watch.at(self.telemetry, now_ms, settled_ms) for name, watch in self._watches.items()}
