"""Limits on how many texts leave to one recipient in any period of a length, of all callers together."""

# Times are epoch milliseconds. A token bucket would let nearly twice as many leave within one period: a full one
# at its begin, and what flows in after it. So what counts are the moments of the last departures.

import re
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass

# A departure is noted for this much later than it is asked for: the text leaves in between, as a claim and a look
# at the gate come before it. So what is measured at the departures themselves is never shorter than the period.
MARGIN_MS = 2_000

MOST_LIMITS = 3
MOST_TEXTS = 50
MOST_MS = 7 * 86_400_000
_UNITS_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000, "day": 86_400_000}
_WORDS = re.compile(r"([0-9]{1,9})/([0-9]{1,9})?(s|min|h|day)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecipientLimit:
    """At most `texts` leave to one recipient in any period of `period_ms`."""

    texts: int
    period_ms: int


def parse(words: str) -> tuple[RecipientLimit, ...]:
    """Read limits as `5/15min,20/day`; empty is none. Raises ValueError that says what is wrong."""
    parts = [part for each in words.split(",") if (part := each.strip())]
    if len(parts) > MOST_LIMITS:
        raise ValueError(f"has {len(parts)} limits, and may have {MOST_LIMITS}")
    found = tuple(map(_parse_one, parts))
    if len({limit.period_ms for limit in found}) < len(found):
        raise ValueError("has two limits for one period")
    return found


def _parse_one(words: str) -> RecipientLimit:
    match = _WORDS.fullmatch(words)
    if not match:
        raise ValueError("must be texts / a period in s, min, h or day, as 5/15min,20/day")
    texts, number = int(match[1]), int(match[2] or 1)
    if not 1 <= texts <= MOST_TEXTS:
        raise ValueError(f"has {texts} texts in {words}, and may have 1 to {MOST_TEXTS}")
    period_ms = number * _UNITS_MS[match[3]]
    if not 1 <= period_ms <= MOST_MS:
        raise ValueError(f"has a period of {words.partition('/')[2]}, and may have 1s to 7day")
    return RecipientLimit(texts, period_ms)


def free_ms(departures: Sequence[int], limits: Sequence[RecipientLimit], now_ms: int) -> int:
    """The first moment from `now_ms` on at which one more text may leave. `departures` are in order of time."""
    found = now_ms
    for limit in limits:
        if len(departures) >= limit.texts:
            found = max(found, departures[-limit.texts] + limit.period_ms)
    return found


def with_departure(
    departures: Sequence[int], limits: Sequence[RecipientLimit], now_ms: int
) -> tuple[int, tuple[int, ...]]:
    """Note one that leaves by now: its moment, which no other has, and all departures that can still count."""
    at_ms = now_ms + MARGIN_MS
    while at_ms in departures:
        at_ms += 1
    return at_ms, noted([*departures, at_ms], limits)


def noted(departures: Sequence[int], limits: Sequence[RecipientLimit]) -> tuple[int, ...]:
    """Those of the departures that can still count, in order of time: as many as the largest limit has texts."""
    return tuple(sorted(departures)[-max(limit.texts for limit in limits) :])


def forecast(
    departures: Sequence[int], limits: Sequence[RecipientLimit], now_ms: int, count: int, spacing_ms: int = 0
) -> list[int]:
    """When the next `count` texts may leave, each `spacing_ms` after the one before at least."""
    left, found, free = list(departures), [], now_ms
    for _ in range(count):
        free = free_ms(left, limits, free)
        found.append(free)
        insort(left, free + MARGIN_MS)
        free += spacing_ms
    return found
