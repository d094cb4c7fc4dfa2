"""Requests in the gateway's shape, and the one answer that each error has."""

import base64
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import errors
from longcode.entrypoints import api, error_responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from tests.chance import showing
from tests.support.fakes import FakeClock, FakeLogger, FakeMetrics
from tests.support.fakes.gateway import call

IDENT = "40385f64-5717-4562-b3fc-2c963f66afa6"


def request(**changes: Any) -> Request:
    return Request(call("POST", "/sms/send", "{}") | changes)


# ------------------------------------------------------------------------------------------- the request


def test_header_names_come_in_any_case() -> None:
    for name in ("Idempotency-Key", "idempotency-key", "IDEMPOTENCY-KEY"):
        assert request(headers={name: "k"}).headers["idempotency-key"] == "k"


@pytest.mark.parametrize("headers", [None, {}])
def test_a_call_may_have_no_headers(headers: object) -> None:
    assert request(headers=headers).headers == {}


def test_an_id_in_the_path_is_read_whatever_its_case() -> None:
    cases: list[str] = ["id", "message_id"]
    others: list[str] = [IDENT, IDENT.upper(), IDENT.replace("-", "%2D")]
    for name, value in itertools.product(cases, others):
        with showing((name, value)):
            assert request(pathParameters={name: value}).path_id == IDENT


@pytest.mark.parametrize("parameters", [None, {}])
def test_a_route_may_have_no_id(parameters: object) -> None:
    assert request(pathParameters=parameters).path_id is None


def test_an_id_in_the_path_that_is_none_is_refused_by_name() -> None:
    cases: list[str] = [
        "1",
        "message",
        "..",
        "M#x",
        "T%23x",
        "%00",
        IDENT + "x",
        IDENT[:-1],
        " ",
        "null",
        "%ff%fe",
    ]
    for value in cases:
        with showing(value):
            with pytest.raises(errors.InvalidRequest) as refused:
                _ = request(pathParameters={"id": value}).path_id

            assert refused.value.field == "id"


@given(st.text(max_size=40))
def test_whatever_is_in_the_path_is_an_id_or_refused(value: str) -> None:
    try:
        found = request(pathParameters={"id": value}).path_id
    except errors.InvalidRequest:
        return
    assert found is None or len(found) == 36


def test_a_caller_is_the_id_of_the_key_or_the_key_where_there_is_no_id() -> None:
    with_id = {"identity": {"apiKeyId": "abc"}}

    assert request(requestContext=with_id, headers={"x-api-key": "secret"}).caller == "abc"
    assert request(requestContext={}, headers={"X-Api-Key": "secret"}).caller == "secret"
    assert request(requestContext=None, headers=None).caller == ""
    assert request(requestContext={"identity": None}).caller == ""


def test_a_record_may_keep_the_id_of_the_key_and_never_the_key() -> None:
    assert request(requestContext={}, headers={"x-api-key": "secret"}).caller_name == ""


def test_who_calls_is_named_by_the_id_of_the_key_or_a_digest_and_never_by_the_key() -> None:
    with_id = {"identity": {"apiKeyId": "abc"}}
    mark = request(requestContext={}, headers={"x-api-key": "secret"}).caller_mark

    assert request(requestContext=with_id, headers={"x-api-key": "secret"}).caller_mark == "abc"
    assert mark == "sha256-2bb80d537b1da3e3"
    assert request(requestContext={}, headers={"x-api-key": "another"}).caller_mark != mark


def test_a_body_is_the_bytes_that_came() -> None:
    assert request(body="grüße").raw_body == "grüße".encode()
    encoded = base64.b64encode(b"\xff\x00raw").decode()
    assert request(body=encoded, isBase64Encoded=True).raw_body == b"\xff\x00raw"
    assert request(body=None).raw_body == b""


@pytest.mark.parametrize("body", ["not base64!", "AAA", "é"])
def test_broken_base64_is_refused(body: str) -> None:
    with pytest.raises(errors.InvalidRequest):
        _ = request(body=body, isBase64Encoded=True).raw_body


@given(st.text(alphabet=st.characters(codec=None), max_size=30))
def test_any_text_has_bytes_or_is_refused(body: str) -> None:
    try:
        raw = request(body=body).raw_body
    except errors.InvalidRequest:
        return
    assert isinstance(raw, bytes)


def test_a_body_that_is_no_json_is_refused() -> None:
    cases: list[str | None] = [
        None,
        "",
        "  \n",
        "{",
        "{'a': 1}",
        "NaN",
        '{"a": Infinity}',
        "-Infinity",
        "[" * 100_000,
        "1" * 5_000,
        "\ud800",
    ]
    for body in cases:
        with showing(body), pytest.raises(errors.InvalidRequest):
            _ = request(body=body).json


@pytest.mark.parametrize("encoded", [b"\xff{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16")])
def test_a_body_that_is_not_utf_8_is_refused(encoded: bytes) -> None:
    with pytest.raises(errors.InvalidRequest):
        _ = request(body=base64.b64encode(encoded).decode(), isBase64Encoded=True).json


@pytest.mark.parametrize("encoded", [b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"\xfe\xff\0{\0}"])
def test_a_byte_order_mark_is_named(encoded: bytes) -> None:
    with pytest.raises(errors.InvalidRequest, match="byte-order mark"):
        _ = request(body=base64.b64encode(encoded).decode(), isBase64Encoded=True).json


def test_a_byte_order_mark_is_named_where_the_gateway_has_read_the_body() -> None:
    with pytest.raises(errors.InvalidRequest, match="byte-order mark"):
        _ = request(body="\ufeff{}").json


def test_a_header_is_one_or_none_and_refused_by_name_if_it_is_several() -> None:
    assert request(headers={"A": "1"}, multiValueHeaders={"a": ["1"]}).header("a") == "1"
    # What a gateway may leave empty.
    assert request(headers={"A": "1"}, multiValueHeaders={"A": None}).header("a") == "1"
    assert request(multiValueQueryStringParameters={"a": None}, queryStringParameters={"a": "1"}).query == {
        "a": "1"
    }
    assert request(headers={}).header("a") is None
    several = request(headers={"A": "2"}, multiValueHeaders={"A": ["1", "2"]})
    assert several.headers["a"] == "1, 2"
    with pytest.raises(errors.InvalidRequest) as refused:
        several.header("A")
    assert refused.value.field == "A"


def test_receipts_go_to_the_configured_address_or_to_this_api() -> None:
    assert request().webhook_url("https://example.com/hooks") == "https://example.com/hooks"
    assert request().webhook_url("") == ("https://example.execute-api.us-east-1.amazonaws.com/v1/webhooks/message")
    assert request(requestContext={"stage": "v1"}).webhook_url("") == ""
    assert request(requestContext=None).webhook_url("") == ""


# --------------------------------------------------------------------------------------------- the errors

REFUSALS: list[tuple[errors.RequestError | errors.SendRefused, int, str, dict[str, object], dict[str, str]]] = [
    (errors.InvalidRequest("m", field="to"), 400, "invalid_request", {"field": "to"}, {}),
    (errors.InvalidRequest("m"), 400, "invalid_request", {}, {}),
    (errors.SignatureRefused("m"), 401, "invalid_signature", {}, {}),
    (errors.RecipientOptedOut("m"), 403, "recipient_opted_out", {}, {}),
    (errors.DestinationNotAllowed("m"), 403, "destination_not_allowed", {"field": "to"}, {}),
    (errors.NotFound("m"), 404, "not_found", {}, {}),
    (errors.MethodNotAllowed("m", allowed="POST"), 405, "method_not_allowed", {}, {"allow": "POST"}),
    (errors.IdempotencyMismatch("m"), 409, "idempotency_key_reused", {}, {}),
    (errors.IdempotencyInProgress("m"), 409, "idempotency_key_in_use", {}, {"retry-after": "1"}),
    (
        errors.BatchChanged("m", field="messages[7].to", changes=[{"index": 7, "changed": ["to"]}]),
        409,
        "batch_changed",
        {"field": "messages[7].to", "changes": [{"index": 7, "changed": ["to"]}]},
        {},
    ),
    (errors.BodyTooLarge("m"), 413, "request_too_large", {}, {}),
    (errors.RecipientQueueFull("m", retry_after_s=7), 429, "recipient_queue_full", {}, {"retry-after": "7"}),
    (errors.DailyLimitReached("m", retry_after_s=7), 429, "daily_limit", {}, {"retry-after": "7"}),
    (
        errors.SendRefused("m", code="provider_unreachable", message_id=IDENT, retry_after_s=5),
        503,
        "provider_unreachable",
        {"message_id": IDENT},
        {"retry-after": "5"},
    ),
    (
        errors.TooLate("m", message_id=IDENT, status="sending"),
        409,
        "too_late",
        {"message_id": IDENT, "status": "sending"},
        {},
    ),
    (errors.TooManySubscriptions("m"), 409, "too_many_subscriptions", {}, {}),
    (errors.KeyRefused("m"), 403, "forbidden", {}, {}),
    (errors.ScopeMissing("m"), 403, "scope_missing", {}, {}),
    (errors.RecipientNotListed("m"), 403, "recipient_not_listed", {"field": "to"}, {}),
    (
        errors.DuplicateText("m", message_id=IDENT),
        409,
        "duplicate_text",
        {"field": "refuse_duplicates_s", "message_id": IDENT},
        {},
    ),
    (errors.TooManySubscriptions("m"), 409, "too_many_subscriptions", {}, {}),
    (errors.WebhooksOff("m"), 409, "webhooks_off", {}, {}),
    (
        errors.SendRefused("m", code="outcome_unknown", message_id=IDENT),
        504,
        "outcome_unknown",
        {"message_id": IDENT, "status": "unknown"},
        {},
    ),
]


def test_an_error_has_one_answer() -> None:
    for error, status, code, fields, headers in REFUSALS:
        with showing((error, status, code, fields, headers)):
            answer = error_responses.error_response(error)

            assert answer.status == status
            assert answer.fields == {"error": "m", "code": code} | fields
            assert answer.headers == headers


def test_every_error_of_a_request_has_its_answer() -> None:
    answered = {type(row[0]) for row in REFUSALS}

    assert set(errors.RequestError.__subclasses__()) <= answered


def test_a_store_that_fails_asks_to_come_again_with_the_same_key() -> None:
    answer = error_responses.error_response(errors.Unavailable("The queue"))

    assert answer.status == 503
    assert answer.fields == {
        "error": "The queue did not answer. Try again with the same Idempotency-Key.",
        "code": "unavailable",
    }
    assert answer.headers == {"retry-after": "2"}


def test_an_unforeseen_error_is_a_plain_500_with_a_trace_in_the_log_only() -> None:
    logger = FakeLogger()

    def serve(_request: Request) -> Response:
        raise KeyError("a secret of ours")

    answer = api.answer(call("POST", "/sms/send", "{}"), serve, logger, FakeMetrics(), FakeClock())

    assert answer["statusCode"] == 500
    assert json.loads(str(answer["body"])) == {"error": "Something failed on our side.", "code": "internal_error"}
    assert isinstance(logger.crashes[0].crash, KeyError)


@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"headers": None, "pathParameters": None}])
def test_an_event_that_lacks_half_of_itself_is_still_answered(event: dict[str, object]) -> None:
    logger = FakeLogger()

    answer = api.answer(
        event, lambda request: Response(200, {"path": request.proxy_path}), logger, FakeMetrics(), FakeClock()
    )

    assert answer["statusCode"] == 200


def test_every_call_is_one_line_in_the_log_without_its_text() -> None:
    logger = FakeLogger()
    event = call("POST", "/sms/send", {"to": "+12025550123", "message": "a secret"})

    api.answer(
        event,
        lambda _: Response(202, {"code": None, "message": "a secret"}),
        logger,
        FakeMetrics(),
        FakeClock(),
    )

    (line,) = logger.lines
    assert (line.event, line.fields["route"], line.fields["status"]) == ("request", "/sms/send", 202)
    assert "a secret" not in repr(line)
    assert "+12025550123" not in repr(line)


def test_an_answer_to_the_gateway_is_json_that_is_not_to_be_stored() -> None:
    answer = Response(200, {"word": "grüße"}, {"retry-after": "3"}).for_gateway()

    assert answer == {
        "statusCode": 200,
        "headers": {"content-type": "application/json", "cache-control": "no-store", "retry-after": "3"},
        # Only ASCII: half of a surrogate pair, which a caller may send and an error may quote, has no UTF-8.
        "body": '{"word": "gr\\u00fc\\u00dfe"}',
    }
