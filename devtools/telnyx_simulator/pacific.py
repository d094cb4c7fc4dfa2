"""T-Mobile's day: from midnight to midnight in Los Angeles, 23 or 25 hours long when its clocks change."""

# Python reads the zone from the system's tz database, which Debian has (tzdata). Where it has none, as on
# Windows, the tzdata package from the Python index takes its place.

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

PACIFIC = ZoneInfo("America/Los_Angeles")


def day(wall_s: float) -> date:
    """The date in Los Angeles at `wall_s` (seconds since 1970)."""
    return datetime.fromtimestamp(wall_s, PACIFIC).date()


def midnight_after(wall_s: float) -> float:
    """When the day of `wall_s` ends, in seconds since 1970."""
    return datetime.combine(day(wall_s) + timedelta(days=1), time(), PACIFIC).timestamp()
