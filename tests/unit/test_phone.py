"""Which texts are phone numbers, and what a log may show of one."""

from itertools import product

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import phone

KIND = phonenumbers.PhoneNumberType


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


@pytest.mark.parametrize(
    "written",
    [
        "+12025550123",
        "12025550123",
        "2025550123",
        "0012025550123",
        "202-555-0123",
        "(202) 555-0123",
        "1 202 555 0123",
        "1.202.555.0123",
        "447700900123",
    ],
)
def test_in_the_words_of_others_a_number_is_masked_however_it_is_written(written: str) -> None:
    for before, after in (("Invalid 'to' ", ": no such number"), ("No route to ", "."), ("to=", ""), ("", "")):
        masked = phone.masked(f"{before}{written}{after}")
        assert "0123" not in masked
        assert masked.startswith(before)
        assert masked.endswith(after)


@pytest.mark.parametrize(
    "text",
    [
        "0b8f6a52-6c1e-4a57-9d0e-280500732632",
        "1-67891233-abcdef012345678912345678",
        "2026-11-25T14:20:11.123Z",
        "took 1234567 ms of 29000",
        "40310 Invalid 'to' address",
        "shardId-00000001795000000000-0a1b2c3d",
        "000000000000000000017954516876400000000039",
    ],
)
def test_what_is_no_number_stays_as_it_is(text: str) -> None:
    assert phone.masked(text) == text


# ------------------------------------------------------------------------------- one form for all ways to write it

WAYS = {
    "+525512345678": ["+525512345678", "+5215512345678", "5215512345678", "00525512345678", " 525512345678 "],
    "+541123456789": ["+541123456789", "+5491123456789", "5491123456789"],
    "+5511987654321": ["+5511987654321", "+551187654321", "551187654321", "005511987654321"],
    "+12025550123": ["+12025550123", "12025550123", " 12025550123", "0012025550123"],
}


def test_all_ways_to_write_a_number_have_one_form() -> None:
    for form, ways in WAYS.items():
        assert {way: phone.canonical(way) for way in ways} == dict.fromkeys(ways, form)
    assert phone.canonical("+5511987654321") != phone.canonical("+5511987654322")


@pytest.mark.parametrize(
    "number",
    [
        "+551134567890",  # a fixed line has eight digits, the first from 2 to 5
        "+5511934567890",  # which is no mobile number without its 9
        "+52155123456",  # shorter than a number of Mexico with its old 1
        "+54911234567",
        "+447700900123",
        "+12025550123",
        "+1521551234567",
    ],
)
def test_a_number_that_has_one_way_is_its_own_form(number: str) -> None:
    assert phone.canonical(number) == number


@pytest.mark.parametrize(
    "sender", ["40404", "ACME Inc", "optouts", "O#+12025550123", "+0123", "0040404", "7726", "\u00c9t\u00e9"]
)
def test_a_sender_that_is_no_number_stays_as_it_is(sender: str) -> None:
    assert phone.canonical(sender) == sender


@given(st.text(max_size=140))
def test_a_form_is_its_own_form_and_fits_a_key(sender: str) -> None:
    form = phone.canonical(sender)

    assert phone.canonical(form) == form
    assert len(form) <= phone.SENDER_CHARACTERS + 1


def valid(number: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(number))


def test_what_marks_a_mobile_number_begins_no_area_code() -> None:
    """By the library's own metadata: else two people would have one form."""
    for area in range(100):
        assert not valid(f"+521{area:02}5123456"), area
        assert not valid(f"+549{area:02}5123456"), area
        # Nothing in Brazil has eight digits and begins so, but radio phones (7), whose network is gone.
        assert not valid(f"+5511{(6, 8, 9)[area % 3]}{area:02}51234"), area


def test_of_the_real_numbers_of_these_countries_only_one_persons_two_ways_are_one() -> None:
    found: dict[str, set[str]] = {}
    for region, kind in product(("MX", "AR", "BR"), (KIND.FIXED_LINE, KIND.MOBILE)):
        example = phonenumbers.example_number_for_type(region, kind)
        assert example
        written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for number in (f"{written[:-3]}{end:03}" for end in range(1_000)):
            if valid(number):
                found.setdefault(phone.canonical(number), set()).add(number)

    # Of Argentina a line has both: the 9 says only that the caller means its mobile phone.
    twos = {form: ways - {form.replace("+54", "+549", 1)} for form, ways in found.items()}
    assert len(found) > 3_000
    assert {form: ways for form, ways in twos.items() if len(ways) > 1} == {}
