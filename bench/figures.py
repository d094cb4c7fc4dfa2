"""What a run comes to: the figures of one row of a table."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.clock import START_MS
from bench.simulation import Run
from bench.texts import Text
from longcode.domain.pacing import Pace


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all are not above; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 10_000) * len(ordered) // 10_000) - 1)]


@dataclass(frozen=True, slots=True)
class Figures:
    """One row. Times are milliseconds; None is "does not apply"."""

    texts: int
    sent: int
    ideal_ms: float
    drain_ms: float
    least_gap_ms: float | None
    # Gaps between two texts to one recipient, and how many of them are under the interval.
    gaps: int
    short_gaps: int
    # The most texts that any span of ten intervals of the shared limit had, over the ten that it allows.
    shared_load: float | None
    receives_mean: float | None
    receives_p99: float | None
    receives_max: float | None
    recipient_writes: float | None
    shared_writes: float | None
    dead: int
    doubled: int
    overtaken: int
    wait_p50_ms: float | None
    wait_p99_ms: float | None
    # How long after the first slot that it was given the latest of the others left.
    late_max_ms: float | None

    @property
    def ratio(self) -> float:
        """Time to drain over the ideal."""
        return self.drain_ms / self.ideal_ms if self.ideal_ms else 0.0


def ideal_ms(texts: Iterable[Text], pace: Pace) -> float:
    """How long nothing but the limits would take: from the start to the last arrival."""
    free: dict[str, float] = {}
    latest, shared_ms = 0.0, max(pace.sender_ms, pace.account_ms)
    shared = 0.0
    for text in texts:
        at = max(text.accepted_ms - START_MS, free.get(text.recipient, 0.0))
        free[text.recipient] = at + pace.recipient_ms
        shared = max(shared, text.accepted_ms - START_MS) + shared_ms
        latest = max(latest, at, shared - shared_ms)
    return latest


def figures(run: Run, pace: Pace) -> Figures:
    """The row for a run in virtual time."""
    texts = run.texts
    receives = [float(text.receives) for text in texts]
    shared_ms = max(pace.sender_ms, pace.account_ms)
    gaps = at_the_provider((text.recipient, text.arrived_ms) for text in texts)
    waits = _waits(texts, pace)
    return Figures(
        texts=len(texts),
        sent=sum(text.copies > 0 for text in texts),
        ideal_ms=ideal_ms(texts, pace),
        drain_ms=run.end_ms,
        shared_load=_load([t.arrived_ms for t in texts if t.arrived_ms is not None], shared_ms),
        receives_mean=sum(receives) / len(receives),
        receives_p99=percentile(receives, 0.99),
        receives_max=max(receives),
        recipient_writes=run.counts.recipient_writes / len(texts),
        shared_writes=run.counts.shared_writes / len(texts) if shared_ms else None,
        dead=sum(text.dead for text in texts),
        doubled=sum(text.copies > 1 for text in texts),
        least_gap_ms=min(gaps.gaps_ms, default=None),
        gaps=len(gaps.gaps_ms),
        short_gaps=sum(gap < pace.recipient_ms for gap in gaps.gaps_ms),
        overtaken=gaps.overtaken,
        wait_p50_ms=percentile(waits, 0.5) if waits else None,
        wait_p99_ms=percentile(waits, 0.99) if waits else None,
        late_max_ms=max(_late(texts), default=None),
    )


@dataclass(frozen=True, slots=True)
class Gaps:
    """What the provider saw: the gaps in each recipient queue, and how many texts came before an earlier one."""

    gaps_ms: list[float]
    overtaken: int


def at_the_provider(arrivals: Iterable[tuple[str, float | None]]) -> Gaps:
    """From recipients and moments of arrival, in the order of acceptance; None is a text that never came."""
    queues: dict[str, list[float]] = defaultdict(list)
    for recipient, at in arrivals:
        if at is not None:
            queues[recipient].append(at)
    gaps: list[float] = []
    overtaken = 0
    for queue in queues.values():
        overtaken += sum(later < earlier for earlier, later in pairwise(queue))
        gaps += [later - earlier for earlier, later in pairwise(sorted(queue))]
    return Gaps(gaps, overtaken)


def _load(arrivals: list[float], interval_ms: int) -> float | None:
    if not interval_ms:
        return None
    arrivals.sort()
    most, first = 0, 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= 10 * interval_ms:
            first += 1
        most = max(most, last - first + 1)
    return most / 10


def _late(texts: Sequence[Text]) -> list[float]:
    """How long after its first slot each of the others came to the provider; what never waited is not late."""
    return [
        text.arrived_ms - text.first_slot_ms
        for text in texts
        if text.other and text.arrived_ms is not None and text.first_slot_ms is not None
    ]


def _waits(texts: Sequence[Text], pace: Pace) -> list[float]:
    """How long the others waited beyond what their own limit asks of them."""
    free: dict[str, float] = {}
    waits: list[float] = []
    for text in texts:
        if text.other and text.arrived_ms is not None:
            waits.append(text.arrived_ms - max(text.accepted_ms, free.get(text.recipient, 0.0)))
            free[text.recipient] = text.arrived_ms + pace.recipient_ms
    return waits
