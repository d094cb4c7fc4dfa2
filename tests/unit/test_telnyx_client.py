"""The way to the provider: message -> the exact request -> what came back -> what it means."""

import httpx
import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.outcomes import Verdict
from longcode.telnyx import protocol
from longcode.telnyx.client import SEND_S, TIMEOUT
from longcode.use_cases.consume import SEND_BUDGET_MS
from tests.chance import showing
from tests.support.fakes.examples import TELNYX_ID
from tests.unit.telnyx_wire import MESSAGE, OUR_ID, YES, Keys, Wire, refused


def test_a_send_is_exactly_this_request() -> None:
    wire = Wire(httpx.Response(200, json=YES))

    answer = wire.provider.send(MESSAGE)

    (request,) = wire.requests
    assert (request.method, str(request.url)) == ("POST", "https://provider.invalid/v2/messages")
    assert request.content == protocol.request_body(MESSAGE)
    assert request.headers["authorization"] == "Bearer KEY_one"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == OUR_ID
    assert (answer.verdict, answer.telnyx_id) == (Verdict.ACCEPTED, TELNYX_ID)


def test_a_send_has_explicit_timeouts_that_fit_into_the_time_kept_for_it() -> None:
    wire = Wire(httpx.Response(200, json=YES))

    wire.provider.send(MESSAGE)

    assert wire.requests[0].extensions["timeout"] == TIMEOUT.as_dict()
    assert None not in TIMEOUT.as_dict().values()
    assert wire.requests[0].extensions["deadline"] == wire.now_s + SEND_S
    assert SEND_S <= SEND_BUDGET_MS / 1000 - 2


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError],
    ids=lambda error: error.__name__,
)
def test_what_fails_before_a_byte_was_written_is_proven_not_sent(error: type[Exception]) -> None:
    wire = Wire(error("no route"))

    answer = wire.provider.send(MESSAGE)

    assert len(wire.requests) == 1
    assert answer.verdict is Verdict.NOT_SENT
    assert answer.fault
    assert (answer.fault.code, answer.fault.detail) == ("provider_unreachable", error.__name__)


def test_what_fails_after_that_may_have_been_taken_and_is_never_asked_again() -> None:
    cases: list[type[Exception]] = [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.RemoteProtocolError,
        httpx.ProxyError,
        httpx.DecodingError,
        httpx.TooManyRedirects,
    ]
    for error in cases:
        with showing(error):
            wire = Wire(error("gone"))

            answer = wire.provider.send(MESSAGE)

            assert len(wire.requests) == 1
            assert answer.verdict is Verdict.AMBIGUOUS
            assert answer.fault
            assert (answer.fault.code, answer.fault.detail) == ("provider_no_answer", error.__name__)


def test_no_answer_is_ever_followed_by_a_second_request() -> None:
    cases: list[tuple[httpx.Response, Verdict]] = [
        (httpx.Response(200, content=b'{"data":{"id":"40385f64'), Verdict.AMBIGUOUS),
        (httpx.Response(200, content=b""), Verdict.AMBIGUOUS),
        (httpx.Response(302, headers={"location": "https://elsewhere.invalid"}), Verdict.CONFIGURATION),
        (httpx.Response(403, content=b"<html>"), Verdict.CONFIGURATION),
        (httpx.Response(500, content=b"<html>"), Verdict.AMBIGUOUS),
        (httpx.Response(502), Verdict.AMBIGUOUS),
        (refused(429, "10011"), Verdict.BACK_OFF),
        (refused(503, "10037"), Verdict.BACK_OFF),
        (refused(402, "20100"), Verdict.CONFIGURATION),
        (refused(422, "40310"), Verdict.PERMANENT),
    ]
    for answer, verdict in cases:
        with showing((answer, verdict)):
            wire = Wire(answer)

            assert wire.provider.send(MESSAGE).verdict is verdict

            assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "url", ["https://provider.invalid:port/v2", "https://[::1/v2", "https://x" + "y" * 70_000, "http://\x00/v2"]
)
def test_an_address_that_is_none_is_proven_not_sent(url: str) -> None:
    wire = Wire(url=url)

    answer = wire.provider.send(MESSAGE)

    assert wire.requests == []
    assert (answer.verdict, answer.fault and answer.fault.code) == (Verdict.NOT_SENT, "provider_unreachable")


@pytest.mark.parametrize("key", ["KEY_\N{BULLET}", "KEY_\ud800"], ids=ascii)
def test_a_key_that_no_header_can_carry_is_proven_not_sent(key: str) -> None:
    wire = Wire(keys=Keys(key))

    assert wire.provider.send(MESSAGE).verdict is Verdict.NOT_SENT

    assert wire.requests == []


def test_a_secret_that_cannot_be_read_is_proven_not_sent() -> None:
    def keys(fresh: bool) -> str:
        raise Unavailable("The secret store")

    wire = Wire(keys=keys)

    answer = wire.provider.send(MESSAGE)

    assert (answer.verdict, wire.requests) == (Verdict.NOT_SENT, [])


@pytest.mark.parametrize("error", [ValueError("odd"), RuntimeError("odd"), httpx.InvalidURL("odd")], ids=repr)
def test_an_unforeseen_error_may_have_come_after_the_first_byte(error: Exception) -> None:
    answer = Wire(error).provider.send(MESSAGE)

    assert (answer.verdict, answer.fault and answer.fault.code) == (Verdict.AMBIGUOUS, "provider_no_answer")


def test_the_wait_is_read_from_the_headers_in_any_case() -> None:
    wire = Wire(httpx.Response(429, headers={"Retry-After": "9"}, json={"errors": [{"code": "10011"}]}))

    assert wire.provider.send(MESSAGE).wait_ms == 9_000


# ------------------------------------------------------------------------------------------------ the key


def test_a_refused_key_is_read_anew_once_and_the_same_request_goes_out_under_the_new_one() -> None:
    keys = Keys("KEY_old", "KEY_new")
    wire = Wire(refused(401, "10009"), httpx.Response(200, json=YES), keys=keys)

    answer = wire.provider.send(MESSAGE)

    first, second = wire.requests
    assert first.headers["authorization"] == "Bearer KEY_old"
    assert second.headers["authorization"] == "Bearer KEY_new"
    assert first.content == second.content
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert keys.reads.count(True) == 1
    assert answer.verdict is Verdict.ACCEPTED


def test_a_key_that_is_refused_and_has_not_changed_is_tried_once() -> None:
    wire = Wire(refused(401, "10009"), keys=Keys("KEY_one"))

    assert wire.provider.send(MESSAGE).verdict is Verdict.CONFIGURATION

    assert len(wire.requests) == 1


def test_a_new_key_that_is_refused_too_is_not_read_a_third_time() -> None:
    keys = Keys("KEY_old", "KEY_new", "KEY_newer")
    wire = Wire(refused(401, "10009"), refused(401, "10009"), keys=keys)

    assert wire.provider.send(MESSAGE).verdict is Verdict.CONFIGURATION

    assert len(wire.requests) == 2
    assert keys.reads.count(True) == 1


def test_a_store_that_cannot_give_a_new_key_leaves_it_at_the_refusal() -> None:
    def keys(fresh: bool) -> str:
        if fresh:
            raise Unavailable("The secret store")
        return "KEY_one"

    wire = Wire(refused(401, "10009"), keys=keys)

    assert wire.provider.send(MESSAGE).http_status == 401

    assert len(wire.requests) == 1


def test_with_too_little_time_left_a_refused_key_is_left_at_the_refusal() -> None:
    keys = Keys("KEY_old", "KEY_new")
    wire = Wire(refused(401, "10009"), keys=keys, takes_s=SEND_S / 2 + 0.1)

    answer = wire.provider.send(MESSAGE)

    assert (answer.verdict, answer.http_status, len(wire.requests)) == (Verdict.CONFIGURATION, 401, 1)
    assert keys.reads == [False]


def test_a_new_key_that_took_long_to_read_is_kept_for_the_next_text() -> None:
    def keys(fresh: bool) -> str:
        if fresh:
            wire.now_s += SEND_S - 2
        return "KEY_new" if fresh else "KEY_old"

    wire = Wire(refused(401, "10009"), keys=keys)

    assert wire.provider.send(MESSAGE).http_status == 401

    assert len(wire.requests) == 1


def test_both_requests_of_a_send_share_its_time() -> None:
    wire = Wire(refused(401, "10009"), httpx.Response(200, json=YES), keys=Keys("KEY_old", "KEY_new"), takes_s=3.0)

    assert wire.provider.send(MESSAGE).verdict is Verdict.ACCEPTED

    first, second = (request.extensions["deadline"] for request in wire.requests)
    assert first == second == 1_000.0 + SEND_S


def test_without_a_key_nothing_is_prepared() -> None:
    def keys(fresh: bool) -> str:
        raise Unavailable("The secret store")

    wire = Wire(keys=keys)

    with pytest.raises(Unavailable):
        wire.provider.prepare()
    assert wire.requests == []
