"""Virtual time: nothing waits, every run of a test sees the same moments, and what runs in parallel interleaves.

A discrete-event simulation over greenlets. A task that sleeps gives way to what is due before: another worker of
the same batch, another invocation, a receipt, the reconciler. Which of two goes first at one moment is the order
in which they asked.
"""

import heapq
import itertools
from collections.abc import Callable, Collection, Sequence
from functools import partial
from operator import itemgetter

from greenlet import GreenletExit, getcurrent, greenlet

# 2023-11-14T22:13:20Z, an hour and three quarters before midnight.
START_MS = 1_700_000_000_000

Action = Callable[[], object]


class FakeClock:
    """ports.Clock in virtual time, with an agenda of what else happens in the world.

    A test itself may sleep (`pass_ms`): everything that is due until then happens meanwhile. Each action of the
    agenda is a task of its own, so it may sleep too without holding up anyone. What a task raises is raised where
    the test lets time pass.
    """

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now = now_ms
        self._agenda: list[tuple[int, int, Action]] = []
        self._numbers = itertools.count()
        self._tasks: set[greenlet] = set()
        # Further things to do that are known only when they are asked for; None where there is none.
        self.standing: list[Callable[[], tuple[int, Action] | None]] = []

    def now_ms(self) -> int:
        return self.now

    def sleep_until(self, at_ms: int) -> None:
        if at_ms <= self.now:
            return
        here = getcurrent()
        if here in self._tasks:
            self._wake(here, at_ms)
            self._park(here)
        else:
            self._run(at_ms, lambda: False)
            self.now = max(self.now, at_ms)

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, as a call does that takes its time."""
        self.sleep_until(self.now + duration_ms)

    def at(self, at_ms: int, action: Action) -> None:
        """Let something happen then."""
        heapq.heappush(self._agenda, (at_ms, next(self._numbers), lambda: self._start(action)))

    def run(self, done: Callable[[], bool]) -> None:
        """Let everything happen until `done`. For the test itself, not for a task."""
        self._run(None, done)

    def side_by_side(self, jobs: Sequence[Callable[[], None]]) -> None:
        """ports.Parallel in virtual time: all from the same instant, each going on when its own wait is over.

        A job that raises ends the whole, as the death of a worker does: the others get no further.
        """
        here = getcurrent()
        inside = here in self._tasks
        failures: list[BaseException] = []
        running: set[greenlet] = set()
        left, woken = len(jobs), False

        def over() -> bool:
            return bool(failures) or not left

        def run(job: Callable[[], None]) -> None:
            nonlocal left, woken
            if over():
                return
            running.add(getcurrent())
            try:
                job()
            except GreenletExit:
                raise
            except BaseException as exc:
                failures.append(exc)
            running.discard(getcurrent())
            left -= 1
            if inside and over() and not woken:
                woken = True
                self._wake(here, self.now)

        for job in jobs:
            self.at(self.now, partial(run, job))
        if not inside:
            self._run(None, over)
        elif jobs:
            self._park(here)
        self._end(running, failures)

    # ------------------------------------------------------------------------------------------ the kernel

    def _start(self, action: Action) -> None:
        def body() -> None:
            try:
                action()
            finally:
                self._tasks.discard(task)

        task = greenlet(body)
        self._tasks.add(task)
        task.switch()

    def _wake(self, task: greenlet, at_ms: int) -> None:
        heapq.heappush(self._agenda, (at_ms, next(self._numbers), lambda: None if task.dead else task.switch()))

    @staticmethod
    def _end(running: Collection[greenlet], failures: Sequence[BaseException]) -> None:
        """End the tasks that are left, and raise the first failure."""
        for task in running:
            # It ends at once, and gives way to this one.
            task.parent = getcurrent()
            task.throw()
        if failures:
            raise failures[0]

    @staticmethod
    def _park(task: greenlet) -> None:
        assert task.parent
        task.parent.switch()

    def _run(self, until_ms: int | None, done: Callable[[], bool]) -> None:
        """Let one thing happen after another, until then or until `done`."""
        while not done():
            standing = min((made for ask in self.standing if (made := ask())), key=itemgetter(0), default=None)
            planned = self._agenda[0] if self._agenda else None
            moment = min((found[0] for found in (planned, standing) if found), default=None)
            if moment is None or (until_ms is not None and moment > until_ms):
                assert until_ms is not None, "Every task waits for another."
                return
            self.now = max(self.now, moment)
            if planned and planned[0] == moment:
                heapq.heappop(self._agenda)
                planned[2]()
            elif standing:
                self._start(standing[1])


class FakeContext:
    """Lambda's context: how much of the function's time is left."""

    def __init__(self, clock: FakeClock, timeout_ms: int = 60_000) -> None:
        self._clock = clock
        self._end_ms = clock.now_ms() + timeout_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._end_ms - self._clock.now_ms())
