"""What was counted, to be looked at."""

from collections import Counter

from longcode.domain.metrics import Metric


class FakeMetrics:
    """ports.Metrics, and the flush that the real one has."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.values: dict[str, list[float]] = {}
        self.flushes = 0

    def count(self, metric: Metric, value: float = 1) -> None:
        self.counts[metric] += 1
        self.values.setdefault(metric, []).append(value)

    def flush(self) -> None:
        self.flushes += 1
