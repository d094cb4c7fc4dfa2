"""What the provider and texters say, made safe: text, ids, numbers and times."""

# It goes into tables, answers, logs, events and terminals. Nothing here raises, whatever it is given: what can't
# be read is empty or None. Sizes count a text as JSON in ASCII, which no table and no answer makes longer.

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from longcode.domain.message import epoch_ms, is_message_id

# A title or a detail; a status, a code or another word; a phone number.
MOST_LINE, MOST_WORD, MOST_NUMBER = 1_000, 64, 64
# The text of a person, ten times as long as the longest that we may send: a page of 100 such fits into one answer.
MOST_TEXT = 20_000
_MOST_ID = 128
# DynamoDB keeps 38 digits of a number, and a sum of money needs fewer.
_MOST_DIGITS = 38
_MOST_AMOUNT = Decimal(1_000_000)
_SMALLEST_AMOUNT = Decimal("1e-12")
# The earliest moment that an event of the provider can have, and how far its clock may be ahead.
_EARLIEST_MS = 1_262_304_000_000
_AHEAD_MS = 86_400_000

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_SURROGATES = re.compile("[\ud800-\udfff]")
# A text of a person keeps its lines, and the marks without which some scripts can't be read.
_CONTROLS_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ID = re.compile(r"[\x21-\x7e]+", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


def loads(content: bytes) -> dict[str, Any]:
    """A JSON object; empty if it is none. A broken character or an endless number spoils its own field alone."""
    try:
        text = content.decode("utf-8-sig", "replace")
        fields = json.loads(text, parse_int=_int, parse_constant=lambda _name: None)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MOST_DIGITS else None


def line(value: object, most: int | None = MOST_LINE) -> str:
    """One line of printable text: no control or format character, no half of a surrogate pair."""
    if not isinstance(value, str):
        return ""
    value = value[:most]
    if not value.isprintable():
        value = "".join(char if char.isprintable() else " " for char in _SURROGATES.sub(_REPLACEMENT, value))
    return value if most is None else cut(value, most)


def text(value: object, most: int = MOST_TEXT) -> str:
    """The text of a person, with its lines."""
    if not isinstance(value, str):
        return ""
    return cut(_SURROGATES.sub(_REPLACEMENT, _CONTROLS_IN_LINES.sub(" ", value[:most])), most)


def cut(value: str, most: int) -> str:
    """As much of `value` as has `most` characters as JSON in ASCII."""
    value = value[:most]
    if len(json.dumps(value)) - 2 <= most:
        return value
    return value[: bisect_right(range(len(value)), most, key=lambda end: len(json.dumps(value[:end])) - 2) - 1]


def word(value: object) -> str:
    """A status, the name of an event or another word of the provider's, in lower case."""
    return line(value, MOST_WORD).strip().lower()


def ident(value: object) -> str:
    """An id as tables and addresses may hold it; empty if there is none. A UUID is the same in any case.

    What can't be a key becomes its digest, so that it is still one and the same.
    """
    found = value.strip() if isinstance(value, str) else ""
    if is_message_id(found):
        return found.lower()
    return found if not found or is_ident(found) else digest(found)


def is_ident(value: object) -> bool:
    """Whether a value can be a key as it stands."""
    return isinstance(value, str) and len(value) <= _MOST_ID and _ID.fullmatch(value) is not None


def digest(value: object) -> str:
    """An id made of a JSON value; empty if it is nested too deeply."""
    try:
        raw = json.dumps(value, sort_keys=True)
    except RecursionError:
        return ""
    return f"sha256-{hashlib.sha256(raw.encode()).hexdigest()[:32]}"


def number(value: object) -> str:
    """A phone number or another address, as it was said."""
    return line_or_number(value, MOST_NUMBER).strip()


def line_or_number(value: object, most: int = MOST_LINE) -> str:
    """The same of what may come as a number."""
    return str(value) if whole(value) is not None else line(value, most)


def whole(value: object) -> int | None:
    """A whole number that is not negative and that a table can hold."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 10**_MOST_DIGITS else None


def amount(value: object) -> str | None:
    """A sum of money as plain digits. It may come as text or as a number."""
    said = "" if isinstance(value, bool) else str(value) if isinstance(value, int | float) else line(value)
    if not _AMOUNT.fullmatch(said):
        return None
    try:
        found = Decimal(said)
    except InvalidOperation:
        return None
    if found and not _SMALLEST_AMOUNT <= found <= _MOST_AMOUNT:
        return None
    return f"{found:f}"


def currency(value: object) -> str | None:
    """A currency by its three letters (ISO 4217)."""
    return value.upper() if isinstance(value, str) and _CURRENCY.fullmatch(value) else None


def moment(value: object, now_ms: int, *, within_ms: int | None = None) -> int | None:
    """A time that something can have happened at, epoch milliseconds: not before the provider sent any text, nor
    more than `within_ms` ago, and not after now but for clocks. None for anything else.
    """
    at_ms = epoch_ms(value) if isinstance(value, str) else None
    earliest_ms = max(_EARLIEST_MS, now_ms - within_ms if within_ms is not None else 0)
    return at_ms if at_ms is not None and earliest_ms <= at_ms <= now_ms + _AHEAD_MS else None


def rows(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; an object that stands for itself is a list of one."""
    found = value if isinstance(value, list) else [value]
    return [row for row in found if isinstance(row, dict)]
