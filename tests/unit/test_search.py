"""What may be looked for, and the cursor: it tells where a page ended and can't ask for anything else."""

import base64
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longcode.domain.errors import InvalidRequest
from longcode.domain.search import Position, Search
from longcode.domain.status import Status
from longcode.use_cases import search as find
from tests.chance import showing
from tests.support.fakes.clock import START_MS

THEIRS = "+12025550123"
ID = "40385f64-5717-4562-b3fc-2c963f66afa6"
HERE = Position(START_MS, ID)


def test_each_parameter_says_what_is_wanted() -> None:
    cases: list[tuple[dict[str, str], Search]] = [
        ({"to": THEIRS}, Search(peer=THEIRS, direction="outbound")),
        ({"from": THEIRS}, Search(peer=THEIRS, direction="inbound")),
        ({"to": " 12025550123"}, Search(peer=THEIRS, direction="outbound")),
        ({"to": "12025550123"}, Search(peer=THEIRS, direction="outbound")),
        ({"from": "40404"}, Search(peer="40404", direction="inbound")),
        ({"from": " ACME Inc"}, Search(peer="ACME Inc", direction="inbound")),
        ({"from": "optouts"}, Search(peer="optouts", direction="inbound")),
        ({"to": "+5215512345678"}, Search(peer="+525512345678", direction="outbound")),
        ({"opt_out": "unclear"}, Search(opt_out="unclear")),
        ({"opt_out": "stop", "from": THEIRS}, Search(THEIRS, "inbound", opt_out="stop")),
        ({"tag": "spring sale"}, Search(tag="spring sale")),
        ({"status": "delivery_failed"}, Search(status=Status.DELIVERY_FAILED)),
        ({"since": "2023-11-14T22:13:20Z"}, Search(since_ms=START_MS)),
        ({"until": "2023-11-14T23:13:20+01:00"}, Search(until_ms=START_MS)),
        ({"until": "2023-11-14T23:13:20 01:00"}, Search(until_ms=START_MS)),
        ({"since": "2023-11-14"}, Search(since_ms=START_MS - 80_000_000)),
        (
            {"to": THEIRS, "tag": "a", "status": "sent", "since": "2023-11-14T22:13:20Z"},
            Search(THEIRS, "outbound", "a", Status.SENT, START_MS),
        ),
    ]
    for parameters, search in cases:
        with showing((parameters, search)):
            assert find.query(parameters) == find.Query(search, None, 50)


# Parameters, and which of them is named.
SENSELESS: list[tuple[dict[str, str], str | None]] = [
    ({}, None),
    ({"limit": "10"}, None),
    ({"to": ""}, "to"),
    ({"to": "no one"}, "to"),
    ({"to": "40404"}, "to"),
    ({"from": ""}, "from"),
    ({"from": "  "}, "from"),
    ({"from": "a\u202eb"}, "from"),
    ({"from": "a\x00b"}, "from"),
    ({"opt_out": ""}, "opt_out"),
    ({"opt_out": "STOP"}, "opt_out"),
    ({"opt_out": "unclear", "to": THEIRS}, "opt_out"),
    ({"opt_out": "unclear", "tag": "a"}, "opt_out"),
    ({"to": THEIRS, "from": THEIRS}, "from"),
    ({"from": THEIRS, "tag": "a"}, "tag"),
    ({"tag": ""}, "tag"),
    ({"tag": "x" * 65}, "tag"),
    ({"tag": "a\u202eb"}, "tag"),
    ({"status": ""}, "status"),
    ({"status": "Delivered"}, "status"),
    ({"since": ""}, "since"),
    ({"since": "yesterday"}, "since"),
    ({"since": "1700000000"}, "since"),
    ({"until": "1700110112345"}, "until"),
    ({"since": "20231114"}, "since"),
    ({"until": "20231114T221320Z"}, "until"),
    ({"since": "2023-W46-2"}, "since"),
    ({"since": "2023-11-14T22"}, "since"),
    ({"since": "\u0662\u0660\u0662\u0663-11-14"}, "since"),
    ({"until": "2023-13-01"}, "until"),
    ({"since": "2023-11-14T22:13:20Z", "until": "2023-11-14T22:13:20Z"}, "until"),
    ({"to": THEIRS, "limit": "0"}, "limit"),
    ({"to": THEIRS, "limit": "101"}, "limit"),
    ({"to": THEIRS, "limit": "-1"}, "limit"),
    ({"to": THEIRS, "limit": "ten"}, "limit"),
    ({"to": THEIRS, "limit": "\u0661"}, "limit"),
    ({"to": THEIRS, "limit": ""}, "limit"),
    ({"to": THEIRS, "page": "2"}, "page"),
    ({"to": THEIRS, "cursor": ""}, "cursor"),
]


def test_a_parameter_that_makes_no_sense_is_named() -> None:
    for parameters, field in SENSELESS:
        with showing((parameters, field)):
            with pytest.raises(InvalidRequest) as refused:
                find.query(parameters)

            assert refused.value.field == field


@pytest.mark.parametrize(("limit", "rows"), [("1", 1), ("100", 100), ("007", 7)])
def test_a_page_is_as_long_as_asked_for(limit: str, rows: int) -> None:
    assert find.query({"to": THEIRS, "limit": limit}).limit == rows


@given(
    at_ms=st.integers(0, 253_402_300_799_999),
    ident=st.text(st.characters(codec="utf-8"), max_size=60),
)
@example(at_ms=0, ident="")
def test_a_cursor_leads_back_to_where_the_page_ended(at_ms: int, ident: str) -> None:
    here = Position(at_ms, ident)
    cursor = find.cursor(here, Search(tag="a"))

    assert find.query({"tag": "a", "cursor": cursor}).after == here


def test_a_cursor_may_be_used_with_another_length_of_page() -> None:
    cursor = find.cursor(HERE, Search(tag="a"))

    assert find.query({"tag": "a", "cursor": cursor, "limit": "3"}).after == HERE


OTHERS: list[dict[str, str]] = [
    {"tag": "b"},
    {"tag": "a", "status": "sent"},
    {"tag": "a", "to": THEIRS},
    {"tag": "a", "since": "2023-11-14"},
    {"tag": "a", "until": "2023-11-14"},
    {"to": THEIRS},
    {"from": THEIRS},
    {"status": "sent"},
    {"opt_out": "stop"},
    {"opt_out": "unclear"},
    {"opt_out": "unclear", "from": THEIRS},
]


def test_a_cursor_of_another_search_is_refused() -> None:
    for other in OTHERS:
        with showing(other):
            cursor = find.cursor(HERE, Search(tag="a"))

            with pytest.raises(InvalidRequest) as refused:
                find.query({**other, "cursor": cursor})

            assert refused.value.field == "cursor"


def test_no_two_searches_share_their_cursors() -> None:
    searches = [find.query(parameters).search for parameters in [*OTHERS, {"tag": "a"}]]

    assert len({find.cursor(HERE, search) for search in searches}) == len(searches)


def malformed() -> dict[str, str]:
    good = find.cursor(HERE, Search(tag="a"))
    raw = base64.urlsafe_b64decode(good)
    return {
        "blank": " ",
        "not-base64": "not a cursor!",
        "not-ascii": good[:-1] + "\u00e9",
        "padded": good + "=",
        "cut": good[: len(good) // 4],
        "without-its-id-cut-short": base64.urlsafe_b64encode(raw[:20]).decode().rstrip("="),
        "digest-alone": base64.urlsafe_b64encode(raw[:16]).decode().rstrip("="),
        "impossible-length": "A",
        "newline": good + "\n",
        "of-the-other-alphabet": good[:-2] + "+/",
        "later-than-any-date": base64.urlsafe_b64encode(raw[:16] + b"\xff" * 8).decode().rstrip("="),
        "id-not-utf8": base64.urlsafe_b64encode(raw[:24] + b"\xff\xfe\xfd").decode().rstrip("="),
        "very-long": "A" * 5_000,
        "json": '{"tag": "b"}',
        "of-the-optouts": base64.urlsafe_b64encode(f"{START_MS} {THEIRS}".encode()).decode(),
    }


def test_whatever_is_no_cursor_is_the_one_refusal() -> None:
    cases: list[str] = list(malformed())
    for name in cases:
        with showing(name):
            with pytest.raises(InvalidRequest, match="This cursor is not one of ours") as refused:
                find.query({"tag": "a", "cursor": malformed()[name]})

            assert refused.value.field == "cursor"


@given(st.data())
def test_a_cursor_that_was_tampered_with_is_refused_or_is_of_the_same_search(data: Any) -> None:
    good = find.cursor(HERE, Search(tag="a"))
    at = data.draw(st.integers(0, len(good) - 1))
    other = good[:at] + data.draw(st.sampled_from("ABCxyz019-_")) + good[at + 1 :]
    asked: find.Query | None = None
    with suppress(InvalidRequest):
        asked = find.query({"tag": "a", "cursor": other})

    assert asked is None or asked.search == Search(tag="a")
