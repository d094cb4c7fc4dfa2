"""How many parts a text is billed for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.telnyx_simulator.parts import BASIC, EXTENSION, NotGsm7, measure


@pytest.mark.parametrize(
    ("text", "encoding", "units", "parts"),
    [
        ("Hello!", "GSM-7", 6, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("`", "UCS-2", 1, 1),
        ("ы" * 70, "UCS-2", 70, 1),
        ("ы" * 71, "UCS-2", 71, 2),
        ("ы" * 135, "UCS-2", 135, 3),
        ("😀", "UCS-2", 2, 1),
        ("😀" * 35, "UCS-2", 70, 1),
        ("😀" * 36, "UCS-2", 72, 2),
    ],
)
def test_a_text_is_counted_in_septets_or_utf16_units(text: str, encoding: str, units: int, parts: int) -> None:
    size = measure(text)
    assert (size.encoding, size.units, size.parts) == (encoding, units, parts)


def test_an_escape_sequence_is_not_cut_in_two() -> None:
    # 306 septets would fit into two parts of 153, but the 153rd septet would be half a sign.
    assert measure("a" * 152 + "€" + "a" * 152).parts == 3


def test_a_surrogate_pair_is_not_cut_in_two() -> None:
    assert measure("😀" * 67).parts == 3  # 134 units; 66 fit into a part of 67


def test_gsm7_on_demand_refuses_what_it_does_not_have() -> None:
    with pytest.raises(NotGsm7):
        measure("ы", "gsm7")


def test_ucs2_on_demand_makes_a_plain_text_longer() -> None:
    assert measure("a" * 71, "ucs2").parts == 2


@given(st.text(alphabet=sorted(BASIC | EXTENSION), min_size=1, max_size=2000))
def test_every_gsm7_text_fits_into_its_parts_and_not_into_fewer(text: str) -> None:
    size = measure(text)
    assert size.encoding == "GSM-7"
    assert size.units <= (160 if size.parts == 1 else 153 * size.parts)
    if size.parts > 1:
        assert size.units > max(160, 152 * (size.parts - 1))
