"""T-Mobile's day: from midnight to midnight in Los Angeles, 23 to 25 hours long."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache

# What waited for a new day leaves this long after it has begun: the clocks of two companies differ.
BEGINS_MS = 2_000
# And nothing that is counted leaves in the last of it: a request may be under way for so long, and the text would
# be counted there for the next day.
ENDS_MS = 15_000


@dataclass(frozen=True, slots=True)
class Day:
    """A date in Los Angeles, and from when until when texts may leave that are counted for it."""

    name: str
    begins_ms: int
    ends_ms: int


def open_day(at_ms: int) -> Day:
    """The day for which a text is counted that may leave from that moment on (epoch milliseconds)."""
    name, before_ms = day_of(at_ms + ENDS_MS), at_ms - BEGINS_MS
    begins_ms = at_ms if day_of(before_ms) == name else next_day_ms(before_ms) + BEGINS_MS
    return Day(name, begins_ms, next_day_ms(at_ms + ENDS_MS) - ENDS_MS)


def day_of(at_ms: int) -> str:
    """The date in Los Angeles at that moment (epoch milliseconds), as 2026-11-27."""
    return _local(at_ms).date().isoformat()


def next_day_ms(at_ms: int) -> int:
    """The coming 00:00 in Los Angeles, epoch milliseconds."""
    tomorrow = _local(at_ms).date() + timedelta(days=1)
    return round(datetime.combine(tomorrow, time(), _zone()).timestamp() * 1000)


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_zone())


@cache
def _zone() -> tzinfo:
    # 3 ms of a start, which only those pay whose texts a carrier counts by the day.
    from zoneinfo import ZoneInfo

    return ZoneInfo("America/Los_Angeles")
