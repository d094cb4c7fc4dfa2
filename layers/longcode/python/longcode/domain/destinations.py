"""Where texts may go: the beginnings of numbers, each perhaps with a cap for a day."""

# Sources: ITU-T E.164, list of assigned country codes; the North American Numbering Plan's area codes. Tests hold
# both against the `phonenumbers` library.

import re
from collections.abc import Sequence
from dataclasses import dataclass

EVERYWHERE = "*"

# Country codes are read from the left and none begins another: 1 and 7 are complete with one digit, these with
# two, and all others have three.
_ONE_DIGIT = frozenset(("1", "7"))
_TWO_DIGITS = frozenset((
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98",
))  # fmt: skip
# Area codes of country code 1 that are not of the United States or Canada, one country or territory a group: they
# look like a domestic number, are charged like a foreign one, and are where pumped texts go.
_OTHERS_IN_1 = (
    "242", "246", "264", "268", "284", "340", "345", "441", "473", "649", "658 876", "664", "670", "671", "684",
    "721", "758", "767", "784", "787 939", "809 829 849", "868", "869",
)  # fmt: skip
_PREMIUM_IN_1 = "900"
_TO_BE_NAMED = frozenset((*" ".join(_OTHERS_IN_1).split(), _PREMIUM_IN_1))
# As of November 2026. Area codes of Canada, and those that are of no place: of numbers that are free to call, of
# numbers that follow a person, and of governments. All others of country code 1 are of the United States, also
# those that are to come.
_CANADA = (
    "204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428 431 437 438 450 468 474 506 "
    "514 519 548 579 581 584 587 604 613 639 647 672 683 705 709 742 753 778 780 782 807 819 825 867 873 879 902 "
    "905 942"
)
_OF_NO_PLACE = (
    "500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588 600 622 633 700 710 800 833 844 855 866 877 "
    "888"
)
_NOT_US = _TO_BE_NAMED | frozenset(f"{_CANADA} {_OF_NO_PLACE}".split())
# "+1" and an area code; and with the rest of the number.
_AREA, _LENGTH_IN_1 = 5, 12

_ENTRY = re.compile(r"(\*|\+[1-9][0-9]{0,14})(?::([1-9][0-9]{0,8}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Destination:
    """The numbers that begin with `prefix` (`*`: all), and at most how many texts a day (UTC) go to them.

    A `daily` of None is no cap.
    """

    prefix: str
    daily: int | None = None


def country(number: str) -> str:
    """The country code of an E.164 number, as `+44`; with the area code where that is another country: `+1876`."""
    if number[1:2] in _ONE_DIGIT:
        return number[:_AREA] if _is_apart(number) else number[:2]
    return number[:3] if number[1:3] in _TWO_DIGITS else number[:4]


def _is_apart(number: str) -> bool:
    """Whether an entry has to have the area code to mean this number: `+1` alone is the US and Canada."""
    return number[:2] == "+1" and number[2:_AREA] in _TO_BE_NAMED


def in_us(number: str) -> bool:
    """Whether a number has an area code of the United States, without their islands: what 10DLC is about.

    >>> in_us("+12025550123"), in_us("+14165550123"), in_us("+442079460123")
    (True, False, False)
    """
    return number[:2] == "+1" and len(number) == _LENGTH_IN_1 and number[2:_AREA] not in _NOT_US


def own_country(sender: str) -> tuple[Destination, ...]:
    """Where a sender may text unless the settings say otherwise."""
    if not sender.startswith("+1"):
        return (Destination(country(sender)),)
    own = next((group.split() for group in _OTHERS_IN_1 if sender[2:_AREA] in group.split()), [])
    return (Destination("+1"), *(Destination(f"+1{area}") for area in own))


def parse(text: str) -> tuple[Destination, ...]:
    """Read `+1,+44:500`. Raises ValueError that says what is wrong, as in "ALLOWED_DESTINATIONS <this>"."""
    found: dict[str, Destination] = {}
    wrong: list[str] = []
    for entry in filter(None, map(str.strip, text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None or match[1] in found:
            wrong.append(entry)
            continue
        found[match[1]] = Destination(match[1], int(match[2]) if match[2] else None)
    if wrong:
        raise ValueError(
            "must be prefixes as +44 or +44:500, or *, each of them once; wrong is " + ", ".join(map(repr, wrong))
        )
    if not found:
        raise ValueError("names no destination; leave it empty for the country of TELNYX_LONG_CODE")
    return tuple(found.values())


def find(number: str, allowed: Sequence[Destination]) -> Destination | None:
    """The entry that decides for a number: the longest that it begins with. None: it may not be texted."""
    least = _AREA if _is_apart(number) else 0
    fitting = [
        entry
        for entry in allowed
        if entry.prefix == EVERYWHERE or (number.startswith(entry.prefix) and len(entry.prefix) >= least)
    ]
    return max(fitting, key=lambda entry: len(entry.prefix), default=None)
