"""What each answer of the carrier to a send means: one table of every code and status that it documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode import telnyx
from longcode.message import Fault, Status
from longcode.ports import Answer, Verdict
from tests.fakes.clock import START_MS
from tests.fakes.examples import TELNYX_ID

WALL_S = START_MS / 1000
ACCEPTED, NOT_SENT, BACK_OFF = Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.BACK_OFF
PERMANENT, CONFIGURATION, AMBIGUOUS = Verdict.PERMANENT, Verdict.CONFIGURATION, Verdict.AMBIGUOUS
MINUTE = 60_000
# No answer of these names a code.
CODELESS = (
    *(b"", b"<html>Bad Gateway</html>", b"\xff\xfe", b"[]", b"{}", b"null"),
    *(b'{"errors":[]}', b'{"errors":["x"]}'),
)


def error(code: object, title: str = "A title", detail: object = "A detail.") -> bytes:
    return json.dumps({"errors": [{"code": code, "title": title, "detail": detail}]}).encode()


def good(**changes: Any) -> bytes:
    data = {"id": TELNYX_ID, "to": [{"phone_number": "+12025550123", "status": "queued"}], "parts": 1} | changes
    return json.dumps({"data": data}).encode()


def classify(status: int, content: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return telnyx.classify(status, named, content, WALL_S)


# (HTTP status, error code, verdict). The groups are those of the carrier's list of errors.
CODES: list[tuple[int, str, Verdict]] = [
    # may have been taken
    (500, "10007", AMBIGUOUS),
    (504, "10008", AMBIGUOUS),
    (400, "10007", AMBIGUOUS),
    # try again later
    (429, "10011", BACK_OFF),
    (503, "10037", BACK_OFF),
    (409, "10036", BACK_OFF),
    (403, "40318", BACK_OFF),
    (403, "40320", BACK_OFF),
    (403, "40321", BACK_OFF),
    # the account or the sender: stop everything
    (401, "10009", CONFIGURATION),
    (403, "10010", CONFIGURATION),
    *((403, str(code), CONFIGURATION) for code in range(20002, 20018)),
    (402, "20100", CONFIGURATION),
    (403, "10038", CONFIGURATION),
    (403, "10039", CONFIGURATION),
    (429, "40333", CONFIGURATION),
    (400, "40100", CONFIGURATION),
    *((400, str(code), CONFIGURATION) for code in (40305, 40306, 40307, 40308)),
    *((400, str(code), CONFIGURATION) for code in (40311, 40312, 40313, 40314, 40315)),
    *((400, str(code), CONFIGURATION) for code in (40319, 40323, 40325, 40329, 40330, 40331)),
    # our own fault
    (422, "10027", PERMANENT),
    (422, "10004", PERMANENT),
    (422, "10015", PERMANENT),
    (404, "10003", PERMANENT),
    *(
        (422, str(code), PERMANENT)
        for code in (10023, 10024, 10025, 10026, 10028, 10029, 10030, 10031, 10032, 10033)
    ),
    # this recipient or this text
    *((400, str(code), PERMANENT) for code in (10002, 10016, 40301, 40310, 40309, 40302)),
    *((400, str(code), PERMANENT) for code in (40304, 40316, 40317, 40322, 40328)),
    # codes that nobody has told us of
    (400, "49999", PERMANENT),
    (403, "12345", PERMANENT),
    (422, "99999", PERMANENT),
    (401, "99999", CONFIGURATION),
    (402, "99999", CONFIGURATION),
    (429, "99999", BACK_OFF),
    (500, "99999", AMBIGUOUS),
    (503, "99999", AMBIGUOUS),
]


def test_an_error_means_what_the_table_says() -> None:
    answers = [(status, code, classify(status, error(code))) for status, code, _ in CODES]

    assert [(status, code, answer.verdict) for status, code, answer in answers] == CODES
    assert [answer.fault for _, _, answer in answers] == [
        Fault(code, "A title", "A detail.", status) for status, code, _ in CODES
    ]
    assert [answer.http_status for _, _, answer in answers] == [status for status, _, _ in CODES]


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (301, AMBIGUOUS),
        (400, PERMANENT),
        (401, CONFIGURATION),
        (402, CONFIGURATION),
        (403, PERMANENT),
        (404, PERMANENT),
        (405, PERMANENT),
        (408, AMBIGUOUS),
        (409, BACK_OFF),
        (413, PERMANENT),
        (422, PERMANENT),
        (429, BACK_OFF),
        (500, AMBIGUOUS),
        (501, AMBIGUOUS),
        (502, AMBIGUOUS),
        (503, AMBIGUOUS),
        (504, AMBIGUOUS),
        (520, AMBIGUOUS),
    ],
)
def test_without_a_code_the_status_decides(status: int, verdict: Verdict) -> None:
    wanted = (verdict, f"http_{status}")
    told = {content: classify(status, content) for content in CODELESS}

    assert [
        content
        for content, answer in told.items()
        if not answer.fault or (answer.verdict, answer.fault.code) != wanted
    ] == []


def test_an_answer_of_wait_never_means_that_it_may_have_been_taken() -> None:
    waits = ("10036", "10011", "10037", "40320")

    assert {code: classify(500, error(code)).verdict for code in waits} == dict.fromkeys(waits, BACK_OFF)


@pytest.mark.parametrize(
    ("title", "detail"),
    [
        ("Blocked due to STOP message", "The recipient has opted out."),
        ("Blocked", "Messages from your number to this one are blocked due to a STOP message"),
        ("Message blocked", "Blocked due to a block rule"),
        ("BLOCKED DUE TO STOP MESSAGE", ""),
    ],
)
def test_40300_for_a_recipient_who_has_opted_out_is_permanent(title: str, detail: str) -> None:
    answer = classify(403, error("40300", title, detail))

    assert answer.verdict is PERMANENT
    assert answer.opted_out


@pytest.mark.parametrize(
    ("title", "detail"),
    [
        ("Invalid from", "The from number is not assigned to a messaging profile."),
        ("Forbidden", ""),
        ("Sender is not on a profile", None),
    ],
)
def test_40300_for_a_sender_on_no_profile_stops_everything(title: str, detail: str | None) -> None:
    answer = classify(403, error("40300", title, detail))

    assert answer.verdict is CONFIGURATION
    assert not answer.opted_out


def test_429_for_the_rate_waits_and_for_the_daily_spend_stops_until_midnight() -> None:
    rate = classify(429, error("10011"))
    spend = classify(429, error("40333"))

    assert (rate.verdict, rate.until_utc_midnight) == (BACK_OFF, False)
    assert (spend.verdict, spend.until_utc_midnight) == (CONFIGURATION, True)


def test_a_fault_of_our_own_is_marked_so_that_somebody_is_told() -> None:
    ours = ("10027", "10004", "10015", "10003", "10023", "10033")

    assert [code for code in ours if not classify(422, error(code)).ours] == []


def test_a_fault_of_the_request_is_not_ours() -> None:
    theirs = ("40310", "40302", "49999", "10002")

    assert [code for code in theirs if classify(422, error(code)).ours] == []


def test_a_code_that_comes_as_a_number_is_read_all_the_same() -> None:
    assert classify(429, error(10011)).verdict is BACK_OFF
    assert classify(402, error(20100)).verdict is CONFIGURATION


def test_the_first_of_several_errors_counts() -> None:
    content = json.dumps({"errors": [{"code": "40310"}, {"code": "10011"}]}).encode()

    assert classify(400, content).verdict is PERMANENT


def test_a_missing_title_and_detail_are_made_up_for() -> None:
    answer = classify(400, b'{"errors":[{"code":"40310"}]}')

    assert answer.fault
    assert answer.fault.title == "The carrier answered 400."
    assert answer.fault.detail == ""


# --------------------------------------------------------------------------------------------- the waits

DEFAULTS = [
    (429, "10011", 2_000),
    (503, "10037", 5_000),
    (409, "10036", 2_000),
    (403, "40318", 5 * MINUTE),
    (403, "40320", 10 * MINUTE),
    (403, "40321", 10 * MINUTE),
    (429, "", 5_000),
    (409, "", 2_000),
]


def test_without_a_wish_of_the_carrier_each_wait_has_its_length() -> None:
    assert [(status, code, classify(status, error(code)).wait_ms) for status, code, _ in DEFAULTS] == DEFAULTS


def test_the_wait_that_the_carrier_asks_for_is_kept() -> None:
    kept = [classify(status, error(code), retry_after="7").wait_ms for status, code, _ in DEFAULTS]

    assert kept == [7_000] * len(DEFAULTS)


@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"retry_after": "3"}, 3_000),
        ({"retry_after": "0.25"}, 250),
        ({"retry_after": " 3 "}, 3_000),
        ({"x_ratelimit_reset": "12"}, 12_000),
        ({"x_ratelimit_reset": str(int(WALL_S) + 30)}, 30_000),
        ({"retry_after": "3", "x_ratelimit_reset": "12"}, 3_000),
        ({"retry_after": "soon", "x_ratelimit_reset": "12"}, 12_000),
        ({"retry_after": "Wed, 15 Nov 2023 07:28:00 GMT"}, 2_000),
        ({"retry_after": "0"}, 2_000),
        ({"retry_after": "-5"}, 2_000),
        ({"retry_after": ""}, 2_000),
        ({"x_ratelimit_reset": str(int(WALL_S) - 30)}, 2_000),
        ({"retry_after": "nan"}, 2_000),
        ({"retry_after": "inf"}, 2_000),
        ({"retry_after": "999999"}, 60 * MINUTE),
    ],
    ids=str,
)
def test_a_wait_is_read_from_seconds_or_an_epoch_and_bounded(headers: dict[str, str], wait_ms: int) -> None:
    assert classify(429, error("10011"), **headers).wait_ms == wait_ms


def test_only_an_answer_of_wait_has_one() -> None:
    for status, code, verdict in CODES:
        if verdict is not BACK_OFF:
            assert classify(status, error(code), retry_after="7").wait_ms is None


# -------------------------------------------------------------------------------------------- the yes


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_with_an_id_is_accepted(status: int) -> None:
    answer = classify(status, good(parts=3))

    assert answer == Answer(
        ACCEPTED,
        http_status=status,
        telnyx_id=TELNYX_ID,
        carrier_status="queued",
        status=Status.SUBMITTED,
        parts=3,
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"OK",
        b'{"data":{"id":"40385f64-57',
        b'{"data":{}}',
        b'{"data":{"id":null}}',
        b'{"data":{"id":""}}',
        b'{"data":{"id":7}}',
        b'{"data":[]}',
        b"[]",
        b"\xff",
    ],
    ids=repr,
)
def test_a_2xx_that_names_no_id_may_have_been_taken(content: bytes) -> None:
    answer = classify(200, content)

    assert answer.verdict is AMBIGUOUS
    assert answer.fault
    assert answer.fault.code == "carrier_unreadable"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", Status.SUBMITTED),
        ("sending", Status.SUBMITTED),
        ("scheduled", Status.SUBMITTED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("sending_failed", Status.SENDING_FAILED),
        ("delivery_failed", Status.DELIVERY_FAILED),
        ("delivery_unconfirmed", Status.DELIVERY_UNCONFIRMED),
        ("expired", Status.EXPIRED),
        ("something new", Status.SUBMITTED),
    ],
)
def test_a_yes_may_carry_a_later_word_already(word: str, status: Status) -> None:
    answer = classify(200, good(to=[{"status": word}]))

    assert (answer.verdict, answer.carrier_status, answer.status) == (ACCEPTED, word, status)


@pytest.mark.parametrize("to", [[], None, "x", [None], [{}], [{"status": None}]], ids=repr)
def test_a_yes_without_a_word_counts_as_queued(to: object) -> None:
    answer = classify(200, good(to=to, parts=None))

    assert (answer.verdict, answer.carrier_status, answer.parts) == (ACCEPTED, "queued", None)


@given(st.integers(200, 599), st.binary(max_size=60), st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_any_answer_at_all_is_one_of_ours(status: int, content: bytes, headers: dict[str, str]) -> None:
    answer = telnyx.classify(status, headers, content, WALL_S)

    assert answer.verdict in Verdict
    assert (answer.fault is None) == (answer.verdict is ACCEPTED)


def test_an_answer_nested_beyond_reason_may_have_been_taken() -> None:
    assert classify(200, b"[" * 100_000).verdict is AMBIGUOUS
    assert classify(500, b'{"a":' * 100_000).verdict is AMBIGUOUS
