"""POST /webhooks/message: receipts move a text forward, inbound texts are kept; each once."""

import itertools
import json
import uuid

import pytest

from longcode.domain.destinations import Destination
from longcode.domain.message import Fault
from longcode.domain.opt_outs import OptOut
from longcode.domain.status import Status
from longcode.telnyx import webhook_settings
from tests.chance import FULL, drawn
from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, SIGNER, THEIRS, FakeOptOuts, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.gateway import Reply, call
from tests.support.fakes.provider import Text
from tests.support.fakes.webhooks import Signer, envelope, inbound, receipt

DAY_MS = 86_400_000
OTHER_OF_OURS = "+12025550101"


def sent(world: World) -> Text:
    """A text that the provider has."""
    return world.provider.text(world.send().fields["message_id"])


def deliver(world: World, text: Text, status: str, event_id: str | None = None, *faults: Fault) -> str:
    """A receipt for `text` on its own address; what we answered."""
    body = receipt(text, status, world.clock.now, event_id=event_id, faults=faults)
    reply = world.webhook(body, path_id=text.key)
    assert reply.status == 200
    answered: str = reply.fields["status"]
    return answered


def writes(world: World) -> int:
    return world.messages.faults.count("record", "receive", "accept", "end") + world.optouts.faults.count(
        "replace"
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("delivery_failed", Status.DELIVERY_FAILED),
        ("sending_failed", Status.SENDING_FAILED),
        ("delivery_unconfirmed", Status.DELIVERY_UNCONFIRMED),
        ("expired", Status.EXPIRED),
    ],
)
def test_a_receipt_moves_its_text_to_what_it_says(world: World, word: str, status: Status) -> None:
    text = sent(world)

    answered = deliver(world, text, word)

    (message,) = world.messages.all
    assert message.status is status
    assert message.history[-1].status == word
    assert answered == "updated"


def test_the_reasons_of_a_failed_delivery_are_kept(world: World) -> None:
    text = sent(world)

    deliver(world, text, "delivery_failed", None, Fault("40008", "Undeliverable", "Switched off."))

    assert world.messages.all[0].faults == (Fault("40008", "Undeliverable", "Switched off."),)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["sent", "delivery_unconfirmed", "delivered"])), ids=str
)
def test_receipts_in_any_order_end_the_same(world: World, order: tuple[str, ...]) -> None:
    text = sent(world)

    for word in order:
        deliver(world, text, word)

    assert world.messages.all[0].status is Status.DELIVERED


def test_a_late_receipt_takes_nothing_back_and_is_kept_in_the_history(world: World) -> None:
    text = sent(world)
    deliver(world, text, "delivered")

    answered = deliver(world, text, "sent")

    (message,) = world.messages.all
    assert message.status is Status.DELIVERED
    assert [entry.status for entry in message.history] == ["submitted", "delivered", "sent"]
    assert answered == "updated"


def test_a_receipt_that_comes_twice_is_kept_once(world: World) -> None:
    text = sent(world)
    deliver(world, text, "delivered", "event-1")

    answered = deliver(world, text, "delivered", "event-1")

    assert len(world.messages.all[0].history) == 2
    assert answered == "updated"
    assert world.metrics.counts["WebhookDuplicates"] == 1


def test_a_receipt_without_our_id_in_its_path_finds_its_text_by_the_providers(world: World) -> None:
    text = sent(world)

    reply = world.webhook(receipt(text, "delivered", world.clock.now))

    assert world.messages.all[0].status is Status.DELIVERED
    assert reply.fields == {"status": "updated"}


def test_a_receipt_settles_a_text_whose_outcome_was_unknown(world: World) -> None:
    world.provider.then(providers.ACCEPTS_AND_HANGS)
    text = sent(world)
    assert world.messages.all[0].status is Status.UNKNOWN

    deliver(world, text, "delivered")

    (message,) = world.messages.all
    assert (message.status, message.telnyx_id) == (Status.DELIVERED, text.telnyx_id)
    assert message.faults == ()


def test_the_path_alone_says_nothing_because_it_is_not_signed(world: World) -> None:
    victim, other = sent(world), sent(world)
    body = receipt(other, "delivery_failed", world.clock.now)

    world.webhook(body, path_id=victim.key)

    by_id = {message.id: message for message in world.messages.all}
    assert by_id[victim.key].status is Status.SUBMITTED
    assert by_id[other.key].status is Status.DELIVERY_FAILED


def test_a_receipt_for_another_text_of_the_provider_changes_nothing(world: World) -> None:
    text = sent(world)
    foreign = Text(**{**vars(text), "telnyx_id": str(uuid.uuid4())})

    reply = world.webhook(receipt(foreign, "delivery_failed", world.clock.now), path_id=text.key)

    assert world.messages.all[0].status is Status.SUBMITTED
    assert reply.fields == {"status": "acknowledged"}
    assert world.metrics.counts["WebhookUnmatched"] == 1


def test_a_receipt_for_nothing_of_ours_is_acknowledged_and_nothing_is_stored(world: World) -> None:
    foreign = Text(str(uuid.uuid4()), str(uuid.uuid4()), THEIRS, OURS, "Hi", b"", "https://example.com/x", 0)

    reply = world.webhook(receipt(foreign, "delivered", world.clock.now), path_id=foreign.key)

    assert nothing_happened(world)
    assert (reply.status, reply.fields) == (200, {"status": "acknowledged"})


@pytest.mark.parametrize(
    "kind", ["message.read", "message.delivered", "messaging-profile.spend-limit-reached", "x"]
)
def test_an_event_that_we_do_not_know_is_acknowledged_and_nothing_is_stored(world: World, kind: str) -> None:
    reply = world.webhook(envelope(kind, {"id": str(uuid.uuid4())}, world.clock.now))

    assert nothing_happened(world)
    assert (reply.status, reply.fields) == (200, {"status": "acknowledged"})


# ------------------------------------------------------------------------------------------------ inbound


def test_an_inbound_text_is_stored_and_can_be_read_by_its_id(world: World) -> None:
    ident = str(uuid.uuid4())

    reply = world.webhook(inbound(THEIRS, "Where is it?", world.clock.now, to=OURS, telnyx_id=ident))

    (message,) = world.messages.all
    assert (message.id, message.direction, message.status) == (ident, "inbound", Status.RECEIVED)
    assert reply.fields == {"status": "received"}
    status = world.status(ident)
    assert status.status == 200
    assert (status.fields["direction"], status.fields["text"]) == ("inbound", "Where is it?")
    assert (status.fields["from"], status.fields["to"]) == (THEIRS, OURS)


def test_an_inbound_text_that_comes_twice_is_stored_once(world: World) -> None:
    body = inbound(THEIRS, "Hi", world.clock.now, to=OURS, event_id="event-1")

    first, again = world.webhook(body), world.webhook(body)

    assert len(world.messages.all) == 1
    assert first.fields == again.fields == {"status": "received"}
    assert world.metrics.counts["WebhookDuplicates"] == 1


def test_a_stop_and_a_start_are_applied_and_not_answered_by_us(world: World) -> None:
    world.webhook(inbound(THEIRS, "Stop.", world.clock.now, to=OURS))
    assert world.optouts.entries[THEIRS].opted_out
    world.clock.pass_ms(1_000)

    world.webhook(inbound(THEIRS, "START", world.clock.now, to=OURS, autoresponse="START"))

    assert not world.optouts.entries[THEIRS].opted_out
    assert world.provider.requests == []


@pytest.mark.parametrize(
    ("text", "autoresponse", "source"),
    [
        ("STOP", "STOP", "provider"),
        ("anything", "STOP", "provider"),
        ("REVOKE", None, "keyword"),
        ("“Opt-Out.”\u200b 🛑", None, "keyword"),
        ("STOP", "HELP", "keyword"),
        ("OPT OUT", "INFO", "keyword"),
        ("STOP", "START", "keyword"),
    ],
)
def test_a_word_that_revokes_is_recorded_whatever_the_provider_made_of_it(
    world: World, text: str, autoresponse: str | None, source: str
) -> None:
    ident = str(uuid.uuid4())

    world.webhook(inbound(THEIRS, text, world.clock.now, to=OURS, autoresponse=autoresponse, telnyx_id=ident))

    entry = world.optouts.entries[THEIRS]
    assert (entry.opted_out, entry.changes[-1].source, entry.changes[-1].note) == (True, source, ident)
    assert world.status(ident).fields["opt_out"] == "stop"
    assert world.send().status == 403


@pytest.mark.parametrize("autoresponse", [None, "HELP", "START", "OTHER"])
@pytest.mark.parametrize("text", ["Stop please", "STOP\nBob Example", "arrêt", "unsubscribe me"])
def test_a_text_that_may_ask_for_an_end_stops_no_text_and_can_be_found(
    world: World, text: str, autoresponse: str | None
) -> None:
    world.webhook(inbound(THEIRS, "Is this on?", world.clock.now, to=OURS))
    ident = str(uuid.uuid4())

    reply = world.webhook(
        inbound(THEIRS, text, world.clock.now, to=OURS, autoresponse=autoresponse, telnyx_id=ident)
    )

    entry = world.optouts.entries[THEIRS]
    assert ([one.message_id for one in entry.to_review], entry.opted_out) == ([ident], False)
    assert world.send().status == 200
    assert reply.fields == {"status": "received"}
    event = call("GET", "/sms/messages")
    event["queryStringParameters"] = {"opt_out": "unclear"}
    (row,) = Reply.of(world.invoke("messages", event)).fields["messages"]
    assert (row["message_id"], row["text"], row["opt_out"]) == (ident, text, "unclear")
    assert len(world.logger.of("optout.unclear")) == 1


@pytest.mark.parametrize(
    ("sender", "to"),
    [
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
        ("+551187654321", "+5511987654321"),
    ],
)
def test_a_stop_is_respected_in_all_ways_to_write_the_number(sender: str, to: str) -> None:
    world = make_world(make_settings(allowed_destinations=(Destination("*"),)))
    waiting = world.enqueue(to).fields["message_id"]
    world.webhook(inbound(sender, "STOP", world.clock.now, to=OURS))

    refused = [world.send(number).status for number in (sender, to)] + [world.enqueue(to).status]
    world.consume()

    assert world.provider.requests == []
    assert refused == [403, 403, 403]
    assert world.status(waiting).fields["status"] == "suppressed"


def test_a_start_to_another_way_to_write_our_number_opts_in() -> None:
    world = make_world(make_settings(long_code="+525512345600"))
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to="+525512345600"))
    world.clock.pass_ms(1_000)

    world.webhook(inbound(THEIRS, "START", world.clock.now, to="+5215512345600"))

    assert not world.optouts.entries[THEIRS].opted_out


@pytest.mark.parametrize(
    ("sender", "warned"), [("40404", 1), ("ACME", 1), ("+525512345678", 0), ("2025550123", 1)]
)
def test_a_stop_from_what_is_no_number_is_recorded_and_warned_of(world: World, sender: str, warned: int) -> None:
    world.webhook(inbound(sender, "STOP", world.clock.now, to=OURS))

    (entry,) = world.optouts.entries.values()
    assert (entry.opted_out, entry.number) == (True, "+2025550123" if sender == "2025550123" else sender)
    assert len(world.logger.of("optout.no_number")) == warned


def test_a_stop_that_comes_again_after_a_later_start_has_no_say(world: World) -> None:
    stop = inbound(THEIRS, "STOP", world.clock.now, to=OURS)
    world.webhook(stop)
    world.clock.pass_ms(1_000)
    world.webhook(inbound(THEIRS, "START", world.clock.now, to=OURS))

    world.webhook(stop)

    assert not world.optouts.entries[THEIRS].opted_out


@pytest.mark.parametrize("autoresponse", ["START", None], ids=["provider", "keyword"])
def test_a_start_to_another_of_our_numbers_does_not_opt_in_here(world: World, autoresponse: str | None) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OTHER_OF_OURS))
    world.clock.pass_ms(1_000)

    reply = world.webhook(inbound(THEIRS, "START", world.clock.now, to=OTHER_OF_OURS, autoresponse=autoresponse))

    assert world.optouts.entries[THEIRS].opted_out
    assert len(world.messages.all) == 2
    assert len(world.logger.of("optout.other_number")) == 1
    assert reply.status == 200


def test_a_start_dated_ahead_holds_up_no_later_stop_however_often_it_comes_again(world: World) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))
    world.clock.pass_ms(1_000)
    ahead = inbound(THEIRS, "START", world.clock.now + 365 * DAY_MS, to=OURS)
    world.webhook(ahead)
    assert not world.optouts.entries[THEIRS].opted_out
    world.clock.pass_ms(1_000)
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))
    world.clock.pass_ms(60_000)

    world.webhook(ahead)

    assert world.optouts.entries[THEIRS].opted_out


@pytest.mark.parametrize("off_ms", [-30 * DAY_MS, 30 * DAY_MS], ids=["long-ago", "ahead"])
def test_a_stop_whose_date_is_out_of_reason_counts_as_said_when_it_came(world: World, off_ms: int) -> None:
    world.request("optouts", "DELETE", "/sms/optouts/{number}", parameters={"number": THEIRS})
    world.clock.pass_ms(1_000)
    world.webhook(inbound(THEIRS, "STOP", world.clock.now + off_ms, to=OURS))
    assert world.optouts.entries[THEIRS].opted_out
    world.clock.pass_ms(1_000)

    world.request("optouts", "DELETE", "/sms/optouts/{number}", parameters={"number": THEIRS})

    assert not world.optouts.entries[THEIRS].opted_out


def test_a_stop_that_others_keep_out_of_the_ledger_has_the_provider_try_again() -> None:
    class Busy(FakeOptOuts):
        """Another comes first, ten times."""

        def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
            return self.faults.count("get") > 10 and super().replace(seen, entry)

    world = make_world(optouts=Busy())
    body = inbound(THEIRS, "STOP", world.clock.now, to=OURS)
    first = world.webhook(body)

    again = world.webhook(body)

    assert world.optouts.entries[THEIRS].opted_out
    assert (first.status, again.status) == (503, 200)


def test_a_stop_whose_second_write_failed_is_respected_when_the_provider_tries_again(world: World) -> None:
    body = inbound(THEIRS, "STOP", world.clock.now, to=OURS)
    world.optouts.faults.fail("replace")
    assert world.webhook(body).status == 503

    assert world.webhook(body).status == 200

    assert world.optouts.entries[THEIRS].opted_out


# --------------------------------------------------------------------------------------- what it costs, and keys


@pytest.mark.parametrize("word", ["sent", "delivered"])
def test_a_webhook_makes_at_most_two_calls_that_write(world: World, word: str) -> None:
    text = sent(world)
    before = writes(world)

    deliver(world, text, word)

    assert 1 <= writes(world) - before <= 2


def test_a_stop_makes_two_calls_that_write(world: World) -> None:
    world.webhook(inbound(THEIRS, "STOP", world.clock.now, to=OURS))

    assert writes(world) == 2


def test_a_store_that_fails_has_the_provider_try_again(world: World) -> None:
    text = sent(world)
    world.messages.faults.fail("record")
    body = receipt(text, "delivered", world.clock.now)

    first = world.webhook(body, path_id=text.key)
    again = world.webhook(body, path_id=text.key)

    assert world.messages.all[0].status is Status.DELIVERED
    assert (first.status, again.status) == (503, 200)


def test_the_raw_bytes_are_what_is_verified(world: World) -> None:
    text = sent(world)
    event = json.loads(receipt(text, "delivered", world.clock.now))
    spaced = json.dumps(event, indent=4, ensure_ascii=True).encode()

    assert world.webhook(spaced, path_id=text.key).status == 200

    assert world.messages.all[0].status is Status.DELIVERED


def test_a_webhook_in_base64_is_verified_over_its_bytes(world: World) -> None:
    text = sent(world)
    body = receipt(text, "delivered", world.clock.now)
    headers = {name.title(): value for name, value in SIGNER.headers(body, world.clock.now).items()}

    reply = world.request("webhook", "POST", "/webhooks/message", body, headers=headers, base64_encoded=True)

    assert world.messages.all[0].status is Status.DELIVERED
    assert reply.status == 200


def test_either_of_two_keys_is_good_while_one_is_being_changed() -> None:
    new = Signer(b"the provider's new key, for test")

    keys = (webhook_settings.public_key(SIGNER.public), webhook_settings.public_key(new.public))
    world = make_world(make_settings(public_keys=keys))

    for signer in (SIGNER, new):
        text = sent(world)
        assert world.webhook(receipt(text, "sent", world.clock.now), path_id=text.key, signer=signer).status == 200

    assert [message.status for message in world.messages.all] == [Status.SENT, Status.SENT]


def test_neither_texts_nor_whole_numbers_get_into_the_log(world: World) -> None:
    world.webhook(inbound(THEIRS, "a secret", world.clock.now, to=OURS))
    deliver(world, sent(world), "delivered")

    log = repr(world.logger.lines)
    assert world.logger.lines
    assert "a secret" not in log
    assert THEIRS not in log


def test_thousands_of_receipts_in_any_order_with_doubles_leave_every_status_right_and_each_event_once() -> None:
    world = make_world(make_settings(recipient_interval_ms=0))
    chance = drawn("receipts")
    ends = ("delivered", "delivery_failed", "expired", "sending_failed")
    texts = [sent(world) for _ in range(4_200 if FULL else 840)]
    wanted = {text.key: chance.choice(ends) for text in texts}
    bodies = []
    for text in texts:
        for word in ("sent", wanted[text.key]):
            body = receipt(text, word, world.clock.now, event_id=str(uuid.UUID(int=chance.getrandbits(128))))
            bodies.append((text.key, body))
    bodies += chance.sample(bodies, len(bodies) // 5)
    assert len(bodies) > (10_000 if FULL else 2_000)
    chance.shuffle(bodies)

    webhook = world.handler("webhook")
    for key, body in bodies:
        headers = world.signer.headers(body, world.clock.now)
        event = call(
            "POST", "/webhooks/message/{message_id}", body, parameters={"message_id": key}, headers=headers
        )
        assert webhook(event, None)["statusCode"] == 200

    for message in world.messages.all:
        assert message.status.value == wanted[message.id]
        words = [entry.status for entry in message.history if entry.source == "webhook"]
        assert sorted(words) == sorted({"sent", wanted[message.id]})


@pytest.mark.parametrize("size", [1_000_000, 6_000_000])
def test_a_huge_unsigned_body_is_refused_unread(world: World, size: int) -> None:
    reply = world.webhook(b"[" * size, signer=Signer(bytes(32)))
    assert nothing_happened(world)
    assert (reply.status, reply.fields["code"]) == (401, "invalid_signature")


def test_a_signed_webhook_from_elsewhere_is_refused_like_a_forged_one_and_nothing_is_kept() -> None:
    # The gateway's events say that they come from 192.0.2.1.
    world = make_world(make_settings(webhook_sources=(webhook_settings.source_range("198.51.100.0/24"),)))
    body = inbound(THEIRS, "Hello", world.clock.now, to=OURS)

    elsewhere = world.webhook(body)
    forged = world.webhook(body, signer=Signer(bytes(32)))

    assert nothing_happened(world)
    assert elsewhere.status == 401
    assert elsewhere.fields == {"error": "Invalid signature.", "code": "invalid_signature"}
    assert (forged.status, forged.fields) == (elsewhere.status, elsewhere.fields)


def test_a_webhook_from_where_it_may_come_from_still_has_to_be_signed() -> None:
    world = make_world(make_settings(webhook_sources=(webhook_settings.source_range("192.0.2.0/24"),)))
    body = inbound(THEIRS, "Hello", world.clock.now, to=OURS)

    forged = world.webhook(body, signer=Signer(bytes(32)))
    assert (forged.status, nothing_happened(world)) == (401, True)

    assert world.webhook(body).fields == {"status": "received"}
    assert len(world.messages.all) == 1
