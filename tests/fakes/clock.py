"""Virtual time: nothing waits, and every run of a test sees the same moments."""

from collections.abc import Callable, Sequence

# 2023-11-14T22:13:20Z, an hour and three quarters before midnight.
START_MS = 1_700_000_000_000


class FakeClock:
    """ports.Clock that a test sets; sleeping moves it."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self.now = now_ms

    def now_ms(self) -> int:
        return self.now

    def sleep_until(self, at_ms: int) -> None:
        self.now = max(self.now, at_ms)

    def pass_ms(self, duration_ms: int) -> None:
        """Let time pass, as a call does that takes its time."""
        self.now += duration_ms

    def side_by_side(self, jobs: Sequence[Callable[[], None]]) -> None:
        """ports.Parallel in virtual time: one after the other, all from the same instant.

        What two jobs write to one store is seen in the order of the jobs, not of their virtual moments. A job
        that raises ends the whole, as the death of a worker does.
        """
        start = latest = self.now
        try:
            for job in jobs:
                self.now = start
                job()
                latest = max(latest, self.now)
        finally:
            self.now = max(latest, self.now)


class FakeContext:
    """Lambda's context: how much of the function's time is left."""

    def __init__(self, clock: FakeClock, timeout_ms: int = 60_000) -> None:
        self._clock = clock
        self._end_ms = clock.now_ms() + timeout_ms

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._end_ms - self._clock.now_ms())
