"""No event to a user's own URL is lost without a word: what is given up is written down and calls a person."""

import json
from dataclasses import replace
from typing import Any

import pytest

from longcode.aws import delivery_queue
from longcode.domain.deliveries import GIVE_UP_MS, DeliveryState
from longcode.domain.errors import Unavailable
from longcode.domain.message import iso
from longcode.domain.metrics import Metric
from longcode.domain.status import Status
from longcode.domain.subscriptions import DisabledReason
from tests.chance import showing
from tests.functional.delivery_steps import HOUR_MS, MINUTE_MS, SECOND_MS, URL, Deliveries
from tests.support.fakes import THEIRS
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message
from tests.support.fakes.fault_injector import Died

REPLAY = "/webhooks/subscriptions/{subscription_id}/replay"


def test_an_event_is_given_up_only_when_that_is_written_down() -> None:
    for why in ("after a day", "410", "disabled", "erased", "hangs"):
        with showing(why):
            steps = Deliveries()
            steps.receivers.answers[URL] = _refusing(why)
            steps.publish(steps.text_events()[0])
            steps.run(START_MS + 2 * SECOND_MS)
            _end(steps, why)
            # Until some minutes after the event's end nothing can be written.
            until = START_MS + (GIVE_UP_MS if why in ("after a day", "hangs") else 0) + HOUR_MS
            steps.log.faults.fail("save", lambda: Unavailable("The webhooks table"), times=100_000)
            steps.run(until)
            assert len(steps.queue.queue.stored) == 1
            assert not steps.world.metrics.counts[Metric.EVENTS_GIVEN_UP]

            steps.log.faults.clear()
            steps.run()
            (kept,) = steps.log.kept.values()
            assert kept.state is DeliveryState.GAVE_UP
            assert steps.queue.queue.stored == []


def _refusing(why: str) -> Any:
    def answer(called: Any) -> int | None:
        if why == "410":
            return 410 if called.at_ms > START_MS + SECOND_MS else 503
        return None if why == "hangs" else 503

    return answer


def _end(steps: Deliveries, why: str) -> None:
    if why == "disabled":
        steps.subscriptions.kept[steps.subscription.id] = replace(steps.now(), disabled=DisabledReason.REQUEST)
    elif why == "erased":
        steps.world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})


def test_a_fault_of_ours_holds_up_its_own_group_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Deliveries()
    texts = [steps.text_events() for _ in range(3)]
    steps.publish(*[write for writes in texts for write in writes])
    # A call that ends as none should.
    steps.receivers.faults.fail("call", lambda: RuntimeError("odd"))
    steps.run(START_MS + 10 * SECOND_MS)
    assert sorted(map(len, steps.statuses().values())) == [3, 3]
    assert len(steps.queue.queue.stored) == 3
    assert steps.world.metrics.counts[Metric.CRASHED] == 1
    steps.run()
    assert steps.statuses() == {writes[0][1].id: ["queued", "sent", "delivered"] for writes in texts}

    # A text that can't be read, as one of another version: those beside it are read.
    texts = [steps.text_events() for _ in range(3)]
    odd = texts[1][0][1].id
    read = steps.world.messages.get_all

    def get_all(ids: Any) -> Any:
        if odd in ids:
            raise ValueError("of another version")
        return read(ids)

    monkeypatch.setattr(steps.world.messages, "get_all", get_all)
    steps.publish(*[write for writes in texts for write in writes])
    steps.run(steps.clock.now_ms() + 10 * SECOND_MS)
    assert [writes[0][1].id in steps.statuses() for writes in texts] == [True, False, True]
    monkeypatch.undo()
    steps.run()
    assert steps.statuses()[odd] == ["queued", "sent", "delivered"]


def test_what_waits_for_one_that_was_disabled_calls_a_person_even_if_a_worker_died() -> None:
    for reason, given_up in ((DisabledReason.GONE, 1), (DisabledReason.FAILING, 1), (DisabledReason.REQUEST, 0)):
        with showing(reason):
            steps = Deliveries()
            steps.receivers.answers[URL] = lambda _: 410
            steps.publish(steps.text_events()[0])
            if reason is DisabledReason.GONE:
                # It is disabled, and the worker dies before it has counted that.
                steps.subscriptions.faults.fail("disable", Died, after=True)
            else:
                steps.subscriptions.kept[steps.subscription.id] = replace(steps.now(), disabled=reason)
            steps.run()
            assert steps.now().disabled is reason
            assert steps.world.metrics.counts[Metric.EVENTS_GIVEN_UP] == given_up


def test_one_event_in_days_that_fails_by_chance_disables_nothing() -> None:
    for well_again in (True, False):
        with showing(well_again):
            steps = Deliveries()
            steps.receivers.answers[URL] = lambda _: 500
            steps.publish(steps.text_events()[0])
            # It is given up after a day, and nothing happens for days.
            steps.run()
            steps.clock.sleep_until(START_MS + 4 * 24 * HOUR_MS)
            begun = steps.clock.now_ms()
            if well_again:
                steps.receivers.answers[URL] = lambda called, begun=begun: 500 if called.at_ms == begun else 204  # type: ignore[misc]
            steps.publish(steps.text_events()[0])
            steps.run()

            assert steps.now().disabled is (None if well_again else DisabledReason.FAILING)
            assert (steps.now().failing_since_ms is None) is well_again
            last = max(one.at_ms for one in steps.receivers.calls) - begun
            assert last < MINUTE_MS if well_again else HOUR_MS <= last <= 3 * HOUR_MS
            assert steps.world.metrics.counts[Metric.SUBSCRIPTIONS_DISABLED] == (0 if well_again else 1)


def test_a_replay_of_many_texts_is_few_calls_of_the_queue_and_keeps_the_order_of_each() -> None:
    steps = Deliveries()
    for _ in range(20):
        for write in steps.text_events():
            steps.publish(write)
            steps.clock.pass_ms(SECOND_MS)
        steps.run()
    parameters = {"subscription_id": steps.subscription.id}
    body = {"since": iso(START_MS), "until": iso(steps.clock.now_ms() + HOUR_MS)}
    reply = steps.world.request("subscriptions", "POST", REPLAY, body, parameters=parameters)
    assert reply.fields["replayed"] == 60
    bodies = [delivery_queue.received(steps.queue.queue.record(one)).event for one in steps.queue.queue.stored]
    # As many at a time as SQS takes; one by one it would be 41.
    assert len(list(delivery_queue._portions([event for event in bodies if event]))) == 6
    steps.run()
    assert list(steps.statuses().values()) == [["queued", "sent", "delivered"] * 2] * 20


def test_a_replay_has_events_of_one_millisecond_in_their_order() -> None:
    steps = Deliveries()
    texts = [
        make_message(accepted_ms=START_MS, direction="inbound", status=Status.RECEIVED, opt_out="unclear")
        for _ in range(12)
    ]
    steps.publish(*[(None, text) for text in texts])
    steps.run()
    body = {"since": iso(0), "until": iso(START_MS + 24 * HOUR_MS)}
    parameters = {"subscription_id": steps.subscription.id}
    reply = steps.world.request("subscriptions", "POST", REPLAY, body, parameters=parameters)
    assert reply.fields["replayed"] == 24
    steps.run()
    types: dict[str, list[str]] = {}
    for one in steps.receivers.taken(URL):
        event = json.loads(one.body)
        types.setdefault(event["data"]["message_id"], []).append(event["type"])
    assert list(types.values()) == [["sms.received", "sms.opt_out_unclear"] * 2] * 12
