"""Runs a strategy over a queue in virtual time, as Lambda's event source mapping does."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from bench.clock import START_MS, Agenda, SimClock
from bench.fifo import NEVER, Fifo
from bench.stores import Counts
from bench.strategies import Steps, Strategy, Worker, Yard
from bench.texts import Text
from longcode.domain.pacing import Pace

# Lambda starts with so many batches at a time and adds one more each so often (300 a minute).
FIRST_WORKERS = 5
ONE_MORE_MS = 200.0
# How far the clocks of two machines may differ, each way: what a cloud's time service keeps to.
SKEW_MS = 1.0


@dataclass
class Run:
    """What came of it. Times are milliseconds from the start."""

    texts: Sequence[Text]
    counts: Counts
    invocations: int
    end_ms: float


@dataclass
class _Instance:
    """One execution environment of the consumer."""

    worker: Worker
    skew_ms: float


class Simulation:
    """One queue, its event source mapping and a strategy."""

    def __init__(
        self,
        texts: Sequence[Text],
        strategy: Strategy,
        pace: Pace,
        *,
        concurrency: int,
        seed: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.clock = SimClock(seed)
        self.counts = Counts()
        self._texts = texts
        self._queue = Fifo(strategy.visibility_ms, strategy.max_receives)
        self._agenda = Agenda()
        yard = Yard(texts, self._queue, self.clock, pace, self.counts, self._agenda.add)
        skews = random.Random(seed)
        # The most lately used goes first, so that they stay warm.
        self._instances = [
            _Instance(strategy.worker(yard), skews.uniform(-SKEW_MS, SKEW_MS)) for _ in range(concurrency)
        ]
        self._idle: list[_Instance] = []
        self._progress = progress
        self._invocations = 0

    def run(self) -> Run:
        """Until the queue is empty."""
        for number, instance in enumerate(self._instances):
            late = max(0, number + 1 - FIRST_WORKERS) * ONE_MORE_MS
            self._agenda.add(START_MS + late, partial(self._idle.append, instance))
        arrivals = iter(self._texts)
        coming = next(arrivals, None)
        now, reported = START_MS, 0
        while True:
            ready = self._queue.next_ms(now) if self._idle else NEVER
            due = min(ready, self._agenda.next_ms, coming.accepted_ms if coming else NEVER)
            if due == NEVER or (coming is None and not self._queue.size):
                break
            now = max(now, due)
            if coming is not None and coming.accepted_ms <= now:
                self._queue.put(coming)
                coming = next(arrivals, None)
            elif self._agenda.next_ms <= now:
                _, work = self._agenda.pop()
                self.clock.now = now
                work()
            else:
                self._invoke(now)
            if self._progress and (self._invocations & 1023) == 0 and reported != self._invocations:
                reported = self._invocations
                self._progress(len(self._texts) - self._queue.size if coming is None else 0)
        last = max((text.arrived_ms for text in self._texts if text.arrived_ms is not None), default=START_MS)
        return Run(self._texts, self.counts, self._invocations, last - START_MS)

    def _invoke(self, now: float) -> None:
        batch = self._queue.receive(now)
        if not batch:
            return
        instance = self._idle.pop()
        self._invocations += 1
        self.clock.now = now
        start = now + self.clock.start_of_function()
        self._agenda.add(start, lambda: self._start(instance, batch))

    def _start(self, instance: _Instance, batch: Sequence[Text]) -> None:
        self.clock.skew_ms = instance.skew_ms
        steps = instance.worker.before(batch)
        if steps is None:
            self._work(instance, batch)
        else:
            self._step(instance, batch, steps)

    def _step(self, instance: _Instance, batch: Sequence[Text], steps: Steps) -> None:
        """One of the steps that others may come between."""
        self.clock.skew_ms = instance.skew_ms
        try:
            wait = next(steps)
        except StopIteration:
            self._work(instance, batch)
            return
        self._agenda.add(self.clock.now + wait, lambda: self._step(instance, batch, steps))

    def _work(self, instance: _Instance, batch: Sequence[Text]) -> None:
        self.clock.skew_ms = instance.skew_ms
        done = instance.worker.run(batch)
        self._agenda.add(self.clock.now + 2.0, lambda: self._end(instance, done))

    def _end(self, instance: _Instance, done: Sequence[Text]) -> None:
        self._queue.delete_all(done)
        self._idle.append(instance)
