"""The client of Telnyx reads its records."""

import itertools

import httpx
import pytest

from longcode.domain.errors import Unavailable
from longcode.domain.outcomes import Record
from longcode.domain.status import Status
from longcode.telnyx.client import MOST_PAGES, SEND_S
from tests.chance import showing
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import TELNYX_ID, THEIRS, make_message
from tests.unit.telnyx_wire import MESSAGE, Keys, Wire, refused


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
        with showing(answers):
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
        with showing((answers, telnyx_id)):
            wire = Wire(*answers)

            with pytest.raises(Unavailable, match="The provider's records"):
                wire.provider.record_of(make_message(telnyx_id=telnyx_id))

            assert len(wire.requests) == 1


def test_one_page_that_could_not_be_read_is_no_end() -> None:
    for answers in CANNOT_TELL:
        with showing(answers):
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
