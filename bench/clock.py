"""Virtual time, and how long things take in it."""

# The figures are those of a small function in the provider's and the tables' region, with tails; every one comes
# from one seeded generator, so that a run can be repeated.

import heapq
import math
import random
from collections.abc import Callable, Sequence

# Epoch milliseconds at the start: the code under test expects times that look like today's.
START_MS = 1_700_000_000_000.0


class SimClock:
    """ports.Clock in virtual time. `skew_ms` is how far the clock of the machine at work is off."""

    def __init__(self, seed: int = 1) -> None:
        self.now = START_MS
        self.skew_ms = 0.0
        self._random = random.Random(seed)

    def now_ms(self) -> int:
        return int(self.now + self.skew_ms)

    def sleep_until(self, at_ms: float) -> None:
        until = at_ms - self.skew_ms
        if until > self.now:
            # Awake a little late, now and then by a whole slice of the processor.
            self.now = until + self.chance(0.02, 15.0, 0.5)

    def chance(self, share: float, then_ms: float, otherwise_ms: float) -> float:
        """Up to `otherwise_ms`; with the probability `share` up to `then_ms`."""
        draw = self._random.random
        return draw() * (then_ms if draw() < share else otherwise_ms)

    def spread(self, least_ms: float, mean_ms: float) -> float:
        """At least `least_ms`, and on average `mean_ms` more, with an exponential tail."""
        return least_ms - mean_ms * math.log(1.0 - self._random.random())

    def shuffle(self, items: list[str]) -> None:
        """Put `items` in an order of no meaning."""
        self._random.shuffle(items)

    # ------------------------------------------------------------------------------ how long things take

    def store(self) -> None:
        """One call of DynamoDB or SQS."""
        self.now += self.spread(3.0, 2.0) + self.chance(0.005, 40.0, 0.0)

    def way_to_provider(self) -> None:
        """A request on its way: a warm connection, one in a hundred with a retransmission or a new handshake."""
        self.now += self.spread(15.0, 3.0) + self.chance(0.01, 200.0, 0.0)

    def at_provider(self) -> None:
        """The provider at work, and its answer on the way back."""
        self.now += self.spread(85.0, 20.0) + self.chance(0.01, 300.0, 0.0)

    def start_of_function(self) -> float:
        """From the receive to the first line of a warm function."""
        return self.spread(8.0, 6.0)

    def side_by_side(self, jobs: Sequence[Callable[[], None]]) -> None:
        """ports.Parallel: each job from the same instant; over when the last one is.

        Running one after the other in virtual time is exact where nothing that one job writes is read by another:
        so it is here, as a recipient's texts and limiter belong to one job, and their group to one batch.
        """
        start = latest = self.now
        for job in jobs:
            self.now = start
            job()
            latest = max(latest, self.now)
        self.now = latest


class Agenda:
    """Things to do, by their time; those of one time in the order in which they were added."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, int, Callable[[], None]]] = []
        self._added = 0

    def add(self, at: float, work: Callable[[], None]) -> None:
        self._added += 1
        heapq.heappush(self._rows, (at, self._added, work))

    def pop(self) -> tuple[float, Callable[[], None]]:
        at, _, work = heapq.heappop(self._rows)
        return at, work

    @property
    def next_ms(self) -> float:
        return self._rows[0][0] if self._rows else float("inf")
