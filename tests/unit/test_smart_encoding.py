"""What smart encoding replaces, and what it leaves as it is."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import segments, smart_encoding, visible
from longcode.domain.smart_encoding import REPLACEMENTS, Replaced

# Texts of a word processor: plain letters, what is replaced, and what is not.
TYPED = st.text(
    alphabet=[*"abc xyz.,!?\n", *REPLACEMENTS, "€", "[", "é", "ç", "ы", "\N{WAVING HAND SIGN}", "\u200d", "\ufe0f"]
    * 2
    + list("abcdefghij" * 10),
    max_size=400,
)
CURLY = "\N{LEFT DOUBLE QUOTATION MARK}Hello\N{RIGHT DOUBLE QUOTATION MARK}"


@given(TYPED)
def test_a_text_never_takes_more_segments_than_before(text: str) -> None:
    replaced, what = smart_encoding.shorten(text)

    if what:
        assert segments.count(replaced) < segments.count(text)
    else:
        assert replaced == text


@given(TYPED)
def test_what_was_replaced_once_is_not_replaced_again(text: str) -> None:
    replaced, _ = smart_encoding.shorten(text)

    assert smart_encoding.shorten(replaced) == (replaced, ())


@given(TYPED)
def test_what_was_replaced_makes_the_new_text_of_the_old_one(text: str) -> None:
    replaced, what = smart_encoding.shorten(text)

    again = text
    for one in what:
        assert again.count(one.character) == one.count > 0
        again = again.replace(one.character, one.replacement)
    assert again == replaced


@given(TYPED)
def test_a_text_that_can_be_seen_is_never_emptied(text: str) -> None:
    if visible.seen(text):
        assert visible.seen(smart_encoding.shorten(text)[0])


def test_a_text_is_left_alone_where_no_segment_is_saved() -> None:
    for text in (
        "",
        "Hello",
        CURLY,
        # 70 units in UCS-2, which is one segment already.
        CURLY + "a" * 63,
        # The hand keeps it in UCS-2.
        CURLY + "\N{WAVING HAND SIGN}" + "a" * 100,
        # An ellipsis is one unit there, and three septets here.
        "\N{HORIZONTAL ELLIPSIS}" * 103,
    ):
        assert smart_encoding.shorten(text) == (text, ()), text


def test_a_text_of_two_segments_becomes_one() -> None:
    text = CURLY + "\N{EM DASH}\N{HORIZONTAL ELLIPSIS}" + "a" * 100

    replaced, what = smart_encoding.shorten(text)

    assert replaced == '"Hello"-...' + "a" * 100
    assert what == (
        Replaced("\N{LEFT DOUBLE QUOTATION MARK}", '"', 1),
        Replaced("\N{RIGHT DOUBLE QUOTATION MARK}", '"', 1),
        Replaced("\N{EM DASH}", "-", 1),
        Replaced("\N{HORIZONTAL ELLIPSIS}", "...", 1),
    )


def test_every_replacement_is_gsm_7_and_is_not_replaced_itself() -> None:
    assert len(REPLACEMENTS) > 60
    for character, replacement in REPLACEMENTS.items():
        assert not segments.is_gsm7(character), smart_encoding.name(character)
        assert all(segments.is_gsm7(each) for each in replacement), smart_encoding.name(character)
        # An escape pair would cost what it saves.
        assert segments.measure(replacement).units == len(replacement), smart_encoding.name(character)


def test_no_letter_no_number_no_mark_and_nothing_of_an_emoji_is_replaced() -> None:
    ligatures = {chr(code) for code in range(0xFB00, 0xFB07)}
    for character in REPLACEMENTS.keys() - ligatures:
        assert unicodedata.category(character)[0] not in "LNM", smart_encoding.name(character)
    for character in "\u200c\u200d\ufe0e\ufe0f\u20e3`\u00bdçêœ\u0301":
        assert character not in REPLACEMENTS, smart_encoding.name(character)


def test_each_ligature_is_replaced_by_its_letters() -> None:
    for code in range(0xFB00, 0xFB07):
        assert REPLACEMENTS[chr(code)] == unicodedata.normalize("NFKC", chr(code))


def test_what_forces_ucs_2_is_named_with_its_places() -> None:
    text = (
        "a\N{RIGHT SINGLE QUOTATION MARK}\N{WAVING HAND SIGN}b\N{RIGHT SINGLE QUOTATION MARK}\te\ue000" + "ç" * 12
    )

    found = smart_encoding.forcing(text)

    assert [(one.name, one.count, one.positions, one.replacement) for one in found] == [
        ("right single quotation mark", 2, (1, 4), "'"),
        ("waving hand sign", 1, (2,), None),
        ("tab", 1, (5,), " "),
        ("U+E000", 1, (7,), None),
        ("latin small letter c with cedilla", 12, tuple(range(8, 18)), None),
    ]


@given(st.text(max_size=300))
def test_a_text_is_in_ucs_2_exactly_if_a_character_forces_it(text: str) -> None:
    assert (segments.measure(text).encoding == "ucs2") == bool(smart_encoding.forcing(text))
