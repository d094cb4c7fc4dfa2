"""T-Mobile's day: from midnight to midnight in Los Angeles, 23 to 25 hours long."""

from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import cache

# What waited for a new day leaves this long after it has begun: the clocks of two companies differ.
BEGINS_MS = 2_000


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
