"""Signed webhooks that are not as the provider documents them: never a 500, never lost, never raw anywhere."""

import io
import json
import math
import re
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from longcode.aws.event_bus import _detail
from longcode.aws.observability import LambdaLogger, LambdaMetrics
from longcode.domain import untrusted
from longcode.domain.events import Change
from longcode.domain.gate import Control
from longcode.domain.message import Message, iso
from longcode.domain.status import Status
from longcode.telnyx import error_codes
from longcode.use_cases import publish
from longcode.use_cases.search import Page
from longcode_cli import terminal
from longcode_cli.commands import find, status
from tests.support.fakes import OURS, SIGNER, THEIRS, Reply, World, call, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.oddities import EVENTS, REGISTRATION_EVENTS, is_safe, raw, texts_of
from tests.support.fakes.provider import Text
from tests.support.fakes.webhooks import (
    CAMPAIGN_ID,
    SUSPENDED,
    UNSUSPENDED,
    campaign_event,
    envelope,
    inbound,
    receipt,
)

pytestmark = pytest.mark.slow


def sent(world: World) -> Text:
    return world.provider.text(world.send().fields["message_id"])


# Any: JSON.
def odd(body: bytes, data: dict[str, Any] | None = None, **payload: Any) -> bytes:
    """A webhook's body with changes in its data and its payload."""
    event = json.loads(body)
    event["data"] |= data or {}
    event["data"]["payload"] |= payload
    return json.dumps(event).encode()


def shown(message: Message, now_ms: int) -> str:
    """All that the command shows of a message."""
    console = terminal.console()
    console.file = io.StringIO()
    console.print(status.message(message, None, Control(), now_ms, full=True))
    console.print(find.page(Page([message], None), full=True))
    return console.file.getvalue()


def expect_readable(world: World) -> None:
    """Whatever is stored can be read, by every way that there is, and nothing in it does harm."""
    event = call("GET", "/sms/messages") | {"queryStringParameters": {"since": "2000-01-01"}}
    found = Reply.of(world.invoke("messages", event))
    assert found.status == 200
    assert len(found.fields["messages"]) == len(world.messages.all)
    for message in world.messages.all:
        status = world.status(message.id)
        assert status.status == 200
        assert [text for text in texts_of(status.fields) if not is_safe(text)] == []
        assert len(json.dumps(status.fields)) < 400_000
        page = shown(message, world.clock.now)
        assert page.replace("\n", "").isprintable()
        assert message.id in page
        change = Change("e", "1", None, message)
        events = list(publish.events_of(change, final_only=False))
        assert events
        for published in events:
            assert json.loads(_detail(published))["at"][:4] in ("2023", iso(published.at_ms)[:4])
        assert all(math.isfinite(value) for _, value in publish.measured(change, error_codes.explain))
        assert all(2010 <= int(iso(entry.at_ms)[:4]) <= 2024 for entry in message.history)


def is_event(data: object) -> bool:
    return isinstance(data, dict) and isinstance(data.get("event_type"), str)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(EVENTS, st.booleans())
@example({"event_type": "message.received", "payload": {"text": "Hi"}}, False)
@example({"event_type": "message.finalized", "payload": {"id": "\ud800" * 900}}, True)
def test_json_of_the_providers_shape_is_never_a_500_and_all_that_is_stored_can_be_read(
    data: dict[str, Any], addressed: bool
) -> None:
    world = make_world()
    text = sent(world)
    payload = data.get("payload")
    if addressed and isinstance(payload, dict):
        payload |= {"id": text.telnyx_id.upper(), "webhook_url": text.webhook_url.upper()}

    reply = world.webhook(raw({"data": data}), path_id=text.key if addressed else None)
    again = world.webhook(raw({"data": data}), path_id=text.key if addressed else None)

    assert world.logger.crashes == []
    assert reply.status == again.status == (200 if is_event(data) else 400)
    kind = str(data.get("event_type")).strip().lower()
    if kind == "message.received" and isinstance(payload, dict) and payload:
        assert reply.fields == again.fields == {"status": "received"}
        assert [message.direction for message in world.messages.all] == ["outbound", "inbound"]
    if kind in ("message.sent", "message.finalized") and isinstance(payload, dict) and payload and addressed:
        assert reply.fields == again.fields == {"status": "updated"}
        (message,) = world.messages.all
        assert len(message.history) == 2
    expect_readable(world)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=40) | EVENTS.map(raw) | st.sampled_from([b"[" * 100_000, b'{"data":' * 9_000, b"1" * 9_000])
)
def test_any_signed_bytes_are_answered_and_what_is_no_event_is_counted(body: bytes) -> None:
    world = make_world()

    headers = SIGNER.headers(body, world.clock.now)
    reply = world.request("webhook", "POST", "/webhooks/message", body, headers=headers, base64_encoded=True)

    assert world.logger.crashes == []
    assert (reply.status, reply.fields["code"]) == (400, "invalid_request")
    assert world.metrics.counts["WebhookOdd"] == 1
    assert len(world.logger.of("webhook.unreadable")) == 1


# Type of the payload and what it says → what alone may stop texts, by the provider's documentation.
LOSES = {
    "10dlc.campaign.update": {
        ("tcr_event", "mno_campaign_operation_suspended"),
        ("tcr_event", "campaign_expired"),
        ("telnyx_event", "dormant"),
    },
    "10dlc.phone_number.update": {("deletion", "success"), ("status_update", "deleted")},
}


def loses(kind: str, payload: object) -> bool:
    """Whether an event says that our registration is lost, and names our number or a campaign."""
    if not isinstance(payload, dict):
        return False
    what = untrusted.word(payload.get("type"))
    said = untrusted.word(payload.get("eventType" if what == "tcr_event" else "status"))
    if (what, said) not in LOSES.get(kind, set()):
        return False
    if kind == "10dlc.campaign.update":
        return any(untrusted.ident(payload.get(name)) for name in ("campaignId", "tcrCampaignId"))
    return untrusted.number(payload.get("phoneNumber")) == OURS


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REGISTRATION_EVENTS)
@example({"event_type": "10dlc.campaign.update", "payload": {"type": "TELNYX_EVENT", "status": "DORMANT"}})
@example({"event_type": "10dlc.campaign.update", "payload": SUSPENDED | {"campaignId": {"id": CAMPAIGN_ID}}})
@example({"event_type": "10dlc.campaign.update", "payload": [SUSPENDED | {"campaignId": CAMPAIGN_ID}]})
@example({"event_type": "10dlc.campaign.update", "payload": SUSPENDED | {"campaignId": "\ud800" * 900}})
def test_no_odd_event_on_a_registration_is_a_500_or_stops_texts(data: dict[str, Any]) -> None:
    world = make_world()

    replies = [world.webhook(raw({"data": data})) for _ in range(2)]

    assert world.logger.crashes == []
    assert {reply.status for reply in replies} == {200 if is_event(data) else 400}
    control = world.limits.control
    assert bool(control.breaker_until_ms) is loses(str(data.get("event_type")), data.get("payload"))
    assert is_safe(control.breaker_reason)
    assert len(control.breaker_reason) < 300
    assert world.send().status == (503 if control.breaker_until_ms else 200)


def test_an_event_on_a_registration_as_documented_is_not_odd_and_one_without_a_payload_is(world: World) -> None:
    world.webhook(campaign_event(UNSUSPENDED, world.clock.now))
    assert world.metrics.counts["WebhookOdd"] == 0

    unreadable = json.loads(campaign_event(SUSPENDED, world.clock.now))
    unreadable["data"] |= {"payload": "x", "occurred_at": 7}
    world.webhook(raw(unreadable))
    assert world.logger.of("webhook.odd")[0].fields["fields"] == ["payload"]
    # What it says is clear, and when it was is not: it was now.
    world.clock.pass_ms(1)
    world.webhook(odd(campaign_event(SUSPENDED, world.clock.now), {"occurred_at": "yesterday"}))
    assert world.logger.of("webhook.odd")[1].fields["fields"] == ["occurred_at"]
    assert world.limits.control.registration_lost


def test_an_inbound_text_without_any_id_is_kept_once_and_counted_as_odd(world: World) -> None:
    body = odd(inbound(THEIRS, "Where is it?", world.clock.now, to=OURS), {"id": None}, id=None)
    retry = json.dumps(json.loads(body) | {"meta": {"attempt": 2}}).encode()

    first, again = world.webhook(body), world.webhook(retry)

    (message,) = world.messages.all
    assert first.fields == again.fields == {"status": "received"}
    assert (message.text, message.sender, message.telnyx_id) == ("Where is it?", THEIRS, None)
    assert world.status(message.id).fields["text"] == "Where is it?"
    assert world.metrics.counts["WebhookOdd"] == 2
    assert world.metrics.counts["WebhookDuplicates"] == 1
    assert world.logger.of("webhook.odd")[0].fields["fields"] == ["id", "payload.id"]


@pytest.mark.parametrize(
    "sender", ["", "12025550123", "optouts", "\x1b[2J\ud800", "9" * 5_000], ids=lambda s: repr(s)[:20]
)
def test_an_inbound_text_from_an_odd_sender_is_kept_and_counted_as_odd(world: World, sender: str) -> None:
    reply = world.webhook(inbound(sender, "STOP it", world.clock.now, to=OURS))

    (message,) = world.messages.all
    assert reply.fields == {"status": "received"}
    assert message.text == "STOP it"
    assert (sender == "optouts") is (world.metrics.counts["WebhookOdd"] == 0)
    assert sender not in repr(world.logger.lines) or not sender
    expect_readable(world)


def test_a_webhook_as_documented_is_not_odd(world: World) -> None:
    text = sent(world)
    world.webhook(inbound(THEIRS, "Hi", world.clock.now, to=OURS))
    world.webhook(receipt(text, "sent", world.clock.now), path_id=text.key)
    world.webhook(receipt(text, "delivered", world.clock.now), path_id=text.key)
    world.webhook(envelope("message.read", {"id": str(uuid.uuid4())}, world.clock.now))

    assert world.metrics.counts["WebhookOdd"] == 0
    assert world.logger.of("webhook.odd") == []


@pytest.mark.parametrize("known", [True, False], ids=["answered", "in-doubt"])
def test_a_receipt_that_names_no_message_finds_its_text_by_the_signed_address(world: World, known: bool) -> None:
    if not known:
        world.provider.then(providers.ACCEPTS_AND_HANGS)
    text = sent(world)
    body = odd(receipt(text, "delivered", world.clock.now), id=None)

    on_its_address = world.webhook(body, path_id=text.key)
    on_the_profiles = world.webhook(odd(body, {"id": "another"}))

    (message,) = world.messages.all
    assert on_its_address.fields == on_the_profiles.fields == {"status": "updated"}
    assert message.status is Status.DELIVERED
    assert message.telnyx_id == (text.telnyx_id if known else None)
    assert len(message.history) == 3


def test_a_final_receipt_with_an_unknown_word_is_kept_with_its_reason(world: World) -> None:
    text = sent(world)
    to = [{"phone_number": THEIRS, "status": "Brand_New\x1b[2J"}]
    error = {"code": "40099", "title": "Who\ud800 knows", "detail": ""}

    world.webhook(odd(receipt(text, "delivered", world.clock.now), to=to, errors=[error]), path_id=text.key)

    row = world.status(text.key).fields["history"][-1]
    assert (row["status"], row["note"]) == (
        "brand_new [2j",
        "The provider ended it with a status that this service does not know.",
    )
    assert row["errors"][0]["title"] == "Who\N{REPLACEMENT CHARACTER} knows"
    assert world.messages.all[0].status is Status.SUBMITTED


def test_of_a_receipt_for_several_the_status_is_that_of_our_recipient(world: World) -> None:
    text = sent(world)
    to = [{"phone_number": "+12025550177", "status": "delivered"}, {"phone_number": THEIRS, "status": "expired"}]

    world.webhook(odd(receipt(text, "delivered", world.clock.now), to=to), path_id=text.key)

    assert world.messages.all[0].status is Status.EXPIRED


def test_a_cost_that_comes_after_the_end_is_kept_and_counted_once(world: World) -> None:
    text = sent(world)
    body = receipt(text, "delivered", world.clock.now)
    world.webhook(odd(body, cost=None, parts=True), path_id=text.key)
    before = world.messages.all[0]
    assert before.cost is None

    for _ in range(2):
        world.webhook(odd(body, {"id": "later"}, parts=10**40), path_id=text.key)

    after = world.messages.all[0]
    assert world.status(text.key).fields["cost"] == {"amount": "0.0051", "currency": "USD"}
    assert [
        str(metric) for metric, _ in publish.measured(Change("e", "1", before, after), error_codes.explain)
    ] == ["Cost"]


@pytest.mark.parametrize("occurred", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "99991231T235959Z"])
def test_a_year_that_no_text_was_sent_in_is_no_time(world: World, occurred: str) -> None:
    text = sent(world)
    body = receipt(text, "delivered", world.clock.now)

    world.webhook(odd(body, {"occurred_at": occurred}, completed_at=occurred), path_id=text.key)

    fields = world.status(text.key).fields
    assert fields["history"][-1]["at"] == iso(world.clock.now)
    assert "completed_at" not in fields
    # Not the age of the calendar.
    assert world.metrics.values["WebhookLagMs"] == [0]


def test_the_log_has_every_line_and_nothing_raw_in_it(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    world = make_world(logger=LambdaLogger(), metrics=LambdaMetrics("test"))
    nasty = "\ud800\x1b[2J\x9b\u202e+12025550123"
    world.provider.then(providers.refuses(400, "40310", nasty))
    world.send()
    text = sent(world)
    world.webhook(odd(receipt(text, "sent", world.clock.now), {"id": nasty}, id=nasty), path_id=text.key)
    world.webhook(envelope(nasty, {"id": nasty}, world.clock.now))
    world.service.logger.warning("any", **{"nested": {nasty: [nasty]}, nasty: nasty})

    out, err = capfd.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    assert re.sub("[\n\N{REPLACEMENT CHARACTER}]", "", out).isprintable()
    assert THEIRS not in out
    assert {"send.refused", "webhook.odd", "webhook.other", "any"} <= {line.get("message") for line in lines}


def test_a_send_whose_answer_says_failed_keeps_its_errors(world: World) -> None:
    to = [{"phone_number": THEIRS, "status": "sending_failed"}]
    errors = [{"code": "40008", "title": "Undeliverable"}]
    body = raw({"data": {"id": str(uuid.uuid4()), "to": to, "errors": errors}})
    world.provider.then(providers.Behaviour(body=body))

    ident = world.send().fields["message_id"]

    fields = world.status(ident).fields
    assert fields["status"] == "sending_failed"
    assert fields["errors"][0]["code"] == "40008"
    assert fields["history"][-1]["errors"][0]["title"] == "Undeliverable"
