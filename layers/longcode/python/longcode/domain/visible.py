"""What a person can see of a text, by the categories of its characters (Unicode Standard Annex #44)."""

import unicodedata

# Controls, formats, surrogates, marks (which are drawn on the letter before them) and blanks.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Mn", "Me", "Zs", "Zl", "Zp"))
# Letters and symbols whose picture is empty: the fillers of Hangul, a cell of Braille without a dot, two blanks of
# hieroglyphs and a note without a head.
_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159")
# Not assigned, and by the standard never to be drawn. Whatever else is not assigned may be a younger emoji.
_IGNORED = ((0x2065, 0x2065), (0xFDD0, 0xFDEF), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))


def is_seen(character: str) -> bool:
    """Whether a character is drawn, by itself, as something."""
    category = unicodedata.category(character)
    if category == "Cn":
        code = ord(character)
        # The last two of each plane are no characters.
        return code & 0xFFFE != 0xFFFE and not any(low <= code <= high for low, high in _IGNORED)
    return category not in _UNSEEN and character not in _EMPTY


def seen(text: str) -> bool:
    """Whether a person sees anything of `text`."""
    return any(map(is_seen, text))


def points(text: str, at_most: int = 3) -> str:
    """The characters of `text` by their numbers, as U+200B: the first few different ones."""
    found = [f"U+{ord(character):04X}" for character in dict.fromkeys(text)]
    return ", ".join(found[:at_most]) + (", …" if len(found) > at_most else "")


def name(character: str) -> str:
    """The name of a character in the Unicode Standard, in small letters; its number where it has none."""
    return unicodedata.name(character, "").lower() or points(character)
