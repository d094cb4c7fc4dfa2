"""Metrics as CloudWatch keeps them: samples under a namespace, a name and dimensions, and statistics of them."""

import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from operator import attrgetter

_AT_MS = attrgetter("at_ms")

# Start of the period, in epoch milliseconds → value. A period without data is not in it.
Points = dict[int, float]


class UnknownStatistic(ValueError):
    """A statistic that is not worked out here."""


@dataclass(frozen=True, slots=True)
class MetricKey:
    """What names one metric. Other dimensions are another metric."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "MetricKey":
        return cls(namespace, name, frozenset(dimensions.items()))

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in sorted(self.dimensions))
        return f"{self.namespace} {self.name} ({named})"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, as it was reported. `unit` is CloudWatch's word for it."""

    at_ms: int
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Grid:
    """So many periods one after the other."""

    start_ms: int
    period_s: int
    periods: int

    @classmethod
    def over(cls, start_ms: int, end_ms: int, period_s: int) -> "Grid":
        """The whole periods of the clock that hold all from `start_ms` to `end_ms`."""
        period_ms = period_s * 1000
        first = start_ms // period_ms * period_ms
        return cls(first, period_s, max(1, -(-(end_ms - first) // period_ms)))

    @classmethod
    def until(cls, end_ms: int, period_s: int, periods: int) -> "Grid":
        """The last `periods` that are over at `end_ms`."""
        return cls(end_ms - period_s * 1000 * periods, period_s, periods)

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start_ms, self.end_ms, self.period_s * 1000))

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.periods * self.period_s * 1000


class Telemetry:
    """All samples of a stack."""

    def __init__(self) -> None:
        self._samples: dict[MetricKey, list[Sample]] = defaultdict(list)

    def add(self, key: MetricKey, at_ms: int, value: float, unit: str) -> None:
        """Report one value."""
        # In the order of time, so that a stretch of it is found without looking at the rest.
        insort(self._samples[key], Sample(at_ms, value, unit), key=_AT_MS)

    def forget(self, before_ms: int) -> None:
        """Drop what is older."""
        for samples in self._samples.values():
            del samples[: bisect_left(samples, before_ms, key=_AT_MS)]

    def __contains__(self, key: MetricKey) -> bool:
        return key in self._samples

    def __iter__(self) -> Iterator[MetricKey]:
        return iter(self._samples)

    def samples(self, key: MetricKey) -> Sequence[Sample]:
        """Every value of a metric, oldest first; none if it was never reported."""
        return self._samples.get(key, ())

    def points(self, key: MetricKey, statistic: str, grid: Grid) -> Points:
        """A statistic of each period. Raises UnknownStatistic."""
        reduce = statistic_named(statistic)
        period_ms = grid.period_s * 1000
        values: dict[int, list[float]] = defaultdict(list)
        samples = self.samples(key)
        first, end = (bisect_left(samples, at, key=_AT_MS) for at in (grid.start_ms, grid.end_ms))
        for sample in samples[first:end]:
            values[grid.start_ms + (sample.at_ms - grid.start_ms) // period_ms * period_ms].append(sample.value)
        return {at: reduce(found) for at, found in values.items()}


def statistic_named(name: str) -> Callable[[Sequence[float]], float]:
    """`Sum`, `Average`, `Minimum`, `Maximum`, `SampleCount`, `p99`, … Raises UnknownStatistic."""
    if name in _STATISTICS:
        return _STATISTICS[name]
    if (found := re.fullmatch(r"p(\d{1,2}(\.\d+)?|100)", name)) is not None:
        share = float(found[1]) / 100
        return lambda values: percentile(values, share)
    raise UnknownStatistic(f"There is no statistic {name!r} here.")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values are; between the two nearest if it is none of them."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    below = floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Average": lambda values: sum(values) / len(values),
    "Minimum": min,
    "Maximum": max,
    "SampleCount": lambda values: float(len(values)),
}
