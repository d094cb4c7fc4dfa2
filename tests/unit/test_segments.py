"""How many parts a text takes: 3GPP TS 23.038 worked out by hand."""

from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import segments

# Written out again from the standard's table, not taken from the code.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"


PARTS = [
    ("", 1),
    ("a", 1),
    ("a" * 160, 1),
    ("a" * 161, 2),
    ("a" * 306, 2),
    ("a" * 307, 3),
    ("a" * 1530, 10),
    ("a" * 1531, 11),
    ("€" * 80, 1),
    ("€" * 81, 2),
    # 76 pairs and one septet unused: an escape and its character stay together.
    ("€" * 152, 2),
    ("€" * 153, 3),
    ("a" * 152 + "€" + "a" * 153, 3),
    ("é" * 160, 1),
    ("ê" * 70, 1),
    ("ê" * 71, 2),
    ("ê" * 134, 2),
    ("ê" * 135, 3),
    ("ê" * 670, 10),
    ("ê" * 671, 11),
    ("👋" * 35, 1),
    ("👋" * 36, 2),
    # 33 surrogate pairs and one unit unused.
    ("👋" * 66, 2),
    ("👋" * 67, 3),
    ("a" * 70 + "ê", 2),
    ("`" * 70, 1),
    ("`" * 71, 2),
    ("ç" * 71, 2),
    ("Ç" * 160, 1),
    ("“quoted”" + "a" * 62, 1),
    ("“quoted”" + "a" * 63, 2),
    ("line\r\n" * 26 + "abcd", 1),
]


def test_a_text_takes_so_many_parts() -> None:
    wrong = [(text[:1], len(text), parts) for text, parts in PARTS if segments.count(text) != parts]

    assert wrong == []


def test_the_basic_alphabet_has_127_characters_besides_the_escape() -> None:
    assert len(set(BASIC)) == 127
    assert len(set(EXTENDED)) == 10


def test_160_of_each_basic_character_fit_into_one_part() -> None:
    assert [each for each in BASIC if segments.count(each * 160) != 1] == []
    assert [each for each in BASIC if segments.count(each * 161) != 2] == []


def test_80_of_each_extended_character_fit_into_one_part() -> None:
    assert [each for each in EXTENDED if segments.count(each * 80) != 1] == []
    assert [each for each in EXTENDED if segments.count(each * 81) != 2] == []


@given(st.text(alphabet=BASIC, max_size=800))
def test_a_basic_text_takes_153_septets_a_part_once_it_is_longer_than_one(text: str) -> None:
    expected = 1 if len(text) <= 160 else -(-len(text) // 153)
    assert segments.count(text) == expected


@given(st.text(max_size=400))
def test_a_text_never_takes_more_than_its_utf_16_allows(text: str) -> None:
    units = sum(2 if ord(character) > 0xFFFF else 1 for character in text)
    # A part wastes at most one unit, when a pair would not fit.
    assert segments.count(text) <= max(1, -(-units // 66))


@given(st.text(max_size=200), st.text(max_size=50))
def test_a_longer_text_never_takes_fewer_parts(text: str, more: str) -> None:
    assert segments.count(text + more) >= segments.count(text)


def test_a_text_says_how_much_it_takes_and_how_much_is_left() -> None:
    for text, expected in (
        ("", ("gsm7", 0, 1, 160)),
        ("a€", ("gsm7", 3, 1, 157)),
        ("a" * 160, ("gsm7", 160, 1, 0)),
        ("a" * 161, ("gsm7", 161, 2, 145)),
        # The escape pair did not fit into the first segment.
        ("a" * 152 + "€" + "a" * 10, ("gsm7", 164, 2, 141)),
        ("ê", ("ucs2", 1, 1, 69)),
        ("ê" * 71, ("ucs2", 71, 2, 63)),
        ("👋" * 36, ("ucs2", 72, 2, 61)),
    ):
        size = segments.measure(text)
        assert (size.encoding, size.units, size.segments, size.left) == expected, text[:3]
