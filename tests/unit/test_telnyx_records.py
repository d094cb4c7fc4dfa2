"""Telnyx's records of a message: by its id, and in the detail records."""

import json

import pytest

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Fault, epoch_ms
from longcode.domain.outcomes import Record, Verdict
from longcode.domain.status import Status
from longcode.telnyx import records
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS
from tests.unit.telnyx_events import NOW


def test_a_record_read_back_is_the_message_as_the_provider_has_it() -> None:
    content = json.dumps(
        {
            "data": {
                "id": TELNYX_ID,
                "to": [{"status": "delivery_failed"}],
                "errors": [{"code": "40008", "title": "U"}],
                "parts": 2,
                "cost": {"amount": "0.0051", "currency": "USD"},
                "completed_at": "2023-11-13T15:48:14.000+00:00",
            }
        }
    ).encode()

    found = records.record(content, NOW)

    completed_ms = epoch_ms("2023-11-13T15:48:14Z")
    assert found == Record(
        TELNYX_ID,
        "delivery_failed",
        Status.DELIVERY_FAILED,
        (Fault("40008", "U"),),
        2,
        "0.0051",
        "USD",
        completed_ms,
    )
    receipt = found.receipt(NOW)
    assert (receipt.parts, receipt.cost, receipt.currency) == (2, "0.0051", "USD")
    assert (receipt.completed_ms, receipt.source) == (completed_ms, "reconciler")


def test_a_record_names_the_carrier_in_the_answer_and_the_receipt_that_it_stands_for() -> None:
    to = [{"phone_number": THEIRS, "status": "sent", "carrier": "SPRINT SPECTRUM, L.P.", "line_type": "Wireless"}]
    content = json.dumps({"data": {"id": TELNYX_ID, "to": to}}).encode()

    found = records.record(content, NOW, THEIRS)
    another = records.record(content, NOW, OURS)

    assert found
    assert found.subscription == Subscription(Carrier.T_MOBILE, "wireless", NOW)
    assert found.answer().subscription == found.receipt(NOW).subscription == found.subscription
    assert another
    assert another.subscription is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"data":[]}', b'{"data":{"id":7}}', b'{"data":{"id":""}}', b"<html>", b"\xff"],
    ids=repr,
)
def test_an_unreadable_record_is_none(content: bytes) -> None:
    assert records.record(content, NOW) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"data":{}}', b'{"data":null}', b"<html>", b"\xff", b'{"data":[{"uuid":"t-1"'],
    ids=repr,
)
def test_an_unreadable_page_of_detail_records_is_none(content: bytes) -> None:
    assert records.detail_records(content, 1, MINE) is None


MINE = "https://example.com/webhooks/message/a"


def page(*rows: object, **meta: object) -> bytes:
    return json.dumps({"data": rows, "meta": meta} if meta else {"data": rows}).encode()


def test_among_the_detail_records_ours_is_the_one_with_our_address() -> None:
    content = page(
        "odd",
        {"uuid": "t-1", "delivery_status_webhook_url": "https://example.com/webhooks/message/b", "status": "sent"},
        {"uuid": "", "delivery_status_webhook_url": MINE},
        {"uuid": "t-2", "delivery_status_webhook_url": MINE, "status": "delivered"},
    )

    assert records.detail_records(content, 1, MINE) == records.DetailRecords(
        Record("t-2", "delivered", Status.DELIVERED), last=True
    )
    other = records.detail_records(content, 1, "https://example.com/webhooks/message/c")
    assert other == records.DetailRecords(None, last=True)


def test_a_text_without_an_address_of_ours_is_none_of_those_without_one() -> None:
    content = page({"uuid": "t-1", "delivery_status_webhook_url": "", "status": "sent"})

    assert records.detail_records(content, 1, "") == records.DetailRecords(None, last=True)


@pytest.mark.parametrize(
    ("number", "rows", "meta", "last"),
    [
        (1, 3, {}, True),
        (1, 50, {}, False),
        (2, 0, {}, True),
        (1, 50, {"total_pages": 2}, False),
        (2, 50, {"total_pages": 2}, True),
        (1, 0, {"total_pages": 0, "total_results": 0}, True),
        (1, 50, {"total_results": 51}, False),
        (1, 50, {"total_results": 50}, True),
        # The provider may give less in a page than it was asked for.
        (1, 20, {"page_size": 20}, False),
        (1, 20, {"page_size": 20, "total_results": 30}, False),
        (2, 10, {"page_size": 20, "total_results": 30}, True),
        (1, 50, {"total_pages": True, "total_results": "9"}, False),
    ],
)
def test_the_last_page_is_where_the_answer_says_or_else_a_short_one(
    number: int, rows: int, meta: dict[str, object], last: bool
) -> None:
    found = records.detail_records(page(*({"uuid": str(row)} for row in range(rows)), **meta), number, MINE)

    assert found == records.DetailRecords(None, last=last)


@pytest.mark.parametrize("meta", [{"total_pages": 3}, {"total_results": 120}], ids=repr)
def test_a_page_that_is_empty_before_the_end_is_no_end(meta: dict[str, object]) -> None:
    assert records.detail_records(page(**meta), 2, MINE) is None


def test_a_message_on_record_was_accepted() -> None:
    answer = Record(TELNYX_ID, "delivered", Status.DELIVERED).answer()

    assert (answer.verdict, answer.telnyx_id, answer.status) == (Verdict.ACCEPTED, TELNYX_ID, Status.DELIVERED)
    assert answer.provider_status == "delivered"


def test_a_record_with_a_word_that_is_unknown_was_accepted_and_is_no_news() -> None:
    content = json.dumps({"data": {"id": TELNYX_ID, "to": [{"status": "something_new"}]}}).encode()

    found = records.record(content, NOW)

    assert found
    assert (found.word, found.status) == ("something_new", None)
    assert (found.answer().status, found.answer().provider_status) == (Status.SUBMITTED, "something_new")
    assert found.receipt(NOW).status is None


def test_a_record_is_one_receipt_for_each_status_and_none_while_nothing_happened() -> None:
    moving = Record(TELNYX_ID, "queued", Status.SUBMITTED).receipt(NOW)
    record = Record(TELNYX_ID, "delivered", Status.DELIVERED)
    done = record.receipt(NOW)

    assert moving.status is None
    assert done.status is Status.DELIVERED
    assert done.event_id == record.receipt(NOW + 9).event_id
    assert done.event_id != moving.event_id
