"""What a stack says of itself, read on for as long as someone looks at the dashboard."""

import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

from devtools.local_stack import sam_template
from devtools.local_stack.layout import Stack
from devtools.local_stack.telemetry import deployed, evidence
from devtools.local_stack.telemetry.scene import Scene
from devtools.local_stack.telemetry.tail import LogTail
from longcode_cli.problems import Problem

from .book import KEPT_MS, Book

# Pages that show several stretches of time read the stack once.
EVERY_S = 1.0


class Feed:
    """The numbers of one stack. Its method blocks, and may be called from several threads."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._lock = threading.Lock()
        self._reader: _Reader | None = None
        self._read_at = float("-inf")

    def scene(self, minutes: int | None) -> Scene:
        """What there is to show of the last `minutes`, or of all since the start. Raises Problem."""
        with self._lock:
            try:
                if self._reader is None:
                    self._reader = _Reader(self._stack)
                if time.monotonic() - self._read_at >= EVERY_S:
                    self._reader.read()
                    self._read_at = time.monotonic()
            except (BotoCoreError, ClientError) as exc:
                raise Problem(f"The stack does not answer: {exc}", "make up") from exc
            return self._reader.book.scene(minutes, _now_ms())


class _Reader:
    def __init__(self, stack: Stack) -> None:
        gateway = evidence.Gateway.of(sam_template.load(deployed.TEMPLATE), stack.stack_name, deployed.STAGE)
        self.book = Book(stack.stack_name, deployed.of_stack(stack), evidence.functions_of(stack), gateway)
        self._tail = LogTail(stack, _now_ms() - KEPT_MS)
        self._sampler = evidence.Sampler(stack, self.book.telemetry)

    def read(self) -> None:
        """Look at the queues, and read what was written since the last time."""
        self._sampler.sample()
        lines, self.book.behind = self._tail.read()
        self.book.add(lines)
        self.book.forget(_now_ms())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
