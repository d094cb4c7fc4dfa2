"""What a webhook of Telnyx says of a text that we sent."""

import json
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Fault
from longcode.domain.status import Status
from longcode.telnyx import protocol, webhooks
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS
from tests.unit.telnyx_events import FINALIZED, NOW, OCCURRED_MS, OUR_ID, read, webhook


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


def test_a_receipt_names_the_carrier_as_it_was_when_it_happened() -> None:
    receipt = read(webhook()).receipt

    assert receipt
    assert receipt.subscription == Subscription(Carrier.T_MOBILE, "wireless", OCCURRED_MS)


def test_a_receipt_that_is_dated_ahead_names_the_carrier_as_of_now() -> None:
    receipt = read(webhook(data={"occurred_at": "2023-11-14T23:13:20.000+00:00"})).receipt

    assert receipt
    assert receipt.occurred_ms > NOW
    assert receipt.subscription
    assert receipt.subscription.seen_ms == NOW


def test_each_recipient_of_an_event_is_on_a_carrier_of_their_own() -> None:
    other = "+12025550124"
    to = [
        {"phone_number": THEIRS, "status": "delivered", "carrier": "AT&T Mobility LLC", "line_type": "Wireless"},
        {"phone_number": other, "status": "delivered", "carrier": "ONVOY, LLC - TN", "line_type": "VoIP"},
        {"phone_number": OURS, "status": "delivered"},
    ]
    event = read(webhook(to=to))

    assert {number: one.subscription for number, one in event.by_recipient.items()} == {
        THEIRS: Subscription(Carrier.ATT, "wireless", OCCURRED_MS),
        other: Subscription(Carrier.OTHER, "voip", OCCURRED_MS),
        OURS: None,
    }
    assert event.receipt
    assert event.receipt.subscription == Subscription(Carrier.ATT, "wireless", OCCURRED_MS)


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
    to = FINALIZED["data"]["payload"]["to"][0] | {"status": "DELIVERED"}
    upper = {"id": TELNYX_ID.upper(), "to": [to], "webhook_url": url}
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
