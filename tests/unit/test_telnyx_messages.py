"""Our request to the carrier, byte for byte; and its webhooks and records in our words."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode import telnyx
from longcode.message import Entry, Fault, Status, epoch_ms
from longcode.ports import Record, Verdict
from tests.chance import told
from tests.fakes.clock import START_MS
from tests.fakes.examples import OURS, TELNYX_ID, THEIRS, make_message

NOW = START_MS
OCCURRED = "2023-11-14T22:13:14.148+00:00"
OCCURRED_MS = NOW - 5_852
OUR_ID = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"

# As in the carrier's documentation, with our numbers and address.
FINALIZED: dict[str, Any] = {
    "data": {
        "event_type": "message.finalized",
        "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be",
        "occurred_at": OCCURRED,
        "payload": {
            "completed_at": OCCURRED,
            "cost": {"amount": "0.0051", "currency": "USD"},
            "direction": "outbound",
            "encoding": "GSM-7",
            "errors": [],
            "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": OURS},
            "id": TELNYX_ID,
            "media": [],
            "messaging_profile_id": "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
            "organization_id": "9d76d591-1b7d-405d-8c64-1320ee070245",
            "parts": 1,
            "received_at": "2023-11-14T22:13:13.552+00:00",
            "record_type": "message",
            "sent_at": "2023-11-14T22:13:13.596+00:00",
            "tags": [],
            "text": "Hello there!",
            "to": [
                {
                    "carrier": "T-MOBILE USA, INC.",
                    "line_type": "Wireless",
                    "phone_number": THEIRS,
                    "status": "delivered",
                }
            ],
            "type": "SMS",
            "valid_until": None,
            "webhook_url": f"https://example.com/webhooks/message/{OUR_ID}",
        },
        "record_type": "event",
    },
    "meta": {"attempt": 1, "delivered_to": f"https://example.com/webhooks/message/{OUR_ID}"},
}


# Any: JSON.
def webhook(event_type: str = "message.finalized", data: Any = None, **payload: Any) -> bytes:
    """The sample with changes in its payload and in its data."""
    event = json.loads(json.dumps(FINALIZED))
    event["data"]["event_type"] = event_type
    event["data"]["payload"] |= payload
    event["data"] |= data or {}
    return json.dumps(event).encode()


def read(body: bytes) -> telnyx.Event:
    event = telnyx.event(body, NOW)
    assert event
    return event


# ------------------------------------------------------------------------------------------ the request


def test_a_request_is_these_very_bytes() -> None:
    message = make_message(id=OUR_ID, text='Grüße, 👋 "quoted" \\ and\nmore')

    assert telnyx.request_body(message) == (
        b'{"from":"+12025550100","text":"Gr\xc3\xbc\xc3\x9fe, \xf0\x9f\x91\x8b \\"quoted\\" \\\\ and\\nmore",'
        b'"to":"+12025550123","webhook_url":"https://example.com/webhooks/message/'
        b'5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"}'
    )


def test_without_a_public_address_the_profiles_own_webhooks_are_used() -> None:
    assert b"webhook_url" not in telnyx.request_body(make_message(webhook_url=""))


@given(st.text(min_size=1, max_size=200))
def test_a_request_is_the_same_bytes_whatever_happened_to_the_message_since(text: str) -> None:
    message = make_message(id=OUR_ID, text=text)
    later = make_message(
        id=OUR_ID,
        text=text,
        attempts=3,
        claim_id="c",
        telnyx_id=TELNYX_ID,
        metadata={"x": "y"},
        updated_ms=NOW + 9,
    )

    assert telnyx.request_body(message) == telnyx.request_body(later)
    assert json.loads(telnyx.request_body(message))["text"] == text


# ----------------------------------------------------------------------------------------- the receipts


def test_a_final_receipt_says_what_became_of_which_message() -> None:
    event = read(webhook())

    assert (event.id, event.type) == ("4ee8c3a6-4995-4309-a3c6-38e3db9ea4be", "message.finalized")
    assert event.message_id == OUR_ID
    assert event.inbound is None
    receipt = event.receipt
    assert receipt
    assert (receipt.event_id, receipt.telnyx_id) == (event.id, TELNYX_ID)
    assert (receipt.status, receipt.word, receipt.occurred_ms) == (Status.DELIVERED, "delivered", OCCURRED_MS)
    assert (receipt.parts, receipt.cost, receipt.currency) == (1, "0.0051", "USD")
    assert receipt.completed_ms == OCCURRED_MS
    assert receipt.faults == ()


def test_the_first_recipients_word_is_the_status() -> None:
    cases: list[tuple[str, Status | None]] = [
        ("delivered", Status.DELIVERED),
        ("sending_failed", Status.SENDING_FAILED),
        ("delivery_failed", Status.DELIVERY_FAILED),
        ("delivery_unconfirmed", Status.DELIVERY_UNCONFIRMED),
        ("expired", Status.EXPIRED),
        ("sent", Status.SENT),
        ("queued", None),
        ("sending", None),
        ("webhook_delivered", None),
        ("brand_new", None),
        ("", None),
    ]
    for word, status in cases:
        with told((word, status)):
            receipt = read(webhook(to=[{"phone_number": THEIRS, "status": word}, {"status": "expired"}])).receipt

            assert receipt
            assert receipt.status is status
            assert receipt.word == (word or "finalized")


@pytest.mark.parametrize("word", ["delivered", "delivery_failed", "delivery_unconfirmed", "expired"])
def test_only_a_finalized_event_is_final(word: str) -> None:
    receipt = read(webhook("message.sent", to=[{"status": word}])).receipt

    assert receipt
    assert receipt.status is None


def test_a_sent_receipt_says_sent() -> None:
    receipt = read(webhook("message.sent", to=[{"status": "sent"}], completed_at=None, cost=None)).receipt

    assert receipt
    assert (receipt.status, receipt.completed_ms, receipt.cost, receipt.currency) == (
        Status.SENT,
        None,
        None,
        None,
    )


def test_the_carriers_reasons_are_kept_in_its_words() -> None:
    errors = [{"code": "40002", "title": "Blocked as spam", "detail": "Temporary."}, {"code": 40008}, "odd"]

    receipt = read(webhook(errors=errors, to=[{"status": "delivery_failed"}])).receipt

    assert receipt
    assert receipt.faults == (Fault("40002", "Blocked as spam", "Temporary."), Fault("40008", ""))


def test_the_words_of_a_receipt_are_kept_as_plain_text() -> None:
    odd = "a\ud800b\x1b[2J\nc"
    plain = "a\N{REPLACEMENT CHARACTER}b [2J c"

    errors = [{"code": odd, "title": odd, "detail": odd}]
    changes: dict[str, Any] = {"cost": {"amount": odd, "currency": odd}, "webhook_url": f"https://x/{odd}"}
    event = read(webhook(data={"id": odd}, id=odd, errors=errors, to=[{"status": odd}], **changes))

    receipt = event.receipt
    assert receipt
    assert (event.id, event.message_id, receipt.telnyx_id, receipt.word) == (plain,) * 4
    assert receipt.faults == (Fault(plain, plain, plain),)
    assert (receipt.cost, receipt.currency) == (None, plain)


def test_a_number_of_parts_that_no_text_has_is_not_taken() -> None:
    cases: list[object] = [True, 0, -2, 10**40, "2"]
    for parts in cases:
        with told(parts):
            receipt = read(webhook(parts=parts)).receipt
            message = read(webhook("message.received", parts=parts)).inbound

            assert receipt
            assert receipt.parts is None
            assert message
            assert message.segments == 1


def test_a_cost_may_be_text_or_number_or_missing() -> None:
    cases: list[tuple[object, str | None, str | None]] = [
        ({"amount": "0.0051", "currency": "USD"}, "0.0051", "USD"),
        ({"amount": 0.0051, "currency": "USD"}, "0.0051", "USD"),
        ({"amount": 0, "currency": "USD"}, "0", "USD"),
        ({"amount": "free", "currency": "USD"}, None, "USD"),
        ({"amount": None, "currency": None}, None, None),
        ({"amount": "NaN"}, None, None),
        ({"amount": "9" * 41}, None, None),
        ({"amount": True}, None, None),
        ({"amount": "Infinity"}, None, None),
        ({}, None, None),
        (None, None, None),
        ("0.0051", None, None),
    ]
    for cost, amount, currency in cases:
        with told((cost, amount, currency)):
            receipt = read(webhook(cost=cost)).receipt

            assert receipt
            assert (receipt.cost, receipt.currency) == (amount, currency)
            assert receipt.cost is None or Decimal(receipt.cost) >= 0


def test_our_id_is_the_last_part_of_the_signed_address() -> None:
    cases: list[tuple[object, str | None]] = [
        (f"https://example.com/webhooks/message/{OUR_ID}", OUR_ID),
        (f"https://example.com/webhooks/message/{OUR_ID}/", OUR_ID),
        ("https://example.com/webhooks/message", "message"),
        ("", None),
        (None, None),
        (7, None),
    ]
    for url, ident in cases:
        with told((url, ident)):
            assert read(webhook(webhook_url=url)).message_id == ident


@pytest.mark.parametrize("occurred", [None, "", "yesterday", 7])
def test_an_event_without_a_time_happened_now(occurred: object) -> None:
    receipt = read(webhook(data={"occurred_at": occurred})).receipt

    assert receipt
    assert receipt.occurred_ms == NOW


def test_other_events_are_events_and_no_receipts() -> None:
    cases: list[str] = [
        "message.read",
        "messaging-profile.spend-limit-reached",
        "message.delivered",
        "fax.sent",
        "",
    ]
    for kind in cases:
        with told(kind):
            event = read(webhook(kind))

            assert event.type == kind
            assert event.receipt is None
            assert event.inbound is None


def test_an_event_that_names_no_message_is_none_about_one() -> None:
    cases: list[object] = [None, "x", [], {}, {"id": None}, {"id": ""}, {"id": 7}]
    for payload in cases:
        with told(payload):
            event = read(webhook(data={"payload": payload}))

            assert event.receipt is None
            assert event.inbound is None


NO_EVENTS = [
    b"",
    b"not json",
    b"\xff\xfe{}",
    b"[]",
    b"null",
    b"7",
    b'"text"',
    b"{}",
    b'{"data":null}',
    b'{"data":[]}',
    b'{"data":{}}',
    b'{"data":{"id":"e"}}',
    b'{"data":{"id":7,"event_type":"message.sent"}}',
    b'{"data":{"id":"","event_type":"message.sent"}}',
    b'{"data":{"id":"e","event_type":null}}',
    b'{"data":' * 50_000,
    b"[" * 100_000,
]


def test_a_body_that_is_no_event_is_none() -> None:
    assert [body[:24] for body in NO_EVENTS if telnyx.event(body, NOW) is not None] == []


ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["id", "status", "phone_number", "amount", "code"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ["to", "from", "errors", "cost", "parts", "media", "text", "completed_at", "webhook_url"]


@given(
    ANYTHING, st.sampled_from(FIELDS), st.sampled_from(["message.received", "message.finalized", "message.sent"])
)
def test_a_payload_of_any_shape_is_read_without_a_crash(value: object, field: str, kind: str) -> None:
    assert read(webhook(kind, **{field: value})).type == kind


# ------------------------------------------------------------------------------------------ inbound texts


def inbound(**payload: Any) -> bytes:
    fields = {
        "direction": "inbound",
        "from": {"phone_number": THEIRS, "carrier": "Example", "line_type": "Wireless"},
        "to": [{"phone_number": OURS, "status": "webhook_delivered"}],
        "text": "Where is it?",
        "autoresponse_type": None,
        "is_spam": False,
        "parts": 2,
        "webhook_url": None,
    } | payload
    return webhook("message.received", **fields)


def test_an_inbound_text_is_a_message_from_them_to_us() -> None:
    message = read(inbound()).inbound

    assert message
    assert (message.id, message.telnyx_id) == (TELNYX_ID, TELNYX_ID)
    assert (message.direction, message.status, message.route) == ("inbound", Status.RECEIVED, "webhook")
    assert (message.sender, message.recipient, message.text) == (THEIRS, OURS, "Where is it?")
    assert (message.segments, message.accepted_ms, message.peer) == (2, NOW, THEIRS)
    assert message.history == (Entry(OCCURRED_MS, "received", "webhook", "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be"),)


@pytest.mark.parametrize("said", ["STOP", "START", "HELP", None])
def test_what_the_carrier_answered_the_texter_is_kept(said: str | None) -> None:
    message = read(inbound(autoresponse_type=said, is_spam=True)).inbound

    assert message
    assert message.autoresponse == said
    assert message.is_spam


def test_a_text_of_a_person_keeps_its_lines_and_nothing_that_moves_a_cursor() -> None:
    message = read(
        inbound(text="one\r\n\ttwo \x1b[2J\x00\ud800 \u202b\N{WAVING HAND SIGN}", autoresponse_type="ST\x1bOP")
    ).inbound

    assert message
    assert message.text == "one\r\n\ttwo  [2J \N{REPLACEMENT CHARACTER} \u202b\N{WAVING HAND SIGN}"
    assert message.autoresponse == "ST OP"


def test_media_are_kept_by_address_and_kind() -> None:
    media = [
        {"url": "https://example.com/1.png", "content_type": "image/png", "size": 12, "sha256": "ab", "extra": 1},
        {"url": "https://example.com/2.png", "content_type": None},
        "odd",
    ]

    message = read(inbound(media=media)).inbound

    assert message
    assert message.media == (
        {"url": "https://example.com/1.png", "content_type": "image/png", "size": "12", "sha256": "ab"},
        {"url": "https://example.com/2.png"},
    )


def test_an_odd_inbound_text_is_still_one() -> None:
    cases: list[dict[str, object]] = [
        {"from": None},
        {"from": {}},
        {"to": []},
        {"to": None},
        {"text": None},
        {"media": None},
        {"parts": "two"},
    ]
    for odd in cases:
        with told(odd):
            message = read(inbound(**odd)).inbound

            assert message
            assert message.id == TELNYX_ID


# -------------------------------------------------------------------------------------- the records


def test_a_record_read_back_is_the_message_as_the_carrier_has_it() -> None:
    content = json.dumps(
        {
            "data": {
                "id": TELNYX_ID,
                "to": [{"status": "delivery_failed"}],
                "errors": [{"code": "40008", "title": "U"}],
                "parts": 2,
                "cost": {"amount": "0.0051", "currency": "USD"},
                "completed_at": "2026-11-23T15:48:14.000+00:00",
            }
        }
    ).encode()

    found = telnyx.record(content)

    completed_ms = epoch_ms("2026-11-23T15:48:14Z")
    assert found == Record(TELNYX_ID, "delivery_failed", (Fault("40008", "U"),), 2, "0.0051", "USD", completed_ms)
    receipt = telnyx.receipt_of_record(found, NOW)
    assert (receipt.parts, receipt.cost, receipt.currency) == (2, "0.0051", "USD")
    assert (receipt.completed_ms, receipt.source) == (completed_ms, "sweeper")


def test_an_unreadable_record_is_none() -> None:
    cases: list[bytes] = [
        b"",
        b"[]",
        b"{}",
        b'{"data":[]}',
        b'{"data":{"id":7}}',
        b'{"data":{"id":""}}',
        b"<html>",
        b"\xff",
    ]
    for content in cases:
        with told(content):
            assert telnyx.record(content) is None


def test_an_unreadable_page_of_detail_records_is_none() -> None:
    cases: list[bytes] = [
        b"",
        b"[]",
        b"{}",
        b'{"data":{}}',
        b'{"data":null}',
        b"<html>",
        b"\xff",
        b'{"data":[{"uuid":"t-1"',
    ]
    for content in cases:
        with told(content):
            assert telnyx.detail_records(content, 1, MINE) is None


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

    assert telnyx.detail_records(content, 1, MINE) == telnyx.DetailRecords(Record("t-2", "delivered"), last=True)
    other = telnyx.detail_records(content, 1, "https://example.com/webhooks/message/c")
    assert other == telnyx.DetailRecords(None, last=True)


def test_a_text_without_an_address_of_ours_is_none_of_those_without_one() -> None:
    content = page({"uuid": "t-1", "delivery_status_webhook_url": "", "status": "sent"})

    assert telnyx.detail_records(content, 1, "") == telnyx.DetailRecords(None, last=True)


def test_the_last_page_is_where_the_answer_says_or_else_a_short_one() -> None:
    cases: list[tuple[int, int, dict[str, object], bool]] = [
        (1, 3, {}, True),
        (1, 50, {}, False),
        (2, 0, {}, True),
        (1, 50, {"total_pages": 2}, False),
        (2, 50, {"total_pages": 2}, True),
        (1, 0, {"total_pages": 0, "total_results": 0}, True),
        (1, 50, {"total_results": 51}, False),
        (1, 50, {"total_results": 50}, True),
        # The carrier may give less in a page than it was asked for.
        (1, 20, {"page_size": 20}, False),
        (1, 20, {"page_size": 20, "total_results": 30}, False),
        (2, 10, {"page_size": 20, "total_results": 30}, True),
        (1, 50, {"total_pages": True, "total_results": "9"}, False),
    ]
    for number, rows, meta, last in cases:
        with told((number, rows, meta, last)):
            found = telnyx.detail_records(page(*({"uuid": str(row)} for row in range(rows)), **meta), number, MINE)

            assert found == telnyx.DetailRecords(None, last=last)


@pytest.mark.parametrize("meta", [{"total_pages": 3}, {"total_results": 120}], ids=repr)
def test_a_page_that_is_empty_before_the_end_is_no_end(meta: dict[str, object]) -> None:
    assert telnyx.detail_records(page(**meta), 2, MINE) is None


def test_a_message_on_record_was_accepted() -> None:
    answer = telnyx.accepted_by_record(Record(TELNYX_ID, "delivered"))

    assert (answer.verdict, answer.telnyx_id, answer.status) == (Verdict.ACCEPTED, TELNYX_ID, Status.DELIVERED)


def test_a_record_is_one_receipt_for_each_status_and_none_while_nothing_happened() -> None:
    moving = telnyx.receipt_of_record(Record(TELNYX_ID, "queued"), NOW)
    done = telnyx.receipt_of_record(Record(TELNYX_ID, "delivered"), NOW)

    assert moving.status is None
    assert done.status is Status.DELIVERED
    assert done.event_id == telnyx.receipt_of_record(Record(TELNYX_ID, "delivered"), NOW + 9).event_id
    assert done.event_id != moving.event_id
