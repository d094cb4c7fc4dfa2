"""Which texts are phone numbers, and what a log may show of one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode import phone


@pytest.mark.parametrize(
    "number", ["+12025550123", "+442079460123", "+1202555", "+123456789012345", "+61491570156"]
)
def test_an_e164_number_is_one(number: str) -> None:
    assert phone.is_e164(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "12025550123",
        "+02025550123",
        "+120255",
        "+1234567890123456",
        "+1 202 555 0123",
        "+1-202-555-0123",
        "+1(202)5550123",
        " +12025550123",
        "+12025550123 ",
        "+12025550123\n",
        "++12025550123",
        "+1202555\uff10123",
        "+\u0661\u0662\u0660\u0662\u0665\u0665\u0665\u0660\u0661\u0662\u0663",
        "tel:+12025550123",
        "+12025550123;ext=1",
        "+1202555abcd",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not phone.is_e164(text)


@given(st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"))
def test_a_log_shows_at_most_four_characters_of_a_number(number: str) -> None:
    shown = phone.mask(number)

    assert len(shown) == 5
    assert shown.count("…") == 1
    assert number not in shown


@pytest.mark.parametrize("short", ["", "+1", "12345", "+12025"])
def test_a_log_shows_nothing_of_what_is_too_short(short: str) -> None:
    assert phone.mask(short) == "…"
