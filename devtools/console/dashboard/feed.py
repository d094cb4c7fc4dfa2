"""What a stack says of itself, read on for as long as someone looks at the dashboard."""

import threading
import time
from collections.abc import Mapping, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from devtools.local_stack import sam_template
from devtools.local_stack.layout import Stack
from devtools.local_stack.telemetry import deployed, evidence, insights
from devtools.local_stack.telemetry.insights import LogLine, Row
from devtools.local_stack.telemetry.operations import Operations
from devtools.local_stack.telemetry.scene import Scene, fine
from devtools.local_stack.telemetry.series import Telemetry
from devtools.local_stack.telemetry.tail import LogTail
from devtools.local_stack.telemetry.watch import Verdict, Watch
from longcode_cli.problems import Problem

MINUTE_MS = 60_000
# What is older is forgotten, so that a stack may run for weeks.
KEPT_MS = 24 * 60 * MINUTE_MS
LEAST_MS = 5 * MINUTE_MS
# How far back alarms are followed: the longest look at an hour or two.
WATCHED_MS = 180 * MINUTE_MS
# A function's lines may come so much later than what they count.
SETTLED_AFTER_MS = 60_000
EVERY_S = 1.0


class Feed:
    """The numbers of one stack. Its methods block, and may be called from several threads."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._book: Book | None = None
        self._read_at = float("-inf")

    def scene(self, minutes: int | None) -> Scene:
        """What there is to show of the last `minutes`, or of all since the start. Raises Problem."""
        with self._lock:
            try:
                if self._book is None:
                    self._book = _book(self._stack)
                if time.monotonic() - self._read_at >= EVERY_S:
                    self._book.read()
                    self._read_at = time.monotonic()
            except (BotoCoreError, ClientError) as exc:
                raise Problem(f"The stack does not answer: {exc}", "make up") from exc
            return self._book.scene(minutes)


def _book(stack: Stack) -> "Book":
    telemetry = Telemetry()
    now_ms = time.time_ns() // 1_000_000
    return Book(
        stack.stack_name,
        deployed.of_stack(stack),
        telemetry,
        LogTail(stack, now_ms - KEPT_MS),
        evidence.Sampler(stack, telemetry),
        evidence.functions_of(stack),
        evidence.Gateway.of(sam_template.load(deployed.TEMPLATE), stack.stack_name, deployed.STAGE),
    )


class Book:
    """All that was read so far, in the shape that the dashboard asks for."""

    def __init__(
        self,
        service: str,
        operations: Operations,
        telemetry: Telemetry,
        tail: LogTail,
        sampler: evidence.Sampler,
        functions: Mapping[str, str],
        gateway: evidence.Gateway,
    ) -> None:
        self._service = service
        self._operations, self._telemetry = operations, telemetry
        self._tail, self._sampler = tail, sampler
        self._functions, self._gateway = functions, gateway
        texts = [str(one.properties["query"]) for one in operations.widgets if one.kind == "log"]
        self._queries = {text: insights.read(text) for text in texts}
        self._kept: dict[str, list[Row]] = {text: [] for text in texts}
        self._failed: set[str] = set()
        self._first_ms: int | None = None
        self._watches: dict[str, Watch] = {}

    def read(self) -> None:
        """Look at the queues, and read what was written since the last time."""
        self._sampler.sample()
        more = True
        while more:
            lines, more = self._tail.read()
            self.add(lines)
        self._forget(_now_ms() - KEPT_MS)

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take in lines of the log."""
        if not lines:
            return
        self._first_ms = min(self._first_ms or lines[0].at_ms, lines[0].at_ms)
        evidence.add_lines(
            self._telemetry, lines, self._functions, self._gateway, self._operations.log_metrics, self._failed
        )
        rows = [line.fields() for line in lines]
        for text, query in self._queries.items():
            self._kept[text] += query.keep(rows)

    def _forget(self, before_ms: int) -> None:
        if self._first_ms is None or self._first_ms >= before_ms:
            return
        self._telemetry.forget(before_ms)
        for text, rows in self._kept.items():
            self._kept[text] = [row for row in rows if row["@timestamp"] >= before_ms]
        self._first_ms = before_ms

    def scene(self, minutes: int | None) -> Scene:
        """What there is to show of the last `minutes`, or of all since the start."""
        now_ms = _now_ms()
        asked_ms = minutes * MINUTE_MS if minutes else now_ms - (self._first_ms or now_ms)
        length_ms = max(asked_ms, LEAST_MS)
        # Whole periods, so that a quiet chart stands still.
        step_ms = fine(length_ms) * 1000
        end_ms = (now_ms // step_ms + 1) * step_ms
        start_ms = end_ms - -(-length_ms // step_ms) * step_ms
        return Scene(
            self._service,
            self._operations,
            self._telemetry,
            {
                text: query.answer([row for row in self._kept[text] if row["@timestamp"] >= start_ms])
                for text, query in self._queries.items()
            },
            self._verdicts(now_ms),
            start_ms,
            end_ms,
        )

    def _verdicts(self, now_ms: int) -> dict[str, Verdict]:
        start_ms = max(self._first_ms or now_ms, now_ms - WATCHED_MS)
        for ident, alarm in self._operations.alarms.items():
            if ident not in self._watches and self._first_ms is not None:
                self._watches[ident] = Watch(alarm, start_ms)
        watches = self._watches or {name: Watch(one, now_ms) for name, one in self._operations.alarms.items()}
        settled_ms = now_ms - SETTLED_AFTER_MS
        return {ident: watch.at(self._telemetry, now_ms, settled_ms) for ident, watch in watches.items()}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
