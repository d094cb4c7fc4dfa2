"""The way to the carrier: message -> the exact request -> what came back -> what it means."""

from collections.abc import Callable

import httpx
import pytest

from longcode import telnyx
from longcode.carrier import TIMEOUT, Telnyx
from longcode.deliver import SEND_BUDGET_MS
from longcode.errors import Unavailable
from longcode.ports import Record, Verdict
from tests.fakes.clock import START_MS
from tests.fakes.examples import TELNYX_ID, THEIRS, make_message

OUR_ID = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"
MESSAGE = make_message(id=OUR_ID)
YES = {"data": {"id": TELNYX_ID, "to": [{"status": "queued"}], "parts": 1}}
Answering = Callable[[httpx.Request], httpx.Response]


class Keys:
    """The secret store: hands out what it has, and the next one when asked to look again."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.reads: list[bool] = []

    def __call__(self, fresh: bool) -> str:
        self.reads.append(fresh)
        if fresh and len(self.keys) > 1:
            self.keys.pop(0)
        return self.keys[0]


class Line:
    """A carrier over a transport that a test scripts."""

    def __init__(self, *answers: httpx.Response | Exception, keys: Callable[[bool], str] | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.carrier = Telnyx(
            client, "https://carrier.invalid/v2", keys or Keys("KEY_one"), wall_s=lambda: START_MS / 1000
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "title": "T", "detail": "D"}]})


def test_a_send_is_exactly_this_request() -> None:
    line = Line(httpx.Response(200, json=YES))

    answer = line.carrier.send(MESSAGE)

    (request,) = line.requests
    assert (request.method, str(request.url)) == ("POST", "https://carrier.invalid/v2/messages")
    assert request.content == telnyx.request_body(MESSAGE)
    assert request.headers["authorization"] == "Bearer KEY_one"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == OUR_ID
    assert (answer.verdict, answer.telnyx_id) == (Verdict.ACCEPTED, TELNYX_ID)


def test_a_send_has_explicit_timeouts_that_fit_into_the_time_kept_for_it() -> None:
    line = Line(httpx.Response(200, json=YES))

    line.carrier.send(MESSAGE)

    assert line.requests[0].extensions["timeout"] == TIMEOUT.as_dict()
    assert None not in TIMEOUT.as_dict().values()
    assert (TIMEOUT.connect or 0) + (TIMEOUT.read or 0) <= SEND_BUDGET_MS / 1000 - 2


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError],
    ids=lambda error: error.__name__,
)
def test_what_fails_before_a_byte_was_written_is_proven_not_sent(error: type[Exception]) -> None:
    line = Line(error("no route"))

    answer = line.carrier.send(MESSAGE)

    assert len(line.requests) == 1
    assert answer.verdict is Verdict.NOT_SENT
    assert answer.fault
    assert (answer.fault.code, answer.fault.detail) == ("carrier_unreachable", error.__name__)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.CloseError,
        httpx.RemoteProtocolError,
        httpx.ProxyError,
        httpx.DecodingError,
        httpx.TooManyRedirects,
    ],
    ids=lambda error: error.__name__,
)
def test_what_fails_after_that_may_have_been_taken_and_is_never_asked_again(error: type[Exception]) -> None:
    line = Line(error("gone"))

    answer = line.carrier.send(MESSAGE)

    assert len(line.requests) == 1
    assert answer.verdict is Verdict.AMBIGUOUS
    assert answer.fault
    assert (answer.fault.code, answer.fault.detail) == ("carrier_no_answer", error.__name__)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (httpx.Response(200, content=b'{"data":{"id":"40385f64'), Verdict.AMBIGUOUS),
        (httpx.Response(200, content=b""), Verdict.AMBIGUOUS),
        (httpx.Response(302, headers={"location": "https://elsewhere.invalid"}), Verdict.AMBIGUOUS),
        (httpx.Response(500, content=b"<html>"), Verdict.AMBIGUOUS),
        (httpx.Response(502), Verdict.AMBIGUOUS),
        (refused(429, "10011"), Verdict.BACK_OFF),
        (refused(503, "10037"), Verdict.BACK_OFF),
        (refused(402, "20100"), Verdict.CONFIGURATION),
        (refused(422, "40310"), Verdict.PERMANENT),
    ],
    ids=lambda value: f"{value.status_code}" if isinstance(value, httpx.Response) else "",
)
def test_no_answer_is_ever_followed_by_a_second_request(answer: httpx.Response, verdict: Verdict) -> None:
    line = Line(answer)

    assert line.carrier.send(MESSAGE).verdict is verdict

    assert len(line.requests) == 1


def test_the_wait_is_read_from_the_headers_in_any_case() -> None:
    line = Line(httpx.Response(429, headers={"Retry-After": "9"}, json={"errors": [{"code": "10011"}]}))

    assert line.carrier.send(MESSAGE).wait_ms == 9_000


# ------------------------------------------------------------------------------------------------ the key


def test_a_refused_key_is_read_anew_once_and_the_same_request_goes_out_under_the_new_one() -> None:
    keys = Keys("KEY_old", "KEY_new")
    line = Line(refused(401, "10009"), httpx.Response(200, json=YES), keys=keys)

    answer = line.carrier.send(MESSAGE)

    first, second = line.requests
    assert first.headers["authorization"] == "Bearer KEY_old"
    assert second.headers["authorization"] == "Bearer KEY_new"
    assert first.content == second.content
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert keys.reads.count(True) == 1
    assert answer.verdict is Verdict.ACCEPTED


def test_a_key_that_is_refused_and_has_not_changed_is_tried_once() -> None:
    line = Line(refused(401, "10009"), keys=Keys("KEY_one"))

    assert line.carrier.send(MESSAGE).verdict is Verdict.CONFIGURATION

    assert len(line.requests) == 1


def test_a_new_key_that_is_refused_too_is_not_read_a_third_time() -> None:
    keys = Keys("KEY_old", "KEY_new", "KEY_newer")
    line = Line(refused(401, "10009"), refused(401, "10009"), keys=keys)

    assert line.carrier.send(MESSAGE).verdict is Verdict.CONFIGURATION

    assert len(line.requests) == 2
    assert keys.reads.count(True) == 1


def test_a_store_that_cannot_give_a_new_key_leaves_it_at_the_refusal() -> None:
    def keys(fresh: bool) -> str:
        if fresh:
            raise Unavailable("The secret store")
        return "KEY_one"

    line = Line(refused(401, "10009"), keys=keys)

    assert line.carrier.send(MESSAGE).http_status == 401

    assert len(line.requests) == 1


def test_without_a_key_nothing_is_prepared() -> None:
    def keys(fresh: bool) -> str:
        raise Unavailable("The secret store")

    line = Line(keys=keys)

    with pytest.raises(Unavailable):
        line.carrier.prepare()
    assert line.requests == []


# ------------------------------------------------------------------------------------------- the records


def test_a_known_message_is_read_back_by_the_carriers_id() -> None:
    line = Line(httpx.Response(200, json={"data": {"id": TELNYX_ID, "to": [{"status": "delivered"}]}}))

    found = line.carrier.record_of(make_message(telnyx_id=TELNYX_ID))

    (request,) = line.requests
    assert (request.method, str(request.url)) == ("GET", f"https://carrier.invalid/v2/messages/{TELNYX_ID}")
    assert request.headers["authorization"] == "Bearer KEY_one"
    assert found == Record(TELNYX_ID, "delivered")


def test_an_unknown_one_is_looked_for_among_the_recipients_detail_records() -> None:
    row = {"uuid": TELNYX_ID, "delivery_status_webhook_url": MESSAGE.webhook_url, "status": "sent"}
    line = Line(httpx.Response(200, json={"data": [row]}))

    found = line.carrier.record_of(MESSAGE)

    (request,) = line.requests
    assert request.url.path == "/v2/detail_records"
    assert request.url.params["filter[record_type]"] == "messaging"
    assert request.url.params["filter[cld]"] == THEIRS
    assert found == Record(TELNYX_ID, "sent")


@pytest.mark.parametrize("answer", [httpx.Response(404), httpx.Response(500), httpx.ReadTimeout("slow")], ids=repr)
@pytest.mark.parametrize("telnyx_id", [TELNYX_ID, None])
def test_no_record_is_no_evidence(answer: httpx.Response | Exception, telnyx_id: str | None) -> None:
    line = Line(answer)

    assert line.carrier.record_of(make_message(telnyx_id=telnyx_id)) is None
    assert len(line.requests) == 1


@pytest.mark.parametrize("telnyx_id", [TELNYX_ID, None], ids=["known-by-its-id", "known-by-its-number"])
def test_a_key_that_was_changed_is_read_anew_for_the_records_too(telnyx_id: str | None) -> None:
    keys = Keys("KEY_old", "KEY_new")
    message = make_message(telnyx_id=telnyx_id)
    row = {"uuid": TELNYX_ID, "status": "delivered", "delivery_status_webhook_url": message.webhook_url}
    known = {"id": TELNYX_ID, "to": [{"status": "delivered"}]}
    line = Line(
        refused(401, "10009"), httpx.Response(200, json={"data": known if telnyx_id else [row]}), keys=keys
    )

    found = line.carrier.record_of(message)

    assert found is not None
    assert (found.telnyx_id, found.status) == (TELNYX_ID, "delivered")
    first, second = line.requests
    assert (first.url, second.headers["authorization"]) == (second.url, "Bearer KEY_new")


def test_a_key_that_is_refused_and_has_not_changed_leaves_the_records_unread() -> None:
    line = Line(refused(401, "10009"), keys=Keys("KEY_one"))

    assert line.carrier.record_of(make_message(telnyx_id=TELNYX_ID)) is None
    assert len(line.requests) == 1


def test_a_store_that_cannot_give_a_new_key_leaves_the_records_unread() -> None:
    def keys(fresh: bool) -> str:
        if fresh:
            raise Unavailable("The secret store")
        return "KEY_one"

    line = Line(refused(401, "10009"), keys=keys)

    assert line.carrier.record_of(make_message(telnyx_id=TELNYX_ID)) is None
