"""How many parts a text will be billed as: an estimate, the provider's `parts` is the truth."""

# Source: 3GPP TS 23.038 (the GSM 7-bit default alphabet and its extension table) and Telnyx's limits.

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is an escape and a character: two septets.
_GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")

MAX_PARTS = 10


def count(text: str) -> int:
    """The number of parts of `text`: 160 septets alone or 153 a part; in UCS-2 70 or 67 UTF-16 units.

    An escape pair or a surrogate pair is never split over two parts.
    """
    if all(character in _GSM7 or character in _GSM7_EXTENSION for character in text):
        widths = [2 if character in _GSM7_EXTENSION else 1 for character in text]
        alone, each = 160, 153
    else:
        widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
        alone, each = 70, 67
    if sum(widths) <= alone:
        return 1
    parts, used = 1, 0
    for width in widths:
        if used + width > each:
            parts, used = parts + 1, 0
        used += width
    return parts
