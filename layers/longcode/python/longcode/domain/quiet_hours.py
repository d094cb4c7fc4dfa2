"""Quiet hours: when a text may not leave, by the clock of its recipient."""

# What finds their end is loaded where it is needed: it takes 3 ms of a start, and few texts keep quiet hours.

import re
from dataclasses import dataclass

from longcode.domain.message import Message

# A request may be under way for so long: nothing leaves in the last of what is allowed.
ENDS_MS = 15_000
# No end of quiet hours is further away, over any change of clock.
AHEAD_MS = 9 * 86_400_000
DAY_MINUTES = 1440
_WORDS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


class NeverOpens(ValueError):
    """There is no moment at which a text may leave."""


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
            raise ValueError("would never end: it begins and ends at the same time")
        return cls(begins, ends)

    @property
    def open(self) -> tuple[tuple[int, int], ...]:
        """When it is not quiet: from and until which minutes of a day."""
        if self.begins > self.ends:
            return ((self.ends, self.begins),)
        return tuple(span for span in ((0, self.begins), (self.ends, DAY_MINUTES)) if span[0] < span[1])


def leaves_ms(message: Message, at_ms: int, hours: QuietHours | None) -> int:
    """The first moment from `at_ms` on (epoch milliseconds) at which a text may leave.

    That is `at_ms` itself, unless the text keeps quiet hours and it is quiet then in one of its recipient's zones,
    or by the law of the state that its number is of. Where it is always quiet, which only a change of settings can
    bring about for a text that was accepted, that is AHEAD_MS later, when it may have been changed again.
    """
    if hours is None or not message.quiet_zones:
        return at_ms
    from longcode.domain import quiet_windows

    try:
        week = quiet_windows.week_for(message.recipient, hours)
        return quiet_windows.opens_ms(at_ms, week, message.quiet_zones.split(","))
    except NeverOpens:
        return at_ms + AHEAD_MS
