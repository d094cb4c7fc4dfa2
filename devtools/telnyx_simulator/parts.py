"""How a text is encoded and into how many parts it is cut: what the provider bills."""

# Source: 3GPP TS 23.038 (the GSM 7-bit default alphabet and its extension table) and the lengths that
# the provider documents: 160/153 septets, 70/67 UTF-16 units.

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")
MAX_PARTS = 10
PART_PRICE = Decimal("0.0051")  # USD

Encoding = Literal["GSM-7", "UCS-2"]


class NotGsm7(Exception):
    """GSM-7 was demanded for a text that has other characters."""


@dataclass(frozen=True, slots=True)
class Size:
    """`units` are septets (GSM-7) or UTF-16 code units (UCS-2)."""

    encoding: Encoding
    units: int
    parts: int


def measure(text: str, requested: str = "auto") -> Size:
    """Encode `text` as `requested`: auto, gsm7 or ucs2.

    Raises NotGsm7 for gsm7 with characters outside the alphabet.
    """
    fits = all(char in BASIC or char in EXTENSION for char in text)
    if requested == "gsm7" and not fits:
        raise NotGsm7
    if requested == "ucs2" or not fits:
        widths = [2 if ord(char) > 0xFFFF else 1 for char in text]
        return Size("UCS-2", sum(widths), _cut(widths, alone=70, each=67))
    widths = [2 if char in EXTENSION else 1 for char in text]
    return Size("GSM-7", sum(widths), _cut(widths, alone=160, each=153))


def _cut(widths: list[int], *, alone: int, each: int) -> int:
    if sum(widths) <= alone:
        return 1
    parts, left = 1, each
    for width in widths:
        # An escape sequence and a surrogate pair are never cut in two, so a part may end one short.
        if width > left:
            parts, left = parts + 1, each
        left -= width
    return parts
