"""Quiet hours: when a text may not leave, by the clock of its recipient."""

# zoneinfo is imported where it is used: 3 ms of a start, which only those pay who have quiet hours.

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING

from longcode.domain.message import Message

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# A request may be under way for so long: nothing leaves in the last of what is allowed.
ENDS_MS = 15_000
_WORDS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
# No window of a week that is open at all is further away, over any change of clock.
_TRIED_DAYS = 9


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From when until when it is quiet, each day: minutes after midnight, in the recipient's zone.

    They begin in the evening of one day and end in the morning of the next where `begins` is later than `ends`.
    """

    begins: int
    ends: int

    @classmethod
    def parse(cls, words: str) -> "QuietHours":
        """Read them as `21:00-08:00`. Raises ValueError."""
        found = _WORDS.fullmatch(words)
        if not found:
            raise ValueError("must be two times of day, as 21:00-08:00")
        begins, ends = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if begins == ends:
            raise ValueError("would never end")
        return cls(begins, ends)

    def quiet(self, minute: int) -> bool:
        """Whether a minute of the day is in them."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


def leaves_ms(message: Message, at_ms: int, hours: QuietHours | None) -> int:
    """The first moment from `at_ms` on (epoch milliseconds) at which a text may leave.

    That is `at_ms` itself, unless the text keeps quiet hours and they hold then in one of its recipient's zones.
    """
    if hours is None or not message.quiet_zones:
        return at_ms
    return opens_ms(at_ms, hours, message.quiet_zones.split(","))


def opens_ms(at_ms: int, hours: QuietHours, zones: Sequence[str]) -> int:
    """The first moment from `at_ms` on that is outside the quiet hours of all of these zones at once.

    Raises ValueError if there is none.
    """
    for _ in range(_TRIED_DAYS * 24 * 60):
        later = max(_ends_ms(at_ms, hours, _zone(zone)) for zone in zones)
        if later == at_ms:
            return at_ms
        at_ms = later
    raise ValueError("there is no moment outside the quiet hours of all zones")


def _ends_ms(at_ms: int, hours: QuietHours, zone: "ZoneInfo") -> int:
    """When the quiet hours end that hold at a moment; that moment if none do."""
    local = datetime.fromtimestamp((at_ms + ENDS_MS) / 1000, UTC).astimezone(zone)
    now = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    if not hours.quiet(local.hour * 60 + local.minute) and not hours.quiet(now.hour * 60 + now.minute):
        return at_ms
    day = local.date()
    for ahead in range(3):
        ends = datetime.combine(
            day + timedelta(days=ahead),
            time(hours.ends // 60, hours.ends % 60),
            zone,
        )
        ends_ms = round(ends.timestamp() * 1000)
        if ends_ms > at_ms:
            return ends_ms
    raise AssertionError("A day ends.")


@cache
def _zone(name: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)
