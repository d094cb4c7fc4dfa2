"""What each answer of the provider to a send means: one table of every code and status that it documents."""

import itertools
import json
from typing import Any

import pytest

from longcode.domain.gate import Control
from longcode.domain.outcomes import Answer, Verdict
from longcode.telnyx import error_codes, protocol
from tests.chance import showing
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import TELNYX_ID

WALL_S = START_MS / 1000
ACCEPTED, NOT_SENT, BACK_OFF = Verdict.ACCEPTED, Verdict.NOT_SENT, Verdict.BACK_OFF
PERMANENT, CONFIGURATION, AMBIGUOUS = Verdict.PERMANENT, Verdict.CONFIGURATION, Verdict.AMBIGUOUS
MINUTE = 60_000


def error(code: object, title: str = "A title", detail: object = "A detail.") -> bytes:
    return json.dumps({"errors": [{"code": code, "title": title, "detail": detail}]}).encode()


def good(**changes: Any) -> bytes:
    data = {"id": TELNYX_ID, "to": [{"phone_number": "+12025550123", "status": "queued"}], "parts": 1} | changes
    return json.dumps({"data": data}).encode()


def classify(status: int, content: bytes, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return protocol.classify(status, named, content, WALL_S)


# (HTTP status, error code, verdict). The groups are those of the provider's list of errors.
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
    # codes that are not documented
    (400, "49999", PERMANENT),
    (403, "12345", PERMANENT),
    (422, "99999", PERMANENT),
    (401, "99999", CONFIGURATION),
    (402, "99999", CONFIGURATION),
    (409, "99999", BACK_OFF),
    (425, "99999", BACK_OFF),
    (429, "99999", BACK_OFF),
    (408, "99999", AMBIGUOUS),
    (500, "99999", AMBIGUOUS),
    (503, "99999", AMBIGUOUS),
]


def test_an_error_means() -> None:
    for status, code, verdict in CODES:
        with showing((status, code)):
            answer = classify(status, error(code))

            assert answer.verdict is verdict
            assert answer.fault
            assert (answer.fault.code, answer.fault.title, answer.fault.detail) == (code, "A title", "A detail.")
            assert answer.http_status == answer.fault.http_status == status


# Refused for how much the recipient's carrier takes of us. They come by receipt as well.
CARRIERS = ("40011", "40014", "40016", "40018")


def test_a_refusal_for_what_a_carrier_takes_ends_that_text_whatever_its_status() -> None:
    for code, status in itertools.product(CARRIERS, (400, 403, 422, 429, 503)):
        with showing((status, code)):
            answer = classify(status, error(code), retry_after="7")

            assert (answer.verdict, answer.unclassified, answer.everyone) == (PERMANENT, False, False)
            assert (answer.ours, answer.opted_out, answer.wait_ms) == (False, False, None)


# What a status means if no code says more.
STATUSES: list[tuple[int, Verdict]] = [
    (301, CONFIGURATION),
    (302, CONFIGURATION),
    (307, CONFIGURATION),
    (400, CONFIGURATION),
    (401, CONFIGURATION),
    (402, CONFIGURATION),
    (403, CONFIGURATION),
    (404, CONFIGURATION),
    (405, CONFIGURATION),
    (407, CONFIGURATION),
    (408, AMBIGUOUS),
    (409, BACK_OFF),
    (411, CONFIGURATION),
    (413, CONFIGURATION),
    (422, CONFIGURATION),
    (425, BACK_OFF),
    (426, CONFIGURATION),
    (429, BACK_OFF),
    (500, AMBIGUOUS),
    (501, AMBIGUOUS),
    (502, AMBIGUOUS),
    (503, AMBIGUOUS),
    (504, AMBIGUOUS),
    (520, AMBIGUOUS),
]
CODELESS = [
    b"",
    b"<html>Bad Gateway</html>",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b'{"errors":[]}',
    b'{"errors":["x"]}',
    b"null",
    b'{"errors":[{"title":"Forbidden"}]}',
    error(None),
    error(True),
    error({"a": 1}),
    error("Access denied"),
    error("\x1b[2J"),
]


def test_without_a_code_the_status_decides() -> None:
    for (status, verdict), content in itertools.product(STATUSES, CODELESS):
        with showing((status, content)):
            answer = classify(status, content)

            assert answer.verdict is verdict
            assert answer.fault
            assert answer.fault.code == f"http_{status}"
            assert not answer.unclassified
            assert answer.everyone is (status in (401, 402))


# Codes of CONFIGURATION that are certain to hold for every text: the key and the account, no funds, the limit.
EVERYONE = {"10009", "10010", "10038", "10039", "20100", "40333", *(str(code) for code in range(20002, 20018))}


def test_only_the_key_the_funds_and_the_account_are_certain_to_concern_everyone() -> None:
    for status, code, verdict in CODES:
        with showing((status, code)):
            answer = classify(status, error(code))

            assert answer.everyone is (code in EVERYONE or (code == "99999" and status in (401, 402)))
            assert verdict is CONFIGURATION or not answer.everyone


def test_a_refusal_for_an_undocumented_reason_is_marked() -> None:
    for status, code, verdict in CODES:
        with showing((status, code)):
            unknown = code in ("49999", "12345", "99999") and verdict is PERMANENT

            assert classify(status, error(code)).unclassified is unknown


def test_a_code_of_receipts_that_comes_at_once_is_about_that_text() -> None:
    cases: list[str] = ["40001", "40002", "40004", "40008", "40009", "40012", "40015", "40017"]
    for code in cases:
        with showing(code):
            answer = classify(400, error(code))

            assert (answer.verdict, answer.unclassified, answer.everyone) == (PERMANENT, False, False)


def test_a_code_that_may_be_about_the_sender_or_anything_is_unclassified() -> None:
    cases: list[str] = ["10005", "10012", "40005", "40010", "40013", "50000"]
    for code in cases:
        with showing(code):
            answer = classify(404, error(code))

            assert (answer.verdict, answer.unclassified) == (PERMANENT, True)


@pytest.mark.parametrize("code", ["10036", "10011", "10037", "40320"])
def test_an_answer_of_wait_never_means_that_it_may_have_been_taken(code: str) -> None:
    assert classify(500, error(code)).verdict is BACK_OFF


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
    assert not answer.everyone


def test_429_for_the_rate_waits_and_for_the_daily_spend_stops_until_midnight() -> None:
    rate = classify(429, error("10011"))
    spend = classify(429, error("40333"))

    assert (rate.verdict, rate.until_utc_midnight) == (BACK_OFF, False)
    assert (spend.verdict, spend.until_utc_midnight) == (CONFIGURATION, True)


def test_a_fault_of_our_own_is_marked() -> None:
    cases: list[str] = ["10027", "10004", "10015", "10003", "10023", "10033"]
    for code in cases:
        with showing(code):
            assert classify(422, error(code)).ours


@pytest.mark.parametrize("code", ["40310", "40302", "49999", "10002"])
def test_a_fault_of_the_request_is_not_ours(code: str) -> None:
    assert not classify(422, error(code)).ours


def test_a_code_that_comes_as_a_number_is_read_all_the_same() -> None:
    assert classify(429, error(10011)).verdict is BACK_OFF
    assert classify(402, error(20100)).verdict is CONFIGURATION


def test_the_first_of_several_errors_counts() -> None:
    content = json.dumps({"errors": [{"code": "40310"}, {"code": "10011"}]}).encode()

    assert classify(400, content).verdict is PERMANENT


def test_a_missing_title_and_detail_are_made_up_for() -> None:
    answer = classify(400, b'{"errors":[{"code":"40310"}]}')

    assert answer.fault
    assert answer.fault.title == "The provider answered 400."
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
    (425, "", 2_000),
]


def test_unless_the_provider_asks_for_another_each_wait_has_its_length() -> None:
    for status, code, wait_ms in DEFAULTS:
        with showing((status, code, wait_ms)):
            assert classify(status, error(code)).wait_ms == wait_ms


def test_the_wait_that_the_provider_asks_for_is_kept() -> None:
    cases: list[tuple[int, str]] = [row[:2] for row in DEFAULTS]
    for status, code in cases:
        with showing((status, code)):
            assert classify(status, error(code), retry_after="7").wait_ms == 7_000


def test_a_wait_is_read_from_seconds_or_an_epoch_and_bounded() -> None:
    cases: list[tuple[dict[str, str], int]] = [
        ({"retry_after": "3"}, 3_000),
        ({"retry_after": "0.25"}, 250),
        ({"retry_after": " 3 "}, 3_000),
        ({"x_ratelimit_reset": "12"}, 12_000),
        ({"x_ratelimit_reset": str(int(WALL_S) + 30)}, 30_000),
        ({"retry_after": "3", "x_ratelimit_reset": "12"}, 3_000),
        ({"retry_after": "soon", "x_ratelimit_reset": "12"}, 12_000),
        ({"retry_after": "Tue, 14 Nov 2023 22:13:27 GMT"}, 7_000),
        ({"retry_after": "Tue, 14 Nov 2023 22:13:27 +0000"}, 7_000),
        ({"retry_after": "Tue, 14 Nov 2023 23:13:27 +0100"}, 7_000),
        ({"retry_after": "Tue, 14 Nov 2023 22:13:27 -0000"}, 7_000),
        ({"retry_after": "Tuesday, 14-Nov-23 22:13:27 GMT"}, 7_000),
        ({"retry_after": "Wed, 15 Nov 2023 07:28:00 GMT"}, 60 * MINUTE),
        ({"retry_after": "Tue, 14 Nov 2023 22:13:12 GMT"}, 2_000),
        ({"retry_after": "Tue, 14 Nov 2023 22:13:12 GMT", "x_ratelimit_reset": "12"}, 12_000),
        ({"retry_after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 2_000),
        ({"retry_after": "Tue, 31 Feb 2023 22:13:27 GMT"}, 2_000),
        ({"retry_after": "Tue, 14 Nov 99999999999999999999 22:13:27 GMT"}, 2_000),
        ({"retry_after": "0"}, 2_000),
        ({"retry_after": "-5"}, 2_000),
        ({"retry_after": ""}, 2_000),
        ({"x_ratelimit_reset": str(int(WALL_S) - 30)}, 2_000),
        ({"x_ratelimit_reset": str(START_MS + 30_000)}, 30_000),
        ({"x_ratelimit_reset": str(START_MS - 30_000)}, 2_000),
        ({"x_ratelimit_reset": str(START_MS + 7_200_000)}, 60 * MINUTE),
        ({"x_ratelimit_reset": "1e400"}, 2_000),
        ({"retry_after": "nan"}, 2_000),
        ({"retry_after": "inf"}, 2_000),
        ({"retry_after": "999999"}, 60 * MINUTE),
    ]
    for headers, wait_ms in cases:
        with showing((headers, wait_ms)):
            assert classify(429, error("10011"), **headers).wait_ms == wait_ms


def test_only_an_answer_of_wait_has_one() -> None:
    for status, code, verdict in CODES:
        if verdict is not BACK_OFF:
            assert classify(status, error(code), retry_after="7").wait_ms is None


# ------------------------------------------------------------------------------------------- the breaker

STOPPED_BY = [
    *((code, "key") for code in ("10009", "10010", "20002", "20017", "http_401")),
    *((code, "funds") for code in ("20100", "40333", "http_402")),
    *((code, "setup") for code in ("40300", "40305", "40312", "40100", "10038", "49999")),
    *((code, "outage") for code in ("provider_unreachable", "provider_no_answer", "provider_unreadable")),
    *((code, "outage") for code in ("10007", "10008", "http_408", "http_500", "http_502", "http_599")),
    *((code, "outage") for code in ("http_301", "http_307", "http_400", "http_403", "http_404", "http_426")),
]


def test_an_open_breaker_is_about_the_fault_that_opened_it() -> None:
    for code, word in STOPPED_BY:
        with showing((code, word)):
            for reason in (code, f"{code} Some title of the provider's"):
                fault = Control(breaker_reason=reason).breaker_fault
                assert error_codes.explain(fault).stopped_by == word
