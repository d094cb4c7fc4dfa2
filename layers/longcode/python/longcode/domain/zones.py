"""Time zones by their IANA names: the clock in one, and those that a number may be in."""

# What this needs is loaded where it is used: zoneinfo takes 3 ms of a start, phonenumbers ten times that, and few
# functions need either.

from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# The numbers of North America begin with this digit and three of an area.
_NORTH_AMERICA = "+1"


def is_zone(name: str) -> bool:
    """Whether `name` is a zone or an earlier name of one, as `Europe/Berlin` and `Singapore`."""
    return name in _names()


def offset_ms(at_ms: int, name: str) -> int:
    """By how much clocks in a zone are ahead of UTC at a moment (epoch milliseconds)."""
    ahead = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_zone(name)).utcoffset()
    assert ahead is not None
    return round(ahead.total_seconds() * 1000)


def moments(local: datetime, name: str) -> tuple[int, int]:
    """When clocks in a zone show a date and time that has no offset, epoch milliseconds.

    Both are the same on most days. A time that comes twice, as clocks are put back, has the earlier and the later
    moment. For one that is skipped, as they are put forward, the first is later than the second.
    """
    first, second = (round(local.replace(tzinfo=_zone(name), fold=fold).timestamp() * 1000) for fold in (0, 1))
    return first, second


def of_number(number: str) -> tuple[str, ...]:
    """The zones that a number (E.164) may be in; none if that is not known.

    In North America those of its whole area code: which town a mobile number was first given out in says little.
    """
    if number.startswith(_NORTH_AMERICA) and (known := _of_areas().get(number[1:5])):
        return known
    import phonenumbers
    from phonenumbers import timezone

    try:
        found = timezone.time_zones_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ()
    return () if timezone.UNKNOWN_TIMEZONE in found else tuple(found)


@cache
def _of_areas() -> dict[str, tuple[str, ...]]:
    """The zones of each area code of North America, by its four digits."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    found: dict[str, set[str]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        if prefix[0] == "1" and len(prefix) > len("1"):
            found.setdefault(prefix[:4], set()).update(zones)
    return {area: tuple(sorted(zones)) for area, zones in found.items()}


@cache
def _names() -> frozenset[str]:
    from importlib.resources import files

    # Factory is what a clock shows that was never set.
    return frozenset(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}


@cache
def _zone(name: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
