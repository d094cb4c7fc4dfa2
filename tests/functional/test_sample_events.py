"""The sample events: every function and every route has one, and each is answered as its name says."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from devtools.local_stack import sam_template
from longcode.domain.status import Status
from longcode.domain.subscriptions import Secret, Subscription
from tests.support.fakes import OURS, ROOT, SIGNER, THEIRS, FakeReceivers, World
from tests.support.fakes.examples import make_message

EVENTS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "events").glob("*.json"))}
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
TEMPLATE = sam_template.load(ROOT / "template.yaml")
# The two messages that the events speak of, and the provider's id of the second.
WAITING = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"
SENT = "0b5f3a1c-6c1e-4a63-8f0e-3a4d3f5b7c22"
SUBSCRIPTION = "whs_0123456789abcdefghij-_"
TELNYX_ID = "40385f64-5717-4562-b3fc-2c963f66afa6"

API_EVENTS = {name: event for name, event in EVENTS.items() if "httpMethod" in event}
# Without a status in its name a call is answered with 200.
_STATUS = re.compile(r"[a-z]+-([2-5][0-9]{2})(-|$)")


def function_of(name: str) -> str:
    return name.partition("-")[0]


# Any: an event is JSON.
def signed(event: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """The event with a signature of now in the place of the words that stand for it."""
    if event["headers"].get("Telnyx-Signature-Ed25519") != "SIGNATURE":
        return event
    headers = SIGNER.headers(event["body"].encode(), now_ms)
    return event | {
        "headers": event["headers"]
        | {
            "Telnyx-Timestamp": headers["telnyx-timestamp"],
            "Telnyx-Signature-Ed25519": headers["telnyx-signature-ed25519"],
        }
    }


@pytest.fixture
def known(world: World) -> World:
    """A world that has the two messages and the subscription."""
    subscription = Subscription(
        SUBSCRIPTION, "https://hooks.example.com/sms", frozenset(["sms.received"]), (Secret("whsec_"),), 0
    )
    world.service.subscriptions.create(subscription, 1)
    waiting = make_message(id=WAITING)
    sent = make_message(
        id=SENT,
        status=Status.SUBMITTED,
        claim_id="c",
        attempts=1,
        telnyx_id=TELNYX_ID,
        webhook_url=f"https://example.com/webhooks/message/{SENT}",
    )
    for message in (waiting, sent):
        world.messages.accept(message)
    world.messages._pointers[TELNYX_ID] = SENT
    return world


def test_every_function_has_a_sample_event_and_every_event_a_function() -> None:
    assert {function_of(name) for name in EVENTS} == set(FUNCTIONS)


def routes() -> Iterator[tuple[str, str, str]]:
    for name, properties in sam_template.functions(TEMPLATE).items():
        for event in (properties.get("Events") or {}).values():
            if event["Type"] == "Api":
                yield name, event["Properties"]["Method"], event["Properties"]["Path"]


def test_every_route_of_the_template_has_a_sample_event() -> None:
    assert {path for _, _, path in routes()} <= {event["resource"] for event in API_EVENTS.values()}


def test_every_sample_of_a_call_is_one_that_the_template_routes_there() -> None:
    functions = {
        logical_id: properties["CodeUri"].removeprefix("functions/")
        for logical_id, properties in sam_template.functions(TEMPLATE).items()
    }
    routed = [(functions[logical_id], method, path) for logical_id, method, path in routes()]

    for name, event in API_EVENTS.items():
        call = (event["httpMethod"], event["resource"])
        assert {function for function, *route in routed if tuple(route) == call} == {function_of(name)}, name


@pytest.mark.parametrize("name", sorted(API_EVENTS))
def test_a_call_is_answered_with_the_status_in_its_name(known: World, name: str) -> None:
    found = _STATUS.match(name)
    status = int(found[1]) if found else 200
    before = len(known.messages.all)

    answer = known.invoke(function_of(name), signed(EVENTS[name], known.clock.now))

    if status >= 400:
        assert len(known.messages.all) == before
        assert known.provider.requests == []
        assert set(json.loads(answer["body"])) >= {"error", "code"}
    assert answer["statusCode"] == status


def test_as_it_lies_there_no_webhook_is_accepted(known: World) -> None:
    webhooks = {name: event for name, event in EVENTS.items() if name.startswith("webhook-")}
    answers = {name: known.invoke("webhook", event)["statusCode"] for name, event in webhooks.items()}

    assert len(known.messages.all) == 2
    assert answers == dict.fromkeys(webhooks, 401)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("webhook-200-sent", Status.SENT),
        ("webhook-200-delivered", Status.DELIVERED),
        ("webhook-200-delivery-failed", Status.DELIVERY_FAILED),
    ],
)
def test_the_sample_receipts_are_about_the_message_that_the_provider_has(
    known: World, name: str, status: Status
) -> None:
    known.invoke("webhook", signed(EVENTS[name], known.clock.now))

    message = known.messages.get(SENT)
    assert message
    assert message.status is status


def test_the_sample_stop_is_respected(known: World) -> None:
    known.invoke("webhook", signed(EVENTS["webhook-200-stop"], known.clock.now))

    assert known.optouts.entries[THEIRS].opted_out


def test_the_sample_batch_sends_the_text_that_waits(known: World) -> None:
    answer = known.invoke("consumer", EVENTS["consumer-done-text"], timeout_ms=60_000)

    (text,) = known.provider.texts
    assert (text.key, text.sender, text.recipient) == (WAITING, OURS, THEIRS)
    assert answer == {"batchItemFailures": []}


def test_the_sample_delivery_is_made(known: World) -> None:
    receivers = FakeReceivers(known.clock)
    vars(known.service)["outbound"] = receivers
    answer = known.invoke("deliverer", EVENTS["deliverer-one-event"], timeout_ms=60_000)

    assert answer == {"batchItemFailures": []}
    (called,) = receivers.calls
    assert called.url == "https://hooks.example.com/sms"
    assert json.loads(called.body)["data"]["to"] == THEIRS


@pytest.mark.parametrize("name", ["consumer-done-unreadable", "consumer-done-unknown-id"])
def test_the_sample_batches_that_cannot_be_sent_are_let_go(known: World, name: str) -> None:
    answer = known.invoke("consumer", EVENTS[name], timeout_ms=60_000)

    assert known.provider.requests == []
    assert answer == {"batchItemFailures": []}


def test_the_sample_schedule_runs_the_reconciler(known: World) -> None:
    known.queue.faults.fail("put")
    known.enqueue()
    known.queue.stored.clear()
    known.clock.pass_ms(10 * 60_000)

    answer = known.invoke("reconciler", EVENTS["reconciler-each-minute"], timeout_ms=60_000)

    assert [stored.group for stored in known.queue.stored] == [THEIRS]
    assert answer["looked"] >= 1


def test_every_number_in_a_sample_is_kept_for_examples() -> None:
    numbers = set(re.findall(r"\+1[0-9]{10}", json.dumps(EVENTS)))

    assert numbers
    assert [number for number in numbers if not re.fullmatch(r"\+1[0-9]{3}55501[0-9]{2}", number)] == []


def test_a_sample_of_what_is_sent_twice_is_one_text(known: World) -> None:
    event = EVENTS["send-200-repeatable"]

    first, again = known.invoke("send", event), known.invoke("send", event)

    assert len(known.provider.texts) == 1
    assert first == again
    assert replace(known.messages.all[-1]).metadata == {"order": "A-17"}
