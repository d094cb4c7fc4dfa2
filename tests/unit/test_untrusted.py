"""Text, ids, numbers and times of others: whatever they are, what comes out is safe, and what was safe stays."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import untrusted
from tests.support.fakes.oddities import ANYTHING, TEXTS

DYNAMODB_DIGITS = 38


@given(ANYTHING | TEXTS, st.integers(0, 200))
def test_a_line_is_printable_and_no_longer_than_asked_for(value: Any, most: int) -> None:
    found = untrusted.line(value, most)

    assert found.isprintable()
    assert len(json.dumps(found)) - 2 <= most
    assert untrusted.line(found, most) == found


@given(ANYTHING | TEXTS, st.integers(0, 200))
def test_a_text_of_a_person_keeps_its_lines_and_can_be_encoded(value: Any, most: int) -> None:
    found = untrusted.text(value, most)

    assert not set(found.encode()) & {0x00, 0x1B, 0x7F}
    assert len(json.dumps(found)) - 2 <= most
    if isinstance(value, str) and value.isprintable() and len(value) * 12 <= most:
        assert found == value


@pytest.mark.parametrize(
    ("value", "most", "cut"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ('a"c', 3, 'a"'),
        ("\N{WAVING HAND SIGN}" * 2, 12, "\N{WAVING HAND SIGN}"),
        ("\N{WAVING HAND SIGN}", 11, ""),
        ("ab\N{LATIN SMALL LETTER E WITH ACUTE}d", 8, "ab\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("abc", 0, ""),
    ],
)
def test_a_text_is_cut_by_its_size_as_json(value: str, most: int, cut: str) -> None:
    assert untrusted.cut(value, most) == cut


@given(ANYTHING | TEXTS)
def test_an_id_is_a_key_whatever_it_was(value: Any) -> None:
    found = untrusted.ident(value)

    assert found.isascii()
    assert found.isprintable()
    assert len(found) <= 128
    assert untrusted.ident(found) == found
    assert bool(found) is (isinstance(value, str) and bool(value.strip()))


@given(ANYTHING | TEXTS | st.decimals().map(str))
def test_a_sum_of_money_is_a_number_that_can_be_added_up(value: Any) -> None:
    found = untrusted.amount(value)

    assert found is None or 0 <= Decimal(found) <= 1_000_000
    assert found is None or (len(Decimal(found).as_tuple().digits) <= DYNAMODB_DIGITS and "E" not in found)


@given(ANYTHING | TEXTS | st.datetimes().map(str), st.integers(1_700_000_000_000, 2_000_000_000_000))
def test_a_time_is_one_that_something_can_have_happened_at(value: Any, now_ms: int) -> None:
    found = untrusted.moment(value, now_ms)

    assert found is None or 1_262_304_000_000 <= found <= now_ms + 86_400_000


@given(st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_bytes_of_any_kind_are_an_object_or_nothing(content: bytes) -> None:
    assert isinstance(untrusted.loads(content), dict)


def test_a_broken_character_or_an_endless_number_spoils_its_own_field_alone() -> None:
    content = b'\xef\xbb\xbf{"a": "x\xff", "b": ' + b"9" * 5_000 + b', "c": NaN, "d": 7}'

    assert untrusted.loads(content) == {"a": "x\N{REPLACEMENT CHARACTER}", "b": None, "c": None, "d": 7}
