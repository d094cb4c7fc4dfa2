"""Events to the user's own URLs, in virtual time: at least once, in order for each text, for a day."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from standardwebhooks import Webhook

from longcode.domain.deliveries import GIVE_UP_MS, DeliveryState
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.subscriptions import DisabledReason, Secret
from longcode.entrypoints.config import WebhookSettings
from longcode.use_cases.subscription_cache import CACHED_MS
from tests.chance import FULL, showing
from tests.functional.delivery_steps import HOUR_MS, MINUTE_MS, SECOND_MS, SECRET, URL, Deliveries
from tests.support.fakes import THEIRS, make_settings
from tests.support.fakes.clock import START_MS
from tests.support.fakes.deliveries import Called
from tests.support.fakes.fault_injector import Died

STATUSES = ["queued", "sent", "delivered"]
OTHER = "https://other.example.com/hook"


@pytest.fixture
def steps() -> Deliveries:
    return Deliveries()


def down_until(at_ms: int, status: int | None = 503) -> Any:
    def answer(called: Called) -> int | None:
        return status if called.at_ms < at_ms else 204

    return answer


def test_an_event_arrives_signed_with_whom_it_is_about(steps: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    writes = steps.text_events()
    assert steps.publish(*writes) == {"batchItemFailures": []}
    # Neither the queue nor the log has a number, or what the sender said of the text.
    bodies = [stored.body + stored.group for stored in steps.queue.queue.stored]
    steps.run()

    assert steps.statuses() == {writes[0][1].id: STATUSES}
    first = steps.receivers.calls[0]
    detail = steps.world.event_bus.heard[0].detail
    assert json.loads(first.body) == {"type": "sms.status_changed", "timestamp": detail["at"], "data": detail}
    assert detail["to"] == THEIRS
    # By the library of the standard, at that moment.
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _Frozen)
    assert Webhook(SECRET).verify(first.body, dict(first.headers)) == json.loads(first.body)
    kept = repr(steps.log.kept)
    for private in (THEIRS, THEIRS.lstrip("+"), "A-17"):
        assert not any(private in body for body in [*bodies, kept, repr(steps.world.logger.lines)])
    assert {one.state for one in steps.log.kept.values()} == {DeliveryState.DELIVERED}


class _Frozen(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> "_Frozen":
        return cls.fromtimestamp(START_MS / 1000, tz or UTC)


def test_a_subscription_has_the_types_it_asked_for_and_others_are_not_queued(steps: Deliveries) -> None:
    steps.subscribe(OTHER, "sms.opted_out")
    changes = (OptOutChange(START_MS, True, "provider", "t-1"),)
    steps.publish(*steps.text_events(), (None, OptOut(THEIRS, True, changes, START_MS, 1)))
    assert len(steps.queue.queue.stored) == 5
    steps.run()

    assert Counter(one.url for one in steps.receivers.calls) == {URL: 4, OTHER: 1}
    (body,) = [json.loads(one.body) for one in steps.receivers.taken(OTHER)]
    assert body["data"]["number"] == THEIRS


def test_without_a_subscription_there_is_one_read_and_none_without_an_event_or_where_it_is_off() -> None:
    steps = Deliveries()
    steps.subscriptions.kept.clear()
    steps.publish()
    steps.publish((None, {"pk": {"S": "H#beat"}, "at_ms": {"N": "5"}}))
    assert steps.subscriptions.faults.count("all") == 0
    for _ in range(3):
        steps.publish(*steps.text_events())
        steps.clock.pass_ms(CACHED_MS // 3 - 1)
    assert (steps.subscriptions.faults.count("all"), steps.queue.faults.calls) == (1, [])

    off = Deliveries(settings=make_settings(webhooks=WebhookSettings("webhooks")))
    off.publish(*off.text_events())
    assert off.subscriptions.faults.calls == []
    assert len(off.world.event_bus.heard) == 3


def test_a_receiver_that_is_down_for_an_hour_loses_nothing_and_has_each_text_in_order() -> None:
    texts = 1_000 if FULL else 60
    for whole_groups in (False, True):
        steps = Deliveries(whole_groups=whole_groups)
        steps.receivers.answers[URL] = down_until(START_MS + HOUR_MS)
        ids = []
        for _ in range(texts):
            writes = steps.text_events()
            ids.append(writes[0][1].id)
            steps.publish(*writes)
            steps.run(steps.clock.now_ms() + 30 * MINUTE_MS // texts)
        steps.run()

        assert steps.statuses() == dict.fromkeys(ids, STATUSES)
        assert len(set(steps.ids())) == len(steps.ids()) == 3 * texts
        # The attempt before the end of the hour may have been the sixth, which the next follows in an hour.
        assert steps.clock.now_ms() - START_MS < 2 * HOUR_MS + 7 * MINUTE_MS
        failed = [one for one in steps.receivers.calls if one.status == 503]
        # Only the first of a text is tried, until it is taken.
        assert len(failed) <= texts * 8
        assert steps.now().failing_since_ms is None
        assert all(one.state is DeliveryState.DELIVERED for one in steps.log.kept.values())


def test_an_event_is_given_up_after_a_day_and_the_next_of_its_text_goes(steps: Deliveries) -> None:
    writes = steps.text_events()
    refused = steps.receivers.answers
    refused[URL] = down_until(START_MS + GIVE_UP_MS + 5 * SECOND_MS, None)
    steps.publish(*writes)
    steps.run()

    assert steps.statuses() == {writes[0][1].id: STATUSES[1:]} or steps.statuses() == {}
    states = Counter(one.state for one in steps.log.kept.values())
    assert states[DeliveryState.GAVE_UP] >= 1
    assert steps.world.metrics.counts[Metric.EVENTS_GIVEN_UP] == states[DeliveryState.GAVE_UP]
    assert sum(states.values()) == 3
    assert steps.queue.queue.stored == []


def test_attempts_are_kept_with_what_came_of_them_and_when_the_next_is(steps: Deliveries) -> None:
    steps.receivers.answers[URL] = down_until(START_MS + 20 * SECOND_MS)
    steps.publish(steps.text_events()[0])
    steps.run(START_MS + 10 * SECOND_MS)
    (one,) = steps.log.kept.values()
    assert one.state is DeliveryState.RETRYING
    assert [attempt.status for attempt in one.attempts] == [503, 503]
    assert one.next_attempt_ms
    assert START_MS + 35 * SECOND_MS <= one.next_attempt_ms <= START_MS + 40 * SECOND_MS
    assert steps.now().failing_since_ms == START_MS
    steps.run()

    (one,) = steps.log.kept.values()
    assert ([attempt.status for attempt in one.attempts], one.next_attempt_ms) == ([503, 503, 204], None)
    assert one.attempts[2].at_ms - START_MS == pytest.approx(37 * SECOND_MS, abs=3 * SECOND_MS)
    assert steps.now().failing_since_ms is None


def test_every_answer_but_2xx_is_a_failure_and_410_disables_at_once() -> None:
    for status in (100, 199, 300, 301, 304, 400, 404, 429, 500, 503, None):
        with showing(status):
            steps = Deliveries()
            steps.receivers.answers[URL] = down_until(START_MS + 1, status)
            steps.publish(steps.text_events()[0])
            steps.run()
            assert [one.status for one in steps.receivers.calls] == [status, 204]
    for status in (200, 201, 202, 204, 299):
        with showing(status):
            steps = Deliveries()
            steps.receivers.answers[URL] = lambda _, found=status: found  # type: ignore[misc]
            steps.publish(steps.text_events()[0])
            steps.run()
            assert len(steps.receivers.calls) == 1
    steps = Deliveries()
    steps.receivers.answers[URL] = lambda _: 410
    steps.publish(*steps.text_events(), *steps.text_events())
    steps.run()
    assert steps.now().disabled is DisabledReason.GONE
    # The two texts were under way side by side.
    assert len(steps.receivers.calls) <= 2
    assert steps.world.metrics.counts[Metric.SUBSCRIPTIONS_DISABLED] == 1
    assert {one.state for one in steps.log.kept.values()} == {DeliveryState.GAVE_UP}


def test_days_of_failures_disable_it_once_and_a_success_in_between_does_not() -> None:
    for answers_once in (False, True):
        steps = Deliveries()
        good_at = START_MS + 40 * HOUR_MS if answers_once else -1
        steps.receivers.answers[URL] = lambda one, good=good_at: 200 if good < one.at_ms < good + HOUR_MS else 500  # type: ignore[misc]
        for _ in range(8):
            steps.publish(steps.text_events()[0])
            steps.run(steps.clock.now_ms() + 10 * HOUR_MS)

        assert (steps.now().disabled is DisabledReason.FAILING) is not answers_once
        assert steps.world.metrics.counts[Metric.SUBSCRIPTIONS_DISABLED] == (0 if answers_once else 1)
        if not answers_once:
            last = max(one.at_ms for one in steps.receivers.calls)
            assert 72 * HOUR_MS <= last - START_MS <= 77 * HOUR_MS
            steps.publish(steps.text_events()[0])
            assert steps.queue.queue.stored == []


def test_one_that_hangs_holds_up_no_other(steps: Deliveries) -> None:
    texts = 1_000 if FULL else 300
    steps.receivers.answers[URL] = lambda _: None
    other = steps.subscribe(OTHER)
    # A burst for both at once, then a few a minute for an hour.
    steps.publish(*[steps.text_events()[0] for _ in range(texts)])
    steps.run(START_MS + 5 * MINUTE_MS)
    burst = [one.at_ms - START_MS for one in steps.receivers.taken(OTHER)]
    assert len(burst) == texts
    late: list[int] = []
    begun = steps.clock.now_ms()
    for _ in range(60):
        at = steps.clock.now_ms()
        before = len(steps.receivers.taken(OTHER))
        steps.publish(*[steps.text_events()[0] for _ in range(3)])
        steps.run(at + MINUTE_MS)
        taken = steps.receivers.taken(OTHER)[before:]
        assert len(taken) == 3
        late += [one.at_ms - at for one in taken]

    # Each worker learns it by one batch, or by three; ten seconds each.
    assert max(burst) <= 31 * SECOND_MS, max(burst)
    # And makes one call a minute from then on.
    assert max(late) <= 11 * SECOND_MS, max(late)
    hung = [one for one in steps.receivers.calls if one.url == URL and one.at_ms >= begun]
    assert 0 < len(hung) <= 5 * 61
    assert steps.subscriptions.kept[other.id].failing_since_ms is None
    # What was not tried comes when the receiver is well again.
    steps.receivers.answers[URL] = down_until(0)
    steps.run()
    assert len(steps.ids()) == len(set(steps.ids())) == texts + 180


def test_urls_and_secrets_are_those_of_the_moment(steps: Deliveries) -> None:
    steps.receivers.answers[URL] = lambda _: 503
    steps.publish(steps.text_events()[0])
    steps.run(START_MS + SECOND_MS)
    new = "https://new.example.com/hook"
    secrets = (Secret(f"whsec_{'A' * 43}="), Secret(SECRET, START_MS + HOUR_MS))
    steps.subscriptions.kept[steps.subscription.id] = replace(steps.now(), url=new, secrets=secrets)
    steps.run()

    (taken,) = steps.receivers.taken(new)
    assert taken.headers["webhook-signature"].count("v1,") == 2
    assert taken.headers["webhook-id"] == steps.receivers.calls[0].headers["webhook-id"]


def test_what_its_subscription_or_its_text_is_gone_for_is_not_called_and_not_lost_silently() -> None:
    for gone in ("deleted", "disabled", "erased"):
        steps = Deliveries()
        write = steps.text_events()[0]
        steps.receivers.answers[URL] = lambda _: 503
        steps.publish(write)
        steps.run(START_MS + SECOND_MS)
        if gone == "deleted":
            del steps.subscriptions.kept[steps.subscription.id]
        elif gone == "disabled":
            steps.subscriptions.kept[steps.subscription.id] = replace(steps.now(), disabled=DisabledReason.REQUEST)
        else:
            reply = steps.world.request(
                "recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS}
            )
            assert reply.status == 200
        steps.run(START_MS + HOUR_MS)

        assert steps.queue.queue.stored == [], gone
        # One more where the subscription was known for a moment still.
        assert len(steps.receivers.calls) <= 2
        if gone != "deleted":
            (kept,) = steps.log.kept.values()
            assert kept.state is DeliveryState.GAVE_UP
            assert kept.attempts[-1].error in ("the subscription was disabled", "its text was erased")
        assert steps.world.logger.of("delivery.dropped")
        assert THEIRS not in repr(steps.log.kept)


# --------------------------------------------------------------------------------- what fails on the way


def test_what_the_queue_does_not_take_comes_again_and_so_does_all_if_subscriptions_cannot_be_read(
    steps: Deliveries,
) -> None:
    writes = [*steps.text_events(), *steps.text_events()]
    steps.queue.faults.fail("put", skip=2)
    answer = steps.publish(*writes)
    assert [row["itemIdentifier"] for row in answer["batchItemFailures"]] == [str(10**20 + 3)]
    # Nothing is on the bus that is not in the queue: it would be there twice.
    assert len(steps.world.event_bus.heard) == 2
    steps._writes = 2
    assert steps.publish(*writes[2:]) == {"batchItemFailures": []}
    steps.run()
    assert list(steps.statuses().values()) == [STATUSES, STATUSES]

    steps.clock.pass_ms(CACHED_MS)
    steps.subscriptions.faults.fail("all")
    assert steps.publish(*steps.text_events())["batchItemFailures"]
    assert steps.world.metrics.counts[Metric.EVENTS_REFUSED] == 2


def test_a_batch_that_comes_again_makes_no_second_call(steps: Deliveries) -> None:
    writes = steps.text_events()
    for wait_ms in (0, SECOND_MS, 6 * MINUTE_MS, HOUR_MS):
        steps.publish(*writes)
        steps._writes = 0
        steps.run()
        steps.clock.pass_ms(wait_ms)

    # After five minutes the queue has forgotten, and what was noted has not.
    assert len(steps.receivers.calls) == 3
    assert [one.id for one in steps.world.event_bus.heard] == [*steps.ids()] * 4


def test_a_worker_that_dies_or_a_store_that_fails_at_any_call_loses_nothing_and_keeps_the_order() -> None:
    stores = ("log", "queue", "receivers", "subscriptions")
    tried = 0
    for store in stores:
        for call in ("get", "save", "hide", "call", "all", "note_failing", "note_success"):
            if call not in getattr(Deliveries(), store).faults.names:
                continue
            for after in (False, True):
                for failure in (Died, lambda: Unavailable("A store")):
                    if store == "receivers" and failure is not Died:
                        continue
                    for skip in range(4):
                        with showing((store, call, after, skip)):
                            _die_once(store, call, after=after, skip=skip, failure=failure)
                            tried += 1
    assert tried > 50


def _die_once(store: str, call: str, *, after: bool, skip: int, failure: Any) -> None:
    steps = Deliveries()
    steps.receivers.answers[URL] = down_until(START_MS + 20 * SECOND_MS)
    writes = [*steps.text_events(), *steps.text_events()]
    steps.publish(*writes)
    getattr(steps, store).faults.fail(call, failure, after=after, skip=skip)
    steps.run()

    found = steps.statuses()
    assert set(found) == {after.id for _, after in writes}
    for statuses in found.values():
        # Each for the first time in its order; what comes again is what came last.
        assert list(dict.fromkeys(statuses)) == STATUSES
        assert all(STATUSES.index(one) <= STATUSES.index(other) for one, other in pairwise(statuses))
    assert len(set(steps.ids())) == 6
    assert len(steps.ids()) <= 8
    assert steps.queue.queue.stored == []


def test_what_cannot_be_read_is_dropped_and_what_is_newer_waits(steps: Deliveries) -> None:
    for number, body in enumerate(("", "{", "[]", '{"v":1}', '{"v":1,"event":"x"}', '{"v":true}')):
        steps.queue.queue.append(body, f"g-{number}", f"d-{number}")
    steps.run()
    assert steps.queue.queue.stored == []
    assert steps.world.metrics.counts[Metric.UNREADABLE] == 6

    steps.queue.queue.append('{"v":2}', "g", "d")
    steps.run(steps.clock.now_ms() + MINUTE_MS)
    assert len(steps.queue.queue.stored) == 1
    assert steps.world.logger.crashes == []


def test_a_call_that_would_not_end_in_time_is_not_begun(steps: Deliveries) -> None:
    steps.publish(*steps.text_events())
    steps.receivers.takes_ms = 9_000
    batch = steps.queue.queue.take()
    event = {"Records": [steps.queue.queue.record(stored) for stored in batch]}

    answer = steps.world.invoke("deliverer", event, timeout_ms=25_000)

    assert len(steps.receivers.calls) == 2
    assert [row["itemIdentifier"] for row in answer["batchItemFailures"]] == [batch[2].queue_id]
