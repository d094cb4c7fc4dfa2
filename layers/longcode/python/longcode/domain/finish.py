"""About when the last of many texts will leave: by the limits of today, and by how fast they left of late."""

# An estimate. What other campaigns take of the same limits is only in how fast texts left of late.

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from longcode.domain import pacific
from longcode.domain.campaign import MINUTE_MS, CarrierLimits
from longcode.domain.carriers import Carrier
from longcode.domain.pacing import Pace


@dataclass(frozen=True, slots=True)
class Rest:
    """The texts that wait: how many, of how many segments each on the average, the last not before `ready_ms`.

    `shares` is the part of them that goes to each carrier, as far as it is known; empty where nothing is.
    """

    texts: int
    segments: float = 1
    ready_ms: int = 0
    shares: Mapping[str, float] = field(default_factory=dict)

    def share(self, carrier: str) -> float:
        """The part that counts against a carrier's limits: what is on no known carrier counts against each."""
        return self.shares.get(carrier, 0) if self.shares else 1


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast texts may leave, and did: the settings' intervals, the carriers' limits, and `recent` texts in
    `recent_in_ms`. `percent` of each limit is for texts like these, and `counted` segments of a carrier's day are
    used up.
    """

    pace: Pace
    limits: CarrierLimits
    percent: int = 100
    counted: Mapping[Carrier, int] = field(default_factory=dict)
    recent: int = 0
    recent_in_ms: int = 0


def finishes_ms(rest: Rest, speed: Speed, now_ms: int) -> int:
    """When the last of them will have left, epoch milliseconds."""
    segments = rest.texts * rest.segments * 100 / speed.percent
    spans = [segments * interval for interval in (speed.pace.sender_ms, speed.pace.account_ms)]
    spans += [
        segments * rest.share(carrier) * MINUTE_MS / most for carrier, most in speed.limits.per_minute.items()
    ]
    if speed.recent and speed.recent_in_ms > 0:
        spans.append(rest.texts * speed.recent_in_ms / speed.recent)
    found = max(now_ms, rest.ready_ms) + math.ceil(max(spans))
    return max([found, *(_by_day(rest, speed, carrier, now_ms) for carrier in speed.limits.per_day)])


def _by_day(rest: Rest, speed: Speed, carrier: Carrier, now_ms: int) -> int:
    """When the day of a carrier begins in which the last of them leaves; now, if that is today."""
    at_most = max(1, speed.limits.per_day[carrier] * speed.percent // 100)
    more = rest.texts * rest.segments * rest.share(carrier) - max(0, at_most - speed.counted.get(carrier, 0))
    day_ms = now_ms
    for _ in range(min(math.ceil(more / at_most), 366)):
        day_ms = pacific.next_day_ms(day_ms) + pacific.BEGINS_MS
    return day_ms
