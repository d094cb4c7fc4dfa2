"""How many parts a text will be billed as: an estimate, the provider's `parts` is the truth."""

from dataclasses import dataclass
from typing import Literal

# Source: 3GPP TS 23.038 (the GSM 7-bit default alphabet and its extension table) and Telnyx's limits.

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is an escape and a character: two septets.
_GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")

MAX_PARTS = 10


@dataclass(frozen=True, slots=True)
class Size:
    """How a text is encoded, and what that takes.

    `units` are septets in `gsm7` and UTF-16 code units in `ucs2`; `left` is how many more the last segment takes.
    """

    encoding: Literal["gsm7", "ucs2"]
    units: int
    segments: int
    left: int


def is_gsm7(character: str) -> bool:
    """Whether a character is in the GSM 7-bit alphabet or its extension table."""
    return character in _GSM7 or character in _GSM7_EXTENSION


def measure(text: str) -> Size:
    """The size of `text`: 160 septets alone or 153 a segment; in UCS-2 70 or 67 UTF-16 units.

    An escape pair or a surrogate pair is never split over two segments.

    >>> measure("10 \N{EURO SIGN}")
    Size(encoding='gsm7', units=5, segments=1, left=155)
    """
    if all(map(is_gsm7, text)):
        encoding: Literal["gsm7", "ucs2"] = "gsm7"
        widths = [2 if character in _GSM7_EXTENSION else 1 for character in text]
        alone, each = 160, 153
    else:
        encoding = "ucs2"
        widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
        alone, each = 70, 67
    units = sum(widths)
    if units <= alone:
        return Size(encoding, units, 1, alone - units)
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return Size(encoding, units, parts, each - used)


def count(text: str) -> int:
    """The number of segments of `text`."""
    return measure(text).segments
