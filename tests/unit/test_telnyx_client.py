"""The way to the provider: message -> the exact request -> what came back -> what it means."""

import itertools
from collections.abc import Callable

import httpx
import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.outcomes import Record, Verdict
from longcode.domain.status import Status
from longcode.telnyx import protocol
from longcode.telnyx.client import MOST_PAGES, SEND_S, TIMEOUT, Telnyx
from longcode.use_cases.consume import SEND_BUDGET_MS
from tests.chance import told
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import TELNYX_ID, THEIRS, make_message

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


class Wire:
    """A provider over a transport that a test scripts."""

    def __init__(
        self,
        *answers: httpx.Response | Exception,
        keys: Callable[[bool], str] | None = None,
        url: str = "https://provider.invalid/v2",
        takes_s: float = 0.0,
    ) -> None:
        self.requests: list[httpx.Request] = []
        self.now_s = 1_000.0
        self._answers = list(answers)
        self._takes_s = takes_s
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.provider = Telnyx(
            client,
            url,
            keys or Keys("KEY_one"),
            wall_s=lambda: START_MS / 1000,
            monotonic_s=lambda: self.now_s,
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.now_s += self._takes_s
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refused(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"errors": [{"code": code, "title": "T", "detail": "D"}]})


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
        with told(error):
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
        with told((answer, verdict)):
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


# ------------------------------------------------------------------------------------------- the records


def test_a_known_message_is_read_back_by_the_providers_id() -> None:
    wire = Wire(httpx.Response(200, json={"data": {"id": TELNYX_ID, "to": [{"status": "delivered"}]}}))

    found = wire.provider.record_of(make_message(telnyx_id=TELNYX_ID))

    (request,) = wire.requests
    assert (request.method, str(request.url)) == ("GET", f"https://provider.invalid/v2/messages/{TELNYX_ID}")
    assert request.headers["authorization"] == "Bearer KEY_one"
    assert found == Record(TELNYX_ID, "delivered", Status.DELIVERED)


def test_an_unknown_one_is_looked_for_among_the_recipients_detail_records() -> None:
    row = {"uuid": TELNYX_ID, "delivery_status_webhook_url": MESSAGE.webhook_url, "status": "sent"}
    wire = Wire(httpx.Response(200, json={"data": [row]}))

    found = wire.provider.record_of(MESSAGE)

    (request,) = wire.requests
    assert request.url.path == "/v2/detail_records"
    assert request.url.params["filter[record_type]"] == "messaging"
    assert request.url.params["filter[cld]"] == THEIRS
    assert found == Record(TELNYX_ID, "sent", Status.SENT)


def detail(number: int, webhook_url: str = "https://example.com/webhooks/message/other") -> dict[str, str]:
    return {"uuid": f"t-{number}", "delivery_status_webhook_url": webhook_url, "status": "delivered"}


OURS_TOO = detail(7, MESSAGE.webhook_url)


def records(count: int, *more: dict[str, str], **meta: int) -> httpx.Response:
    rows = [*(detail(number) for number in range(count)), *more]
    return httpx.Response(200, json={"data": rows} | ({"meta": meta} if meta else {}))


UNKNOWN_ID = httpx.Response(404, json={"errors": [{"code": "10005", "title": "Resource not found"}]})

# (what the provider answers to the requests for the records, one after the other)
NOTHING_THERE: list[list[httpx.Response | Exception]] = [
    [records(0)],  # no records
    [records(3)],  # others only
    [records(50), records(0)],  # a full page and an empty one
    [records(50), records(50), records(1)],  # three pages
    [records(50, total_pages=2), records(2, total_pages=2)],  # as the pages say
    [records(20, page_size=20), records(3, page_size=20)],  # less in a page than asked
]
CANNOT_TELL: list[list[httpx.Response | Exception]] = [
    [httpx.Response(500)],
    [httpx.Response(200, content=b"<html>")],
    [httpx.Response(200, content=b'{"data":{}}')],
    [httpx.Response(302)],
    [httpx.Response(403, content=b"<html>")],
    [httpx.Response(404)],
    [httpx.Response(404, content=b"<html>")],
    [refused(429, "10011")],
    [refused(403, "10010")],
    [refused(401, "10009")],
    [httpx.ReadTimeout("slow")],
    [httpx.ConnectError("no route")],
    [httpx.DecodingError("odd")],
    [httpx.InvalidURL("odd")],
]


def test_records_that_were_read_to_their_end_and_have_nothing_say_so() -> None:
    for answers in NOTHING_THERE:
        with told(answers):
            wire = Wire(*answers)

            assert wire.provider.record_of(MESSAGE) is None

            assert [request.url.params["page[number]"] for request in wire.requests] == [
                str(number) for number in range(1, len(answers) + 1)
            ]
            assert len({str(request.url.copy_remove_param("page[number]")) for request in wire.requests}) == 1


def test_an_id_that_the_provider_says_it_does_not_have_is_nothing() -> None:
    assert Wire(UNKNOWN_ID).provider.record_of(make_message(telnyx_id=TELNYX_ID)) is None


def test_records_that_could_not_be_read_are_no_evidence() -> None:
    others: list[str | None] = [TELNYX_ID, None]
    for answers, telnyx_id in itertools.product(CANNOT_TELL, others):
        with told((answers, telnyx_id)):
            wire = Wire(*answers)

            with pytest.raises(Unavailable, match="The provider's records"):
                wire.provider.record_of(make_message(telnyx_id=telnyx_id))

            assert len(wire.requests) == 1


def test_one_page_that_could_not_be_read_is_no_end() -> None:
    for answers in CANNOT_TELL:
        with told(answers):
            wire = Wire(records(50), *answers)

            with pytest.raises(Unavailable):
                wire.provider.record_of(MESSAGE)

            assert len(wire.requests) == 2


def test_detail_records_that_are_not_there_at_all_are_no_evidence() -> None:
    with pytest.raises(Unavailable):
        Wire(UNKNOWN_ID).provider.record_of(MESSAGE)


def test_a_record_is_found_on_whatever_page_it_is() -> None:
    wire = Wire(records(50), records(50), records(3, OURS_TOO))

    found = wire.provider.record_of(MESSAGE)

    assert found == Record("t-7", "delivered", Status.DELIVERED)
    assert len(wire.requests) == 3


def test_more_records_than_are_worth_reading_are_no_evidence() -> None:
    wire = Wire(*(records(50) for _ in range(MOST_PAGES + 1)))

    with pytest.raises(Unavailable):
        wire.provider.record_of(MESSAGE)

    assert len(wire.requests) == MOST_PAGES


def test_records_that_come_too_slowly_to_be_read_to_their_end_are_no_evidence() -> None:
    wire = Wire(*(records(50) for _ in range(MOST_PAGES)), takes_s=SEND_S / 2)

    with pytest.raises(Unavailable):
        wire.provider.record_of(MESSAGE)

    assert len(wire.requests) == 2


def test_only_records_of_about_that_time_and_later_are_asked_for() -> None:
    wire = Wire(records(0))

    wire.provider.record_of(MESSAGE)

    params = wire.requests[0].url.params
    assert params["filter[created_at][gte]"] == "2023-11-12"
    assert (params["sort"], params["page[size]"]) == ("-created_at", "50")
    assert MESSAGE.accepted_ms == START_MS


def test_an_odd_id_of_the_providers_asks_for_nothing_else() -> None:
    wire = Wire(UNKNOWN_ID)

    wire.provider.record_of(make_message(telnyx_id="../balance?x=1#"))

    assert wire.requests[0].url.raw_path == b"/v2/messages/..%2Fbalance%3Fx%3D1%23"


@pytest.mark.parametrize("telnyx_id", [TELNYX_ID, None], ids=["known-by-its-id", "known-by-its-number"])
def test_a_key_that_was_changed_is_read_anew_for_the_records_too(telnyx_id: str | None) -> None:
    keys = Keys("KEY_old", "KEY_new")
    message = make_message(telnyx_id=telnyx_id)
    row = {"uuid": TELNYX_ID, "status": "delivered", "delivery_status_webhook_url": message.webhook_url}
    known = {"id": TELNYX_ID, "to": [{"status": "delivered"}]}
    wire = Wire(
        refused(401, "10009"), httpx.Response(200, json={"data": known if telnyx_id else [row]}), keys=keys
    )

    found = wire.provider.record_of(message)

    assert found is not None
    assert (found.telnyx_id, found.status) == (TELNYX_ID, "delivered")
    first, second = wire.requests
    assert (first.url, second.headers["authorization"]) == (second.url, "Bearer KEY_new")


def test_a_key_that_is_refused_and_has_not_changed_leaves_the_records_unread() -> None:
    wire = Wire(refused(401, "10009"), keys=Keys("KEY_one"))

    with pytest.raises(Unavailable):
        wire.provider.record_of(make_message(telnyx_id=TELNYX_ID))

    assert len(wire.requests) == 1


def test_a_store_that_cannot_give_a_new_key_leaves_the_records_unread() -> None:
    def keys(fresh: bool) -> str:
        if fresh:
            raise Unavailable("The secret store")
        return "KEY_one"

    wire = Wire(refused(401, "10009"), keys=keys)

    with pytest.raises(Unavailable):
        wire.provider.record_of(make_message(telnyx_id=TELNYX_ID))

    assert len(wire.requests) == 1
