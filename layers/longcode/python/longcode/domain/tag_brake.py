"""When a campaign stops itself: what is counted of a tag, and of a carrier, and from which share on it pauses."""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self

from longcode.domain.message import Message
from longcode.domain.priority import Priority

# What is counted is a sliding hour, in slots of ten minutes: the present one and the five before it.
SLOT_MS = 600_000
WINDOW_SLOTS = 6

_PERCENT = r"([0-9]{1,2}(?:\.[0-9]{1,2})?)"
_SETTING = re.compile(f"([1-9][0-9]{{0,5}}):{_PERCENT},{_PERCENT},{_PERCENT}", re.ASCII)


class SubjectKind(StrEnum):
    """What can pause: the bulk texts of a tag, or those to a carrier."""

    TAG = "tag"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose texts are counted together, and pause together: a tag, or a carrier by its word."""

    kind: SubjectKind
    name: str

    def is_judged(self, tally: "Tally") -> bool:
        """Whether a tally speaks against a subject: against a carrier only if it is not that of one bad campaign,
        which has a brake of its own and would stop all others to that carrier.
        """
        return self.kind is SubjectKind.TAG or tally.tags > 1


@dataclass(frozen=True, slots=True)
class Tally:
    """Texts that have left, and of those the failed, the ones that a filter stopped (they have failed as well) and
    the ones that their recipients opted out after. Of a carrier also of how many `tags` the bad ones were.
    """

    sent: int = 0
    failed: int = 0
    filtered: int = 0
    opted_out: int = 0
    tags: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(
            self.sent + other.sent,
            self.failed + other.failed,
            self.filtered + other.filtered,
            self.opted_out + other.opted_out,
            max(self.tags, other.tags),
        )


@dataclass(frozen=True, slots=True)
class Pause:
    """That nothing of a subject leaves: since when, why, and whether its brake or an operator says so."""

    since_ms: int
    reason: str = ""
    by: Literal["brake", "operator"] = "operator"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subject stands: its `tally` of the last hour, and its pause, None if it has none.

    `recent` texts have left since `recent_from_ms`, ten to twenty minutes ago or when they began.
    """

    tally: Tally = Tally()
    recent: int = 0
    recent_from_ms: int = 0
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class BrakeSetting:
    """From how many texts of an hour on a subject is judged, and by which percent of them; 0 leaves one out.

    >>> BrakeSetting.parse("50:20,10,2")
    BrakeSetting(after=50, failed=Decimal('20'), filtered=Decimal('10'), opted_out=Decimal('2'))
    """

    after: int
    failed: Decimal
    filtered: Decimal
    opted_out: Decimal

    @classmethod
    def parse(cls, words: str) -> Self:
        """Read the setting TagBrake. Raises ValueError that says what it must be."""
        found = _SETTING.fullmatch(words.replace(" ", ""))
        if not found:
            raise ValueError(
                "must be as 50:20,10,2: after 50 texts, percent failed, filtered and opted out; or empty"
            )
        return cls(int(found[1]), *(Decimal(found[number]) for number in (2, 3, 4)))

    def verdict(self, tally: Tally) -> str | None:
        """Why a subject with this tally pauses, in words for people; None if it does not.

        >>> BrakeSetting.parse("50:20,10,2").verdict(Tally(sent=60, failed=7, filtered=7))
        'a filter stopped 7 of the last 60 texts (limit 10 %)'
        """
        if tally.sent < self.after:
            return None
        for count, limit, what in (
            (tally.filtered, self.filtered, "a filter stopped {} of the last {} texts"),
            (tally.failed, self.failed, "{} of the last {} texts failed"),
            (tally.opted_out, self.opted_out, "{} people opted out after the last {} texts"),
        ):
            if limit and count * 100 >= limit * tally.sent:
                return f"{what.format(count, tally.sent)} (limit {limit} %)"
        return None


def tag_of(message: Message) -> str | None:
    """The tag whose pause holds a text, None if none does: of bulk texts alone."""
    return message.tag if message.priority is Priority.BULK else None


def subjects(message: Message, carrier: str | None) -> list[Subject]:
    """Whose counts a text stands in. One that is sent at once, or is transactional, stands in none."""
    if message.direction != "outbound" or message.priority is not Priority.BULK or message.route != "queue":
        return []
    found = [Subject(SubjectKind.TAG, message.tag)] if message.tag else []
    return [*found, Subject(SubjectKind.CARRIER, carrier)] if carrier else found


def slot_of(at_ms: int) -> int:
    """The number of the ten minutes that a moment is in."""
    return at_ms // SLOT_MS
