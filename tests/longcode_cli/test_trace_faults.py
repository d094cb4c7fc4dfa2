"""What went wrong on a text's way is drawn as such: refusals, doubts, repeats, duplicates, lost work."""

import json
from dataclasses import replace

import pytest

from longcode.aws.observability import LambdaLogger
from longcode.domain.deliveries import DeliveryState
from longcode.domain.message import Entry, Fault
from longcode.domain.status import Status
from longcode_cli.trace import evidence, spans
from longcode_cli.trace.events import events
from longcode_cli.trace.model import Evidence, Group, Line, State
from tests.functional.consumer_steps import A
from tests.support.fakes import make_world
from tests.support.fakes.examples import make_message
from tests.support.fakes.fault_injector import unavailable
from tests.support.fakes.provider import ACCEPTS_AND_HANGS, FAILS_500, NO_SUCH_NUMBER
from tests.support.fakes.webhooks import receipt
from tests.support.traces import Recorded, lasted, of


@pytest.fixture
def recorded() -> Recorded:
    return Recorded(make_world())


def deliver(recorded: Recorded, word: str = "delivered", *faults: Fault) -> bytes:
    """The provider's receipt for the one text; its body."""
    world = recorded.world
    world.clock.pass_ms(400)
    (text,) = world.provider.texts
    body = receipt(text, word, world.clock.now - 50, faults=faults)
    assert world.webhook(body, path_id=text.key).status == 200
    return body


def test_a_text_that_went_well_has_every_step_and_no_fault(recorded: Recorded) -> None:
    ident = recorded.queue(A)
    recorded.world.consume()
    deliver(recorded, "sent")
    deliver(recorded)
    trace = recorded.trace(ident)

    assert {one.state for one in trace.spans} == {State.OK, State.WAITING}
    kinds = {"call", "write", "put", "request", "receipt", "wait.provider", "wait.carrier"}
    assert kinds <= {one.kind for one in trace.spans}
    assert [one.label for one in of(trace, "write")] == [
        "Stored: queued", "Claimed: sending", "Status: submitted", "Status: sent", "Status: delivered",
    ]  # fmt: skip
    assert (trace.title, trace.state) == ("Delivered", State.OK)
    assert sum(ms for _, _, ms in trace.shares) == spans.final_ms(recorded.message(ident)) - trace.begun_ms
    drawn = {place for one in trace.spans for place in one.lines}
    assert drawn == set(range(len(trace.lines)))


def test_a_failing_number_is_a_fault_with_the_providers_words(recorded: Recorded) -> None:
    recorded.world.provider.then(NO_SUCH_NUMBER)
    ident = recorded.queue(A)
    recorded.world.consume()
    trace = recorded.trace(ident)

    (request,) = of(trace, "request.refused")
    assert (request.label, request.state) == ("Request: refused for good", State.FAULT)
    assert "40310 Invalid 'to' address" in request.detail
    assert (trace.title, trace.state) == ("Not sent", State.FAULT)
    assert "40310" in trace.subtitle


def test_a_receipt_that_says_it_did_not_arrive_is_a_fault(recorded: Recorded) -> None:
    ident = recorded.queue(A)
    recorded.world.consume()
    deliver(recorded, "delivery_failed", Fault("40001", "Not routable", f"{A} is no mobile"))
    trace = recorded.trace(ident)

    (one,) = of(trace, "receipt")
    assert (one.label, one.state) == ("Receipt: delivery failed", State.FAULT)
    assert "40001 Not routable" in one.detail
    assert A not in json.dumps(trace.fields())
    assert A in json.dumps(recorded.trace(ident, full=True).fields())


def test_an_answer_that_does_not_come_leaves_a_doubt_until_the_receipt(recorded: Recorded) -> None:
    recorded.world.provider.then(ACCEPTS_AND_HANGS)
    ident = recorded.queue(A)
    recorded.world.consume()
    open_ = recorded.trace(ident)
    (doubt,) = of(open_, "doubt")
    assert (doubt.end_ms, doubt.state, open_.state) == (None, State.FAULT, State.FAULT)
    assert of(open_, "request.refused")[0].label == "Request: no clear answer"
    assert 9_000 <= lasted(open_, "request.refused") <= 11_000

    deliver(recorded)
    closed = recorded.trace(ident)
    (doubt,) = of(closed, "doubt")
    assert doubt.end_ms is not None
    assert closed.title == "Delivered"


def test_a_request_that_is_repeated_is_drawn_as_a_retry(recorded: Recorded) -> None:
    world = recorded.world
    world.provider.then(FAILS_500)
    ident = recorded.queue(A)
    world.consume()
    world.clock.pass_ms(700_000)
    world.reconcile()
    trace = recorded.trace(ident)

    assert recorded.message(ident).replays == 1
    (again,) = of(trace, "replay")
    assert again.state is State.FAULT
    assert "idempotency key" in again.detail
    assert "Its outcome became known" in [one.label for one in of(trace, "moment")]


def test_a_receipt_that_comes_twice_is_a_duplicate(recorded: Recorded) -> None:
    ident = recorded.queue(A)
    recorded.world.consume()
    body = deliver(recorded)
    recorded.world.clock.pass_ms(300)
    recorded.world.webhook(body, path_id=ident)
    trace = recorded.trace(ident)

    (twice,) = of(trace, "receipt.duplicate")
    assert (twice.label, twice.state) == ("Receipt: delivered (again)", State.FAULT)
    assert len(of(trace, "receipt")) == 1


def test_a_request_of_the_api_that_comes_again_is_one_too(recorded: Recorded) -> None:
    ident = recorded.queue(A, key="order-17")
    assert recorded.queue(A, key="order-17") == ident
    trace = recorded.trace(ident)

    assert len(of(trace, "call")) == 1
    (again,) = of(trace, "call.repeated")
    assert again.state is State.FAULT
    assert "not sent again" in again.detail


def test_a_call_that_was_refused_before_its_text_was_stored_was_not_answered_from_the_record(
    recorded: Recorded,
) -> None:
    world = recorded.world
    world.messages.faults.fail("accept", unavailable)
    assert world.enqueue(A, key="order-17").status == 503
    world.clock.pass_ms(2_000)
    trace = recorded.trace(recorded.queue(A, key="order-17"))

    refused, came = of(trace, "call")
    assert (refused.label, refused.state) == ("POST /sms/queue: 503", State.FAULT)
    assert (came.label, came.state) == ("POST /sms/queue: 202", State.OK)
    assert not of(trace, "call.repeated")


def test_a_number_in_the_providers_words_is_masked_in_the_headline() -> None:
    fault = Fault("10009", "Nothing is known of +12025550123")
    message = make_message(status=Status.UNKNOWN, route="queue", faults=(fault,))
    headlines = [
        spans.trace(Evidence(message, []), message.accepted_ms + 9, full=full).subtitle for full in (False, True)
    ]

    assert ["+12025550123" in one for one in headlines] == [False, True]
    assert headlines[0].endswith("+1…23.")


def test_a_cancelled_text_shows_who_did_it_and_is_no_fault(recorded: Recorded) -> None:
    world = recorded.world
    ident = recorded.queue(A, send_at="2023-11-15T09:00:00Z")
    world.clock.pass_ms(5_000)
    path = {"id": ident}
    assert world.request("queue", "DELETE", "/sms/queue/{id}", parameters=path).status == 200
    trace = recorded.trace(ident)

    (change,) = of(trace, "call.change")
    assert change.label == "Cancelled by its caller: 200"
    assert (trace.title, trace.state) == ("Cancelled", State.OK)
    (bar,) = of(trace, "wait.schedule")
    assert 4_900 <= (bar.end_ms or 0) - bar.start_ms <= 5_100


def test_a_claim_that_was_lost_is_no_request() -> None:
    fault = Fault("claim_lost", "The invocation that was sending this text ended without a word.")
    message = make_message(status=Status.UNKNOWN, route="queue", claim_id="c", attempts=1, faults=(fault,))
    at = message.accepted_ms
    message = replace(
        message, claimed_ms=at + 500, history=(Entry(at + 80_000, "unknown", "consumer", faults=(fault,)),)
    )
    line = Line(
        at + 80_001, "reconciler", "WARNING", "claim.lost", {"message_id": message.id, "code": "claim_lost"}
    )
    trace = spans.trace(Evidence(message, [line]), at + 90_000)
    assert trace.subtitle.endswith("without a word.")
    assert ".." not in trace.subtitle

    assert [one for one in trace.spans if one.group is Group.PROVIDER] == []
    (lost,) = of(trace, "moment")
    assert (lost.label, lost.state) == ("Its invocation ended without a word", State.FAULT)
    assert of(trace, "doubt")[0].end_ms is None


def test_a_webhook_of_the_user_that_fails_is_drawn_with_the_wait_for_its_next_try() -> None:
    message = make_message(status=Status.DELIVERED)
    about = {"message_id": message.id, "subscription_id": "s", "event_id": "e", "type": "message.delivered"}
    at = message.accepted_ms

    def attempt(after_ms: int, status: int | None, state: DeliveryState, error: str | None = None) -> Line:
        more = {"status": status, "state": state.value, "error": error, "duration_ms": 200}
        return Line(at + after_ms, "deliverer", "INFO", "delivery.attempt", about | more)

    lines = [
        attempt(1_000, 503, DeliveryState.RETRYING),
        attempt(6_500, None, DeliveryState.RETRYING, "timed out"),
        attempt(36_900, 200, DeliveryState.DELIVERED),
        Line(at + 40_000, "deliverer", "WARNING", "delivery.gave_up", about),
    ]
    trace = spans.trace(Evidence(message, lines), at + 60_000)

    attempts = of(trace, "delivery")
    assert [(one.label, one.state) for one in attempts] == [
        ("Your webhook: 503", State.FAULT),
        ("Your webhook: no answer", State.FAULT),
        ("Your webhook: 200", State.OK),
    ]
    assert [one.ended(0) - one.start_ms for one in of(trace, "wait.delivery")] == [5_300, 30_200]
    assert of(trace, "moment")[0].state is State.FAULT


@pytest.mark.parametrize("one_line", [True, False], ids=["basic", "full"])
def test_a_line_that_stands_for_an_invocation_is_taken_apart(
    one_line: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Powertools keeps the output of the first logger of a name.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"trace-{one_line}")
    logger = LambdaLogger(one_line=one_line)
    logger.begin("invocation-1")
    logger.info("send.waited", message_id="m-1", held_by="sender_rate", waited_ms=900, slot_ms=5)
    logger.info("send.accepted", message_id="m-1", telnyx_id="t-1", provider_ms=40)
    logger.info("send.accepted", message_id="m-2", telnyx_id="t-2", provider_ms=41)
    logger.info("batch", message_ids=["m-3", "m-4"], waiting=2, held_by=["paused", "breaker"], until_ms=[7, 8])
    logger.end(QueueAgeMs=12)
    written = capsys.readouterr().out.splitlines()

    def read(ident: str) -> list[tuple[str, object]]:
        rows = [[{"field": "@log", "value": "/aws/lambda/s-consumer"}, {"field": "@message", "value": text}]
                for text in written if ident in text]  # fmt: skip
        lines = [line for row in rows if (line := evidence.read_row(row, ident))]
        found = events(lines, ident)
        assert {line.function for line in lines} == {"consumer"}
        return [(one.name, one.fields.get("provider_ms") or one.fields.get("held_by")) for one in found]

    assert read("m-1") == [("send.waited", "sender_rate"), ("send.accepted", 40)]
    assert read("m-2") == [("send.accepted", 41)]
    assert read("m-3") == [("batch", "paused")]
    assert read("m-4") == [("batch", "breaker")]


def test_of_other_texts_a_line_says_only_how_many_they_are() -> None:
    fields = {"level": "INFO", "message": "batch", "message_ids": ["a", "b", "c"], "held_by": ["paused"] * 3}
    line = evidence.line(1, "consumer", fields, "b")
    assert line.fields["message_ids"] == ["b", "and 2 more"]
    assert line.fields["held_by"] == "paused"
    masked = evidence.line(1, "consumer", {"level": "INFO", "message": "x", "to": ["call +12025550123"]}, "b")
    assert masked.fields["to"] == ["call +1…23"]
