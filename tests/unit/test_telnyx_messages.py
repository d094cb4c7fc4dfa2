"""Our request to the provider, byte for byte; and its webhooks and records in our words."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain import outcomes
from longcode.domain.message import Entry, Fault, epoch_ms, is_message_id
from longcode.domain.outcomes import Record, Verdict
from longcode.domain.status import Status
from longcode.telnyx import protocol, records, webhooks
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS, make_message

NOW = START_MS
OCCURRED = "2023-11-14T22:13:14.148+00:00"
OCCURRED_MS = NOW - 5_852
OUR_ID = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"

# As in the provider's documentation, with our numbers and address.
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


def read(body: bytes) -> outcomes.WebhookEvent:
    event = webhooks.event(body, NOW)
    assert event
    return event


# ------------------------------------------------------------------------------------------ the request


def test_a_request_is_these_very_bytes() -> None:
    message = make_message(id=OUR_ID, text='Grüße, 👋 "quoted" \\ and\nmore')

    assert protocol.request_body(message) == (
        b'{"from":"+12025550100","text":"Gr\xc3\xbc\xc3\x9fe, \xf0\x9f\x91\x8b \\"quoted\\" \\\\ and\\nmore",'
        b'"to":"+12025550123","webhook_url":"https://example.com/webhooks/message/'
        b'5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"}'
    )


def test_without_a_public_address_the_profiles_own_webhooks_are_used() -> None:
    assert b"webhook_url" not in protocol.request_body(make_message(webhook_url=""))


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

    assert protocol.request_body(message) == protocol.request_body(later)
    assert json.loads(protocol.request_body(message))["text"] == text


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


@pytest.mark.parametrize(
    ("word", "status"),
    [
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
    ],
)
def test_the_first_recipients_word_is_the_status(word: str, status: Status | None) -> None:
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


def test_the_providers_reasons_are_kept_in_its_words() -> None:
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
    assert receipt.word == plain.lower()
    assert receipt.faults == (Fault(plain, plain, plain),)
    assert (receipt.cost, receipt.currency) == (None, None)
    assert event.odd == ("id", "payload.id", "payload.to.status")
    # An id that no key can be is its digest: one and the same wherever it comes from.
    assert re.fullmatch("sha256-[0-9a-f]{32}", event.id)
    assert receipt.telnyx_id == event.id
    again = protocol.classify(200, {}, json.dumps({"data": {"id": odd}}).encode(), NOW / 1000)
    assert again.telnyx_id == event.id


@pytest.mark.parametrize("parts", [True, 0, -2, 10**40, "2"], ids=repr)
def test_a_number_of_parts_that_no_text_has_is_not_taken(parts: object) -> None:
    receipt = read(webhook(parts=parts)).receipt
    message = read(webhook("message.received", parts=parts)).inbound

    assert receipt
    assert receipt.parts is None
    assert message
    assert message.segments == 1


@pytest.mark.parametrize(
    ("cost", "amount", "currency"),
    [
        ({"amount": "0.0051", "currency": "USD"}, "0.0051", "USD"),
        ({"amount": 0.0051, "currency": "USD"}, "0.0051", "USD"),
        ({"amount": 0, "currency": "USD"}, "0", "USD"),
        ({"amount": "free", "currency": "USD"}, None, None),
        ({"amount": "-1", "currency": "USD"}, None, None),
        ({"amount": 10**40, "currency": "USD"}, None, None),
        ({"amount": "1e9", "currency": "USD"}, None, None),
        ({"amount": "1E+999999999", "currency": "USD"}, None, None),
        ({"amount": 0.00005, "currency": "usd"}, "0.00005", "USD"),
        ({"amount": "1_000", "currency": "USD"}, None, None),
        ({"amount": "0.0051", "currency": "\x1b[2J"}, "0.0051", None),
        ({"amount": None, "currency": None}, None, None),
        ({"amount": "NaN"}, None, None),
        ({"amount": "9" * 41}, None, None),
        ({"amount": True}, None, None),
        ({"amount": "Infinity"}, None, None),
        ({}, None, None),
        (None, None, None),
        ("0.0051", None, None),
    ],
    ids=repr,
)
def test_a_cost_may_be_text_or_number_or_missing(cost: object, amount: str | None, currency: str | None) -> None:
    receipt = read(webhook(cost=cost)).receipt

    assert receipt
    assert (receipt.cost, receipt.currency) == (amount, currency)
    assert receipt.cost is None or Decimal(receipt.cost) >= 0


@pytest.mark.parametrize(
    ("url", "ident"),
    [
        (f"https://example.com/webhooks/message/{OUR_ID}", OUR_ID),
        (f"https://example.com/webhooks/message/{OUR_ID}/", OUR_ID),
        ("https://example.com/webhooks/message", "message"),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_our_id_is_the_last_part_of_the_signed_address(url: object, ident: str | None) -> None:
    assert read(webhook(webhook_url=url)).message_id == ident


@pytest.mark.parametrize("occurred", [None, "", "yesterday", 7])
def test_an_event_without_a_time_happened_now(occurred: object) -> None:
    receipt = read(webhook(data={"occurred_at": occurred})).receipt

    assert receipt
    assert receipt.occurred_ms == NOW


@pytest.mark.parametrize(
    "kind", ["message.read", "messaging-profile.spend-limit-reached", "message.delivered", "fax.sent", ""]
)
def test_other_events_are_events_and_no_receipts(kind: str) -> None:
    event = read(webhook(kind))

    assert event.type == kind
    assert event.receipt is None
    assert event.inbound is None


@pytest.mark.parametrize("kind", ["message.finalized", "message.received"])
@pytest.mark.parametrize("payload", [None, "x", [], {}], ids=repr)
def test_an_event_without_a_payload_is_none_about_a_message_and_odd(payload: object, kind: str) -> None:
    event = read(webhook(kind, data={"payload": payload}))

    assert event.receipt is None
    assert event.inbound is None
    assert event.odd == ("payload",)


@pytest.mark.parametrize("ident", [None, "", "  ", 7, True, ["x"], {}], ids=repr)
def test_a_receipt_that_does_not_name_its_message_is_still_one_by_its_address(ident: object) -> None:
    event = read(webhook(id=ident))

    assert event.receipt
    assert (event.receipt.telnyx_id, event.receipt.status, event.message_id) == ("", Status.DELIVERED, OUR_ID)
    assert event.odd == ("payload.id",)


@pytest.mark.parametrize("ident", [None, "", 7, {}], ids=repr)
def test_an_event_without_an_id_has_the_same_one_each_time_and_each_other_another(ident: object) -> None:
    event = read(webhook(data={"id": ident}))
    later = read(webhook(data={"id": ident}, occurred_at="2023-11-14T22:13:15Z"))

    assert event.odd == ("id",)
    assert re.fullmatch("sha256-[0-9a-f]{32}", event.id)
    assert read(webhook(data={"id": ident})).id == event.id != later.id


def test_ids_words_and_kinds_in_capitals_are_the_same() -> None:
    url = f"https://example.com/webhooks/message/{OUR_ID.upper()}"
    upper = {"id": TELNYX_ID.upper(), "to": [{"phone_number": THEIRS, "status": "DELIVERED"}], "webhook_url": url}
    event = read(webhook("MESSAGE.FINALIZED", data={"id": FINALIZED["data"]["id"].upper()}, **upper))

    assert event == read(webhook())


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("gw_timeout", Status.DELIVERY_UNCONFIRMED),
        ("DLR_TIMEOUT", Status.DELIVERY_UNCONFIRMED),
        ("dlr_unconfirmed", Status.DELIVERY_UNCONFIRMED),
        ("gw_reject", Status.SENDING_FAILED),
        ("failed", Status.DELIVERY_FAILED),
    ],
)
def test_the_words_of_detail_records_are_read_in_a_receipt_too(word: str, status: Status) -> None:
    receipt = read(webhook(to=[{"status": word}])).receipt

    assert receipt
    assert (receipt.status, receipt.word, receipt.note) == (status, word.lower(), None)


@pytest.mark.parametrize("word", ["brand_new", "", None, 7])
def test_a_final_receipt_whose_word_is_unknown_says_so(word: object) -> None:
    event = read(webhook(to=[{"status": word}]))

    assert event.receipt
    assert (event.receipt.status, event.odd) == (None, ("payload.to.status",))
    assert event.receipt.note == "The provider ended it with a status that this service does not know."


@pytest.mark.parametrize(
    "to",
    [
        {"phone_number": THEIRS, "status": "delivery_failed"},
        ["odd", {"phone_number": THEIRS, "status": "delivery_failed"}],
    ],
    ids=repr,
)
def test_an_object_in_the_place_of_a_list_of_recipients_is_read(to: object) -> None:
    receipt = read(webhook(to=to)).receipt

    assert receipt
    assert receipt.status is Status.DELIVERY_FAILED


def test_of_several_recipients_each_has_a_receipt() -> None:
    rows = [{"phone_number": "+12025550177", "status": "delivered"}, {"phone_number": THEIRS, "status": "expired"}]
    event = read(webhook(to=rows))

    assert event.receipt
    assert event.receipt.status is Status.DELIVERED
    assert event.by_recipient[THEIRS].status is Status.EXPIRED


def test_the_errors_of_an_event_take_no_more_room_than_a_history_has_for_them() -> None:
    rows: list[object] = [{"code": "4" * 99, "title": "\N{WAVING HAND SIGN}" * 5_000, "detail": "d" * 5_000}] * 100
    most = 0
    for errors in (rows, [{"title": "x"}] * 10_000, [{}] * 10_000, rows[0]):
        receipt = read(webhook(errors=errors)).receipt
        assert receipt
        size = sum(len(json.dumps([fault.code, fault.title, fault.detail])) for fault in receipt.faults)
        most = max(most, size)

    assert 1_000 < most < 2_600


@pytest.mark.parametrize(
    "occurred",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "20231114T221314Z",
        "1700000000000",
        "2023-11-20T22:13:20Z",
        "2023-09-01T00:00:00Z",
        1700000000000,
    ],
)
def test_what_cant_be_the_time_of_a_receipt_is_none(occurred: object) -> None:
    event = read(webhook(data={"occurred_at": occurred}, completed_at=occurred))

    assert event.receipt
    assert (event.receipt.occurred_ms, event.receipt.completed_ms) == (NOW, None)
    assert event.odd == ("occurred_at",)


@pytest.mark.parametrize("occurred", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1700000000"])
def test_what_cant_be_the_time_of_an_inbound_text_is_none(occurred: str) -> None:
    event = read(webhook("message.received", data={"occurred_at": occurred}))

    assert event.inbound
    assert event.inbound.history[0].at_ms == NOW
    assert event.odd == ("occurred_at",)


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
    b'{"data":{"id":"e","event_type":null}}',
    b'{"data":' * 50_000,
    b"[" * 100_000,
]


def test_a_body_that_is_no_event_is_none() -> None:
    assert [body[:24] for body in NO_EVENTS if webhooks.event(body, NOW) is not None] == []


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
        "from": {"phone_number": THEIRS, "provider": "Example", "line_type": "Wireless"},
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
def test_what_the_provider_answered_the_texter_is_kept(said: str | None) -> None:
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


@pytest.mark.parametrize(
    "odd",
    [{"from": None}, {"from": {}}, {"to": []}, {"to": None}, {"text": 7}],
    ids=repr,
)
def test_an_odd_inbound_text_is_still_one(odd: dict[str, object]) -> None:
    event = read(inbound(**odd))

    assert event.inbound
    assert event.inbound.id == TELNYX_ID
    assert event.odd == tuple(f"payload.{name}" for name in odd)


@pytest.mark.parametrize("fields", [{}, {"text": None}, {"media": None}, {"parts": "two"}], ids=repr)
def test_an_inbound_text_that_lacks_what_it_may_lack_is_not_odd(fields: dict[str, object]) -> None:
    event = read(inbound(**fields))

    assert event.inbound
    assert event.odd == ()


@pytest.mark.parametrize(
    ("sender", "kept", "odd"),
    [
        ({"phone_number": "12345"}, "12345", False),
        ({"phone_number": "Example Co"}, "Example Co", False),
        (THEIRS, THEIRS, False),
        ([{"phone_number": THEIRS}], THEIRS, False),
        ({"phone_number": "12025550123"}, "12025550123", True),
        ({"phone_number": 12025550123}, "12025550123", True),
        ({"phone_number": "\x1b[2J\ud800[bold]"}, "[2J\N{REPLACEMENT CHARACTER}[bold]", True),
        ({"phone_number": "9" * 5_000}, "9" * 64, True),
        ({"phone_number": "optouts" * 2}, "optouts" * 2, True),
        (7.5, "", True),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_odd_sender_is_kept_as_it_can_be_and_reported(sender: object, kept: str, odd: bool) -> None:
    event = read(inbound(**{"from": sender}))

    assert event.inbound
    assert event.inbound.sender == kept
    assert ("payload.from" in event.odd) is odd


@pytest.mark.parametrize(
    "ident", [None, "", 7, "not a uuid", "\x1b[2J", "x" * 5_000], ids=lambda value: repr(value)[:20]
)
def test_an_inbound_text_without_an_id_of_the_providers_form_has_one_of_ours_and_the_same_each_time(
    ident: object,
) -> None:
    first, again = read(inbound(id=ident)).inbound, read(inbound(id=ident)).inbound
    other = webhooks.event(inbound(id=ident).replace(b"4ee8c3a6", b"4ee8c3a7").replace(b"not a", b"nor a"), NOW)

    assert first
    assert again
    assert first.id == again.id
    assert is_message_id(first.id)
    assert other
    assert other.inbound
    assert (other.inbound.id == first.id) is (ident in ("\x1b[2J", "x" * 5_000))


def test_of_several_numbers_that_a_text_came_to_ours_is_its_recipient() -> None:
    body = inbound(to=[{"phone_number": "+12025550177"}, {"phone_number": OURS}])

    event = webhooks.event(body, NOW, OURS)

    assert event
    assert event.inbound
    assert event.inbound.recipient == OURS


def test_a_text_of_any_length_is_kept_as_far_as_a_page_of_them_is_one_answer() -> None:
    for char in ("a", '"', "\N{WAVING HAND SIGN}", "\n"):
        event = read(inbound(text=char * 100_000))

        assert event.inbound
        assert event.inbound.text
        assert 19_000 < len(json.dumps(event.inbound.text)) <= 20_002
        assert event.odd == ("payload.text",)


def test_media_take_no_more_room_than_an_item_has() -> None:
    rows = [{"url": "\N{WAVING HAND SIGN}" * 9_000, "content_type": "\x1b]8;;x\x07", "size": 10**40}] * 1_000

    message = read(inbound(media=rows)).inbound

    assert message
    assert len(message.media) == 10
    assert len(json.dumps(message.media)) < 20_000
    assert message.media[0]["content_type"] == " ]8;;x "
    assert "size" not in message.media[0]


# -------------------------------------------------------------------------------------- the records


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
