"""Whatever happens, no line of the log and no metric holds a person's number or words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from longcode.aws.observability import FewMetrics, LambdaLogger, LambdaMetrics
from longcode.domain.destinations import Destination
from longcode.domain.errors import Crashed
from longcode.domain.message import Fault
from longcode.domain.opt_outs import OptOutChange
from longcode.use_cases import opt_outs
from longcode.use_cases.number_lookup import look_up
from tests.support.fakes import World, call, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.provider import refuses
from tests.support.fakes.webhooks import Signer, envelope, inbound, receipt

OURS = "+12025550100"
NUMBERS = {name: f"+120255501{number}" for number, name in enumerate(("ann", "bob", "cem", "dee", "eve"), 40)}
WORDS = "Your appointment with Dr Violet is at ten"
SAID = "Please tell Dr Violet that I am late"
ABROAD = "+442079460123"
SECRETS = [
    OURS,
    ABROAD,
    *NUMBERS.values(),
    OURS[1:],
    ABROAD[1:],
    *(number[1:] for number in NUMBERS.values()),
    WORDS,
    SAID,
    "Violet",
]


def logging_world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, *, one_line: bool = False
) -> World:
    """A world that writes its log and its metrics as on Lambda. Made in the test itself: pytest puts another
    stream in the place of stdout after the fixtures.
    """
    # A name of its own, as loggers are kept by their names, together with where they write to.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
    # One text to one number abroad, and no other there.
    settings = make_settings(
        number_lookup="unknown",
        max_pending_per_recipient=3,
        allowed_destinations=(Destination("+1"), Destination(ABROAD, 1)),
    )
    logger = LambdaLogger(one_line=one_line)
    metrics = FewMetrics("test", logger) if one_line else LambdaMetrics("test")
    return make_world(settings, logger=logger, metrics=metrics)


def quoting() -> BaseException:
    """What a library raises that quotes what it was given."""
    return ValueError(f"Invalid item: {{'recipient': '{NUMBERS['ann']}', 'text': '{WORDS}'}}")


def send_and_queue(world: World) -> None:
    said = refuses(
        400,
        "40310",
        f"Invalid 'to' {NUMBERS['bob']}: try {NUMBERS['bob'][1:]}.",
        f"{NUMBERS['bob']} can't receive '{WORDS}'.",
    )
    world.provider.then(said, providers.OPTED_OUT, to=NUMBERS["bob"])
    world.provider.then(providers.HANGS, providers.RATE_LIMITED, to=NUMBERS["cem"])
    for number in NUMBERS.values():
        for _ in range(5):
            world.send(number, WORDS, metadata={"tag": "visits", "for": number})
            world.enqueue(number, WORDS, key="the-same")
            world.enqueue(number, WORDS)
    for _ in range(2):
        world.send(ABROAD, WORDS)
        world.enqueue(ABROAD, WORDS)
    world.enqueue("+442079460999", WORDS)
    opt_outs.apply(world.optouts, NUMBERS["dee"], OptOutChange(world.clock.now, True, "api"), world.clock.now)
    world.consume()
    world.process()
    world.provider.then(providers.BAD_KEY)
    world.send(NUMBERS["ann"], WORDS)
    for body in ({"to": WORDS, "message": NUMBERS["ann"]}, {"to": NUMBERS["ann"], "message": WORDS, WORDS: "x"}):
        world.request("send", "POST", "/sms/send", body)


def webhooks(world: World) -> None:
    for text in list(world.provider.texts):
        fault = Fault("40008", f"{text.recipient} is switched off", WORDS)
        body = receipt(text, "delivery_failed", world.clock.now, faults=[fault])
        world.webhook(body, path_id=text.key)
        world.webhook(body, path_id=text.key)
    stranger = world.provider.texts[0]
    stranger.telnyx_id, stranger.webhook_url = "4e8f5a50-0000-4000-8000-000000000000", ""
    world.webhook(receipt(stranger, "delivered", world.clock.now))
    for said in (SAID, "STOP", "Stop. " + SAID, "START"):
        world.webhook(inbound(NUMBERS["eve"], said, world.clock.now, to=OURS))
    world.webhook(
        inbound(NUMBERS["eve"], SAID, world.clock.now, to=OURS), signer=Signer(b"another one's key, not ours.....")
    )
    world.webhook(envelope("message.received", {"id": "x", "text": SAID, "from": NUMBERS["eve"]}, world.clock.now))
    world.webhook(f'{{"from": "{NUMBERS["eve"]}", "text": "{SAID}"'.encode())


def look_and_erase(world: World) -> None:
    for parameters in ({"to": NUMBERS["ann"]}, {"to": WORDS}, {"tag": "visits"}, {NUMBERS["ann"]: WORDS}):
        event = call("GET", "/sms/messages")
        event["queryStringParameters"] = parameters
        world.invoke("messages", event)
    for function, method in (("optouts", "PUT"), ("optouts", "GET"), ("recipients", "DELETE")):
        resource = f"/sms/{function}/{{number}}"
        world.request(function, method, resource, parameters={"number": NUMBERS["cem"]})
        world.request(function, method, resource, parameters={"number": f"no number {NUMBERS['cem']}"})
    world.status(WORDS)
    world.request("fallback", "GET", f"/sms/{NUMBERS['ann']}", parameters={"proxy": f"sms/{NUMBERS['ann']}"})


def reconciles(world: World) -> None:
    for minutes in (3, 12, 20, 1_500, 15_000):
        world.clock.pass_ms(minutes * 60_000)
        world.reconcile()


def carriers_are_learnt(world: World) -> None:
    """By answers, receipts and lookups, in words that have a number in them."""
    world.provider.carriers |= {
        number: (f"Mobile of {number}", f"{number[1:]} line") for number in NUMBERS.values()
    }
    for number in NUMBERS.values():
        world.send(number, WORDS)
    for text in list(world.provider.texts):
        text.network = {"carrier": "T-MOBILE USA, INC.", "line_type": text.recipient}
        fault = Fault(text.recipient, f"{text.recipient} is switched off", WORDS)
        world.webhook(receipt(text, "delivery_failed", world.clock.now, faults=[fault]), path_id=text.key)
    world.carriers.faults.fail("learn")
    world.provider.faults.fail("lookup", skip=2)
    look_up([*NUMBERS.values()], world.service.deps)
    world.metrics.flush()
    world.carriers.faults.fail("learn", times=2)
    world.send(NUMBERS["ann"], WORDS)
    last = world.provider.texts[-1]
    last.network = {"carrier": "AT&T Mobility LLC"}
    world.webhook(receipt(last, "delivered", world.clock.now), path_id=last.key)


def stores_fail(world: World) -> None:
    for store in (world.messages, world.limits, world.optouts, world.queue):
        for name in {"accept", "read_gate", "get", "put", "claim"} & store.faults.names:
            store.faults.fail(name)
        world.send(NUMBERS["ann"], WORDS)
        world.enqueue(NUMBERS["ann"], WORDS)
        store.faults.clear()
    world.messages.faults.fail("claim")
    world.messages.faults.fail("submitted", after=True)
    world.consume()


def crashes(world: World) -> None:
    world.messages.faults.fail("accept", quoting)
    assert world.send(NUMBERS["ann"], WORDS).status == 500
    world.enqueue(NUMBERS["ann"], WORDS)
    world.messages.faults.fail("claim", quoting)
    world.consume()
    world.messages.faults.fail("due_messages", quoting)
    with pytest.raises(Crashed) as crashed:
        world.reconcile()
    # Lambda writes this into the log.
    assert not leaks(str(crashed.value))
    assert crashed.value.__suppress_context__


def leaks(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("one_line", [False, True], ids=["full", "basic"])
@pytest.mark.parametrize(
    ("happens", "events", "metrics"),
    [
        (
            [send_and_queue],
            {"request", "send.accepted", "send.refused", "breaker.opened", "send.suppressed"},
            {"ProviderLatencyMs", "RateLimited", "BreakerOpened", "DuplicatesSuppressed"},
        ),
        (
            [send_and_queue, webhooks],
            {"webhook.received", "webhook.unmatched", "optout.changed", "optout.unclear"},
            {"Webhooks", "SignaturesRefused", "WebhookDuplicates", "WebhookUnmatched"},
        ),
        (
            [send_and_queue, look_and_erase],
            {"request", "recipient.erased"},
            {"Erased"},
        ),
        ([send_and_queue, reconciles], {"reconcile"}, {"UnknownNow"}),
        ([carriers_are_learnt], {"request", "lookup.unavailable", "store.unavailable"}, {"NumberLookups"}),
        ([stores_fail], {"store.unavailable"}, set()),
        ([crashes], {"request.crashed", "worker.crashed", "job.crashed"}, {"Crashed"}),
    ],
    ids=["send-and-queue", "webhooks", "look-and-erase", "reconciles", "carriers", "stores-fail", "crashes"],
)
def test_no_recipient_queue_holds_a_number_or_a_word_of_anybody(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    happens: list[Callable[[World], None]],
    events: set[str],
    metrics: set[str],
    one_line: bool,
) -> None:
    world = logging_world(request, monkeypatch, one_line=one_line)
    for one in happens:
        one(world)

    out, err = capsys.readouterr()
    found = lines(out)
    assert leaks(out) == []
    assert err == ""
    # It has happened, and was logged.
    happened = {line["message"] for line in found if "message" in line}
    assert happened | {step["event"] for line in found for step in line.get("steps", ())} >= events
    assert {name for line in found if one_line or "_aws" in line for name in line} >= metrics


def test_a_crash_tells_what_was_raised_and_where(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = logging_world(request, monkeypatch)
    world.messages.faults.fail("accept", quoting)

    world.send(NUMBERS["ann"], WORDS)

    (line,) = (row for row in lines(capsys.readouterr().out) if row.get("message") == "request.crashed")
    (crash,) = line["crash"]
    assert line["level"] == "ERROR"
    assert crash["exception"] == "builtins.ValueError"
    assert any("send.py:" in frame and frame.endswith(" send_now") for frame in crash["at"])
