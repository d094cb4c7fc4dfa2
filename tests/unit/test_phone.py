"""Which texts are phone numbers, and what a log may show of one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode import phone
from tests.chance import told


def test_an_e164_number_is_one() -> None:
    cases: list[str] = ["+12025550123", "+442079460123", "+1202555", "+123456789012345", "+61491570156"]
    for number in cases:
        with told(number):
            assert phone.is_e164(number)


def test_anything_else_is_none() -> None:
    cases: list[str] = [
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
    ]
    for text in cases:
        with told(text):
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


def test_in_the_words_of_others_a_number_is_masked_however_it_is_written() -> None:
    cases: list[str] = [
        "+12025550123",
        "12025550123",
        "2025550123",
        "0012025550123",
        "202-555-0123",
        "(202) 555-0123",
        "1 202 555 0123",
        "1.202.555.0123",
        "447700900123",
    ]
    for written in cases:
        with told(written):
            for before, after in (
                ("Invalid 'to' ", ": no such number"),
                ("No route to ", "."),
                ("to=", ""),
                ("", ""),
            ):
                masked = phone.masked(f"{before}{written}{after}")
                assert "0123" not in masked
                assert masked.startswith(before)
                assert masked.endswith(after)


def test_what_is_no_number_stays_as_it_is() -> None:
    cases: list[str] = [
        "0b8f6a52-6c1e-4a57-9d0e-280500732632",
        "1-67891233-abcdef012345678912345678",
        "2026-11-25T14:20:11.123Z",
        "took 1234567 ms of 29000",
        "40310 Invalid 'to' address",
        "shardId-00000001795000000000-0a1b2c3d",
        "000000000000000000017954516876400000000039",
    ]
    for text in cases:
        with told(text):
            assert phone.masked(text) == text
