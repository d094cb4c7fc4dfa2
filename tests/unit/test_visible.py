"""What a person can see of a text."""

import unicodedata

from longcode.domain import visible

SEEN = (
    "a",
    "é",
    "e\u0301",
    ".",
    "1\ufe0f\u20e3",
    "\u2764\ufe0f",
    "\U0001f468\u200d\U0001f469",
    "\u0b95",
    "\u2063!",
    "\U0001fadf",
)
UNSEEN = (
    "", " ", "\t\r\n", "\0", "\x7f", "\u00a0", "\u00ad", "\u034f", "\u061c", "\u115f\u1160", "\u17b4\u17b5",
    "\u180e", "\u200b\u200c\u200d", "\u2028\u2029", "\u202e", "\u2060\u2065", "\u2800", "\u3000", "\u3164",
    "\ufe0f", "\ufeff", "\uffa0", "\ufff0", "\uffff", "\ud83d", "\U0001d173", "\U000e0041", "\U000e0fff",
    "\u0301",
)  # fmt: skip


def test_what_is_drawn_is_seen_and_what_is_not_is_not() -> None:
    assert [text for text in SEEN if not visible.seen(text)] == []
    assert [text for text in UNSEEN if visible.seen(text)] == []


def test_each_letter_and_digit_that_is_no_filler_is_seen() -> None:
    fillers = {
        character
        for character in map(chr, range(0x110000))
        if unicodedata.category(character)[0] in "LN" and not visible.is_seen(character)
    }

    assert {unicodedata.name(filler).rsplit(" ", 1)[1] for filler in fillers} == {"FILLER", "BLANK"}


def test_characters_are_named_by_their_numbers_each_once() -> None:
    assert visible.points("\u200b\u200b ") == "U+200B, U+0020"
    assert visible.points("\0\1\2\3") == "U+0000, U+0001, U+0002, …"
