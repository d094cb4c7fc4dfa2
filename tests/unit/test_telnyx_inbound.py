"""What a webhook of Telnyx says of a text that a person sent us."""

import json
from typing import Any

import pytest

from longcode.domain.message import Entry, is_message_id
from longcode.domain.status import Status
from longcode.telnyx import webhooks
from tests.chance import showing
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS
from tests.unit.telnyx_events import NOW, OCCURRED_MS, read, webhook


def inbound(**payload: Any) -> bytes:
    fields = {
        "direction": "inbound",
        "from": {"phone_number": THEIRS, "line_type": "Wireless"},
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
    assert message.history == (Entry(OCCURRED_MS, "received", "webhook"),)


def test_the_carrier_of_the_person_comes_with_their_text() -> None:
    named = {
        "phone_number": THEIRS,
        "carrier": "CELLCO PARTNERSHIP DBA VERIZON WIRELESS - OH",
        "line_type": "Wireless",
    }
    cases: list[tuple[object, tuple[str | None, str | None]]] = [
        (named, ("verizon", "wireless")),
        ([named], ("verizon", "wireless")),
        ({**named, "line_type": None}, ("verizon", "")),
        ({**named, "carrier": None}, (None, None)),
        ({**named, "carrier": ["x"]}, (None, None)),
        (THEIRS, (None, None)),
    ]
    for sender, expected in cases:
        with showing(sender):
            message = read(inbound(**{"from": sender})).inbound

            assert message
            assert message.sender == THEIRS
            assert (message.carrier, message.line_type) == expected


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
