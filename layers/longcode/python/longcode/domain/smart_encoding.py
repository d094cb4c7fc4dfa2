"""What typographic characters can be replaced by, so that a text fits into the GSM 7-bit alphabet."""

# Sources, as of 2026-11-27: Twilio's "List of characters replaced by Smart Encoding"
# (twilio.com/docs/messaging/services/smart-encoding-char-list), Sinch's "Auto Encoding" and Telnyx's "Smart
# Encoding" (developers.telnyx.com/docs/messaging/messages/smart-encoding). Of these only what keeps its meaning:
# no letter, with an accent or without; no fraction (1 and a half would be 11/2); no grave accent and no fullwidth
# form, which may be part of a password or a code; no joiner and no variation selector, which emoji are made of; no
# mark of direction. The ligatures are ours: each is the same letters. docs/segments.md has the table for people.

from dataclasses import dataclass

from longcode.domain import segments, visible

_BY_REPLACEMENT = {
    '"': "\u00ab\u00bb\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u301d\u301e\u301f",
    "'": "\u00b4\u2018\u2019\u201a\u201b\u2032\u2035\u275b\u275c",
    "<": "\u2039",
    ">": "\u203a",
    # Hyphens, dashes, the minus, and bullets.
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2022\u2023\u2043",
    ".": "\u2024",
    "..": "\u2025",
    "...": "\u2026",
    "/": "\u2044\u2215",
    # Spaces of every width, and the tab: one space, as Twilio has it. Telnyx would make seven of it.
    " ": "\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    # The end of a line, and of a paragraph.
    "\n": "\u0085\u2028\u2029",
    # A soft hyphen, a zero-width space, a word joiner, a byte-order mark.
    "": "\u00ad\u200b\u2060\ufeff",
    "ff": "\ufb00",
    "fi": "\ufb01",
    "fl": "\ufb02",
    "ffi": "\ufb03",
    "ffl": "\ufb04",
    "st": "\ufb05\ufb06",
}
REPLACEMENTS = {
    character: replacement for replacement, characters in _BY_REPLACEMENT.items() for character in characters
}
_TABLE = str.maketrans(REPLACEMENTS)

MAX_POSITIONS = 10
# Controls have no name in the standard.
_CONTROLS = {"\t": "tab", "\x0b": "vertical tab", "\x1b": "escape", "\x7f": "delete", "\x85": "next line"}


@dataclass(frozen=True, slots=True)
class Replaced:
    """A character that was replaced `count` times."""

    character: str
    replacement: str
    count: int


def shorten(text: str) -> tuple[str, tuple[Replaced, ...]]:
    """`text` with its typographic characters replaced, and which those are, if that takes fewer segments.

    Otherwise the same text and nothing.

    >>> shorten("It\N{RIGHT SINGLE QUOTATION MARK}s " + "late " * 20)[1][0].count
    1
    """
    replaced = text.translate(_TABLE)
    if replaced == text or segments.count(replaced) >= segments.count(text):
        return text, ()
    found = [character for character in dict.fromkeys(text) if character in REPLACEMENTS]
    return replaced, tuple(Replaced(each, REPLACEMENTS[each], text.count(each)) for each in found)


@dataclass(frozen=True, slots=True)
class Forcing:
    """A character that is not in the GSM 7-bit alphabet, and so has the whole text sent in UCS-2.

    `positions` are code points from 0, the first `MAX_POSITIONS` of `count`. `replacement` is what `shorten` would
    put in its place (nothing, for what can't be seen), None where there is none.
    """

    character: str
    name: str
    count: int
    positions: tuple[int, ...]
    replacement: str | None


def forcing(text: str) -> list[Forcing]:
    """The different characters that force UCS-2, in the order in which they come."""
    places: dict[str, list[int]] = {}
    for position, character in enumerate(text):
        if not segments.is_gsm7(character):
            places.setdefault(character, []).append(position)
    return [
        Forcing(each, name(each), len(where), tuple(where[:MAX_POSITIONS]), REPLACEMENTS.get(each))
        for each, where in places.items()
    ]


def name(character: str) -> str:
    """A character in plain words, as the Unicode Standard names it; its code point where it has no name.

    >>> name("\N{RIGHT SINGLE QUOTATION MARK}"), name("\ue000")
    ('right single quotation mark', 'U+E000')
    """
    return _CONTROLS.get(character) or visible.name(character)
