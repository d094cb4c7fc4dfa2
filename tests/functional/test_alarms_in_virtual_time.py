"""Each fault that only a gauge of ours sees, provoked in the service itself, sets off its alarm.

Texts that wait by right set off none.

The samples are those that the service writes, minute by minute in virtual time; the alarms are those of
operations/template.yaml. What AWS would publish is missing, as it is on AWS while such a fault lasts.
"""

from collections.abc import Callable
from typing import Any

import pytest

from devtools.local_stack.telemetry import alarms, deployed
from devtools.local_stack.telemetry.alarms import State
from devtools.local_stack.telemetry.series import Telemetry
from longcode.domain.carriers import Carrier, CarrierStop
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import NAMESPACE, Metric
from longcode.domain.status import HeldBy
from tests.chance import showing
from tests.functional.test_publisher import beat, publish_to
from tests.support.fakes import OURS, THEIRS, FakeClock, FakeMetrics, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.webhooks import SUSPENDED, UNSUSPENDED, campaign_event, inbound
from tests.support.receipts import Receipts

pytestmark = pytest.mark.slow

MINUTE = 60_000
OPERATIONS = deployed.read_operations({}, {"Monitoring": "full"}, "sms", "us-east-1")
KEYS = {
    query.key.name: query.key
    for alarm in OPERATIONS.alarms.values()
    for query in alarm.queries
    if query.key and query.key.namespace == NAMESPACE
}
OTHERS = [f"+1202555013{number}" for number in range(10)]


class Timed(FakeMetrics):
    """A meter that knows when."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.telemetry = Telemetry()

    def count(self, metric: Metric, value: float = 1) -> None:
        super().count(metric, value)
        if metric in KEYS:
            self.telemetry.add(KEYS[metric], self._clock.now, value, metric.unit)


class Stack:
    """A world that goes on by itself: the reconciler each minute, consumer and publisher unless they are off."""

    def __init__(self, **settings: Any) -> None:
        clock = FakeClock()
        self.metrics = Timed(clock)
        self.world: World = make_world(make_settings(**settings), clock=clock, metrics=self.metrics)
        self.receipts = Receipts(self.world)
        self.consumer = self.publisher = True
        self.began = clock.now
        self._beats = 0

    def minutes(self, count: int, each: Callable[[], object] = lambda: None) -> None:
        world = self.world
        for _ in range(count):
            end = world.clock.now + MINUTE
            each()
            world.reconcile()
            if self.publisher:
                fresh = world.heartbeat.beats[self._beats :]
                self._beats += len(fresh)
                publish_to(world, *[(None, beat(at_ms)) for at_ms in fresh], first=self._beats)
            if self.consumer:
                world.consume(until_ms=end - 1)
            world.clock.sleep_until(end)

    def every(self, minutes: int, duration_min: int) -> None:
        """A text each so many minutes, for so long."""
        for _ in range(duration_min // minutes):
            self.world.enqueue()
            self.minutes(minutes)

    def enqueue_all(self, count: int) -> None:
        """So many texts, to one after the other."""
        for number in range(count):
            self.world.enqueue(OTHERS[number % len(OTHERS)])

    def alarm_minutes(self, alarm: str) -> list[int]:
        """The minutes, from the beginning, at which it is in alarm."""
        found = alarms.states(
            OPERATIONS.alarms[alarm], self.metrics.telemetry, self.began, self.world.clock.now // MINUTE * MINUTE
        )
        return [(at - self.began) // MINUTE for at, state in found if state is State.ALARM]


def test_all_is_well_and_no_alarm_goes_off() -> None:
    stack = Stack()
    stack.minutes(60, stack.world.enqueue)

    assert stack.world.queue.stored == []
    # It looks at Lambda's own metric, which is not written here.
    assert [alarm for alarm in OPERATIONS.alarms if stack.alarm_minutes(alarm)] == ["ReconcilerSilent"]


# ------------------------------------------------------------------------------------------ what is overdue


def test_a_consumer_that_does_not_run_is_seen_and_ends_with_it() -> None:
    stack = Stack()
    stack.consumer = False
    for to in OTHERS[:3]:
        stack.world.enqueue(to)
    stack.minutes(30)
    minutes = stack.alarm_minutes("OldestText")
    assert minutes
    assert minutes[0] <= 22

    stack.consumer = True
    stack.minutes(5)
    assert len(stack.world.provider.texts) == 3
    assert stack.alarm_minutes("OldestText")[-1] < 33


def test_a_text_that_the_queue_has_lost_is_seen_though_the_queue_holds_others() -> None:
    stack = Stack(recipient_interval_ms=MINUTE)
    stack.world.enqueue(OTHERS[0])
    stack.world.queue.stored.clear()
    for _ in range(40):
        stack.world.enqueue(OTHERS[1])
    stack.minutes(30)

    assert stack.world.queue.stored
    assert stack.alarm_minutes("Stranded") == []
    assert stack.alarm_minutes("OldestText")[0] <= 22


def test_a_provider_that_wants_less_of_everybody_for_long_is_seen() -> None:
    stack = Stack()
    stack.world.provider.usual = providers.refuses(429, "40318", "Queue full", retry_after="300")
    for to in OTHERS:
        stack.world.enqueue(to)
    stack.minutes(40)

    assert stack.alarm_minutes("RateLimited") == []
    assert stack.alarm_minutes("OldestText")[0] <= 30


@pytest.mark.parametrize("count", [1, 2])
def test_so_is_an_outage_that_too_few_recipients_meet_to_stop_all(count: int) -> None:
    stack = Stack()
    stack.world.provider.usual = providers.UNREACHABLE
    for to in OTHERS[:count]:
        stack.world.enqueue(to)
    stack.minutes(40)

    assert stack.alarm_minutes("ProviderOutage") == []
    assert stack.alarm_minutes("OldestText")[0] <= 30


def test_a_recipient_queue_that_is_long_is_on_time() -> None:
    stack = Stack(recipient_interval_ms=MINUTE)
    for _ in range(90):
        stack.world.enqueue(THEIRS)
    stack.minutes(100)

    assert len(stack.world.provider.texts) == 90
    assert max(stack.metrics.values[Metric.OLDEST_WAIT]) > 80 * 60
    assert stack.alarm_minutes("OldestText") == []


def test_so_is_one_that_shares_a_slow_sender_with_others() -> None:
    stack = Stack(sender_segment_ms=MINUTE)
    for number in range(60):
        stack.world.enqueue(OTHERS[number % 10])
    stack.minutes(70)

    assert len(stack.world.provider.texts) == 60
    assert stack.alarm_minutes("OldestText") == []


def test_a_pause_rings_nothing_is_seen_and_ends_quietly_but_not_when_texts_are_half_out_of_date() -> None:
    stack = Stack(validity_minutes=24 * 60)
    stack.world.limits.pause(stack.world.clock.now, "closed")
    for to in OTHERS:
        stack.world.enqueue(to)
    stack.minutes(180)
    assert stack.metrics.values[Metric.OLDEST_WAIT][-1] > 170 * 60
    stack.world.limits.resume()
    stack.minutes(30)
    assert len(stack.world.provider.texts) == len(OTHERS)
    assert stack.alarm_minutes("OldestText") == []

    stack.world.limits.pause(stack.world.clock.now, "forgotten")
    stack.world.enqueue()
    stack.minutes(12 * 60 + 30)
    assert stack.alarm_minutes("OldestText")[0] > 210 + 12 * 60


def test_texts_that_wait_for_their_carriers_next_day_are_on_time_and_those_for_the_providers_queue_are_not() -> (
    None
):
    for held_by, late in ((HeldBy.CARRIER_DAY_CAP, False), (HeldBy.PROVIDER_BACKOFF, True)):
        with showing(held_by):
            stack = Stack()
            for carrier in (Carrier.ATT, Carrier.T_MOBILE):
                until_ms = stack.world.clock.now + 90 * MINUTE
                stack.world.carriers.stop(OURS, CarrierStop(carrier, until_ms, held_by))
            for to in OTHERS:
                stack.world.enqueue(to)
            stack.minutes(100)

            assert len(stack.world.provider.texts) == len(OTHERS)
            assert bool(stack.alarm_minutes("OldestText")) is late


def test_an_outage_has_an_alarm_of_its_own_and_leaves_quietly() -> None:
    stack = Stack()
    stack.world.provider.usual = providers.UNREACHABLE
    for to in OTHERS:
        stack.world.enqueue(to)
    stack.minutes(120)
    assert stack.alarm_minutes("ProviderOutage")
    stack.world.provider.usual = providers.ACCEPTS
    stack.minutes(30)

    assert len(stack.world.provider.texts) == len(OTHERS)
    assert stack.alarm_minutes("OldestText") == []


# ---------------------------------------------------------------------------------------------- the webhooks


def test_webhooks_that_stop_are_seen_at_a_dozen_texts_an_hour_and_end_with_two_that_come() -> None:
    stack = Stack()
    stack.every(5, 60)
    stack.receipts.stop()
    stack.every(5, 60)
    assert stack.world.metrics.counts[Metric.RECEIPTS_READ_BACK] >= 9
    assert 60 + 20 <= stack.alarm_minutes("WebhooksSilent")[0] <= 60 + 45

    stack.receipts.go_on()
    stack.every(5, 60)
    # The second of the two texts leaves after five minutes, and says something after five more.
    assert stack.alarm_minutes("WebhooksSilent")[-1] <= 120 + 12


def test_so_are_they_at_a_dozen_texts_a_minute_before_a_receipt_is_overdue_by_five_minutes() -> None:
    stack = Stack()
    stack.minutes(20, lambda: stack.enqueue_all(12))
    stack.receipts.stop()
    stack.minutes(30, lambda: stack.enqueue_all(12))

    assert 20 + 15 <= stack.alarm_minutes("WebhooksSilent")[0] <= 20 + 22


def test_a_dozen_texts_on_a_stack_that_never_had_a_webhook_are_enough() -> None:
    stack = Stack()
    stack.receipts.stop()
    stack.enqueue_all(12)
    stack.minutes(30)

    assert stack.alarm_minutes("WebhooksSilent")[0] <= 22
    # It lasts as long as no webhook comes, and not as long as a receipt is overdue.
    stack.minutes(120)
    assert stack.alarm_minutes("WebhooksSilent")[-1] >= 149


def test_texts_that_come_in_do_not_hide_that_no_receipt_does() -> None:
    # They have another address: that of the messaging profile.
    stack = Stack()
    stack.receipts.stop()

    def both_ways() -> None:
        stack.world.enqueue()
        now, ours = stack.world.clock.now, stack.world.settings.long_code
        assert stack.world.webhook(inbound(THEIRS, "Hello", now, to=ours)).status == 200

    stack.minutes(30, both_ways)
    assert stack.alarm_minutes("WebhooksSilent")


def test_webhooks_that_mostly_do_not_get_through_are_seen() -> None:
    stack = Stack()
    stack.receipts.lost = lambda number: number % 4 != 0
    stack.minutes(60, stack.world.enqueue)

    assert stack.alarm_minutes("WebhooksSilent")


def test_two_of_a_hundred_webhooks_that_are_lost_set_nothing_off() -> None:
    for lost in ({20, 70}, {98, 99}, {98, 90}):
        stack = Stack()
        stack.receipts.lost = lost.__contains__
        stack.minutes(100, stack.world.enqueue)
        stack.minutes(60)

        assert stack.world.metrics.counts[Metric.RECEIPTS_READ_BACK] == 2
        assert stack.alarm_minutes("WebhooksSilent") == []


def test_a_quiet_hour_sets_nothing_off_and_asks_for_the_last_texts_once() -> None:
    stack = Stack()
    stack.world.enqueue()
    stack.minutes(60)
    assert stack.alarm_minutes("WebhooksSilent") == []
    assert stack.world.finder.faults.calls.count("find") <= 2


def test_webhooks_that_were_away_for_ten_minutes_and_come_again_set_nothing_off() -> None:
    stack = Stack()
    stack.minutes(30, stack.world.enqueue)
    stack.receipts.stop()
    stack.minutes(10, stack.world.enqueue)
    stack.receipts.go_on()
    stack.minutes(60, stack.world.enqueue)

    assert stack.world.metrics.counts[Metric.RECEIPTS_READ_BACK] == 10
    assert stack.alarm_minutes("WebhooksSilent") == []


def test_receipts_that_take_four_minutes_set_nothing_off() -> None:
    stack = Stack()
    stack.receipts.words = {"sent": 4 * MINUTE - 10_000}
    # What is lost all the time has the last texts looked at.
    stack.receipts.lost = lambda number: number % 10 == 0
    stack.minutes(60, lambda: stack.enqueue_all(3))

    assert stack.world.finder.faults.calls.count("find") > 15
    assert stack.alarm_minutes("WebhooksSilent") == []


def test_texts_of_a_week_ago_say_nothing_of_today() -> None:
    stack = Stack()
    stack.receipts.stop()
    stack.enqueue_all(12)
    stack.minutes(30)
    assert stack.metrics.values[Metric.WEBHOOKS_SILENT][-1] == 1
    stack.world.clock.pass_ms(7 * 24 * 60 * MINUTE)
    stack.minutes(1)

    assert stack.metrics.values[Metric.WEBHOOKS_SILENT][-1] == 0


def test_texts_whose_phone_is_off_have_no_others_looked_at() -> None:
    stack = Stack()
    stack.receipts.words = {"sent": 1_000}
    stack.minutes(5)
    before = stack.world.finder.faults.calls.count("find")
    stack.minutes(40, stack.world.enqueue)

    assert stack.world.provider.faults.count("record_of") > 10
    assert stack.world.finder.faults.calls.count("find") == before


def test_texts_that_wait_were_refused_or_came_in_say_nothing_of_webhooks() -> None:
    stack = Stack()
    stack.receipts.stop()
    stack.enqueue_all(6)
    stack.minutes(5)
    stack.world.provider.usual = providers.NO_SUCH_NUMBER
    stack.enqueue_all(30)
    stack.minutes(5)
    for to in OTHERS:
        stack.world.webhook(inbound(to, "Hello", stack.world.clock.now, to=stack.world.settings.long_code))
    stack.world.limits.pause(stack.world.clock.now, "closed")
    stack.enqueue_all(30)
    stack.minutes(60)

    assert stack.world.metrics.counts[Metric.RECEIPTS_READ_BACK] == 6
    assert stack.alarm_minutes("WebhooksSilent") == []


def test_in_a_long_recipient_queue_webhooks_that_stop_and_come_again_are_seen_meanwhile() -> None:
    stack = Stack(recipient_interval_ms=MINUTE // 2)
    stack.receipts.stop()
    for _ in range(95):
        stack.world.enqueue()
    stack.minutes(25)
    assert stack.alarm_minutes("WebhooksSilent")[0] <= 22

    stack.receipts.go_on()
    stack.minutes(15)
    assert len(stack.world.provider.texts) < 95
    assert stack.alarm_minutes("WebhooksSilent")[-1] <= 25 + 2


def test_behind_a_slow_sender_the_last_texts_are_those_that_left_last() -> None:
    # Of texts to many the order in which they leave is not that in which they were accepted.
    stack = Stack(sender_segment_ms=MINUTE // 2)
    stack.receipts.stop()
    stack.enqueue_all(200)
    stack.minutes(30)
    assert stack.alarm_minutes("WebhooksSilent")
    stack.receipts.go_on()
    stack.minutes(20)

    assert stack.alarm_minutes("WebhooksSilent")[-1] <= 30 + 4


def test_receipts_that_take_four_minutes_set_nothing_off_in_a_long_recipient_queue_either() -> None:
    stack = Stack(recipient_interval_ms=MINUTE // 2)
    stack.receipts.words = {"sent": 4 * MINUTE}
    stack.receipts.lost = lambda number: number % 10 == 0
    for _ in range(95):
        stack.world.enqueue()
    stack.minutes(40)

    assert stack.world.metrics.counts[Metric.RECEIPTS_READ_BACK] >= 4
    assert stack.alarm_minutes("WebhooksSilent") == []


def test_one_text_that_has_waited_for_long_does_not_hide_that_the_webhooks_of_others_stop() -> None:
    stack = Stack(sender_segment_ms=MINUTE // 2)
    stack.world.provider.then(*[providers.UNREACHABLE] * 99, to=THEIRS)
    stack.world.enqueue(THEIRS)
    stack.minutes(20)
    stack.receipts.stop()
    stack.enqueue_all(200)
    stack.minutes(25)

    assert len(stack.world.provider.texts) < 60
    assert stack.alarm_minutes("WebhooksSilent")[0] <= 20 + 25


def test_what_another_instance_of_the_reconciler_has_found_is_looked_for_anew() -> None:
    stack = Stack()
    stack.minutes(5, stack.world.enqueue)
    before = stack.world.finder.faults.calls.count("find")
    stack.minutes(5, stack.world.enqueue)
    assert stack.world.finder.faults.calls.count("find") == before
    stack.world.clock.pass_ms(2 * MINUTE)
    stack.minutes(1)
    assert stack.world.finder.faults.calls.count("find") > before


def test_a_look_that_failed_is_made_again() -> None:
    stack = Stack()
    stack.receipts.stop()
    stack.enqueue_all(12)
    stack.minutes(16)
    stack.world.finder.faults.fail("find", times=2)
    stack.minutes(10)

    assert stack.alarm_minutes("WebhooksSilent")


def test_one_text_that_went_without_a_registration_is_seen_within_a_minute() -> None:
    stack = Stack()
    stack.minutes(5, stack.world.enqueue)
    assert stack.alarm_minutes("Unregistered") == []

    stack.world.provider.registration = providers.UNREGISTERED
    stack.world.enqueue(OTHERS[0])
    stack.minutes(1)
    # In the minute in which it left.
    assert stack.alarm_minutes("Unregistered") == [5]

    stack.minutes(2)
    stack.world.enqueue("+14165550123")
    stack.minutes(5)
    assert stack.world.provider.arrivals("+14165550123")
    assert stack.alarm_minutes("Unregistered")[-1] <= 7


def test_a_campaign_that_is_suspended_is_seen_and_ends_with_that() -> None:
    stack = Stack()
    stack.minutes(3)
    stack.world.webhook(campaign_event(SUSPENDED, stack.world.clock.now_ms()))
    stack.minutes(30)
    assert stack.alarm_minutes("ProviderSetup")[0] <= 6

    stack.world.webhook(campaign_event(UNSUSPENDED, stack.world.clock.now_ms()))
    stack.minutes(10)
    assert stack.alarm_minutes("ProviderSetup")[-1] <= 35


# --------------------------------------------------------------------------------------------- the machinery


def test_a_consumer_that_alone_can_not_reach_a_store_is_seen() -> None:
    stack = Stack()
    stack.world.messages.faults.fail("claim", lambda: Unavailable("The messages table"), times=10**6)
    stack.world.enqueue()
    stack.minutes(30)

    # OldestText does not see it: each try gives the text a slot anew.
    assert stack.alarm_minutes("StoreUnavailable")[0] <= 6
    assert stack.alarm_minutes("FunctionErrors") == []


def test_a_recipients_worker_that_crashes_is_a_crash_and_no_outage() -> None:
    stack = Stack()
    stack.world.messages.faults.fail("claim", lambda: RuntimeError("No"), times=10**6)
    stack.world.enqueue()
    stack.minutes(10)
    stack.world.logger.lines.clear()  # its traces are expected here

    assert stack.alarm_minutes("StoreUnavailable") == []
    assert stack.alarm_minutes("FunctionErrors")


def test_dead_letters_and_batches_that_were_given_up_are_seen_at_once_on_a_quiet_stack() -> None:
    stack = Stack()
    # Longer than SQS publishes anything of an idle queue.
    stack.minutes(7 * 60)
    stack.world.queue.append("rubbish", "a", "a")
    stack.world.queue.dead.append(stack.world.queue.stored.pop())
    stack.world.unpublished.append("{}", "b", "b")
    stack.minutes(3)

    for alarm in ("DeadLetters", "Unpublished"):
        assert stack.alarm_minutes(alarm)[0] <= 7 * 60 + 2

    stack.world.queue.dead.clear()
    stack.world.unpublished.stored.clear()
    stack.minutes(3)
    for alarm in ("DeadLetters", "Unpublished"):
        assert stack.alarm_minutes(alarm)[-1] <= 7 * 60 + 4


@pytest.mark.parametrize("worked_min", [0, 60])
def test_a_publisher_that_is_handed_nothing_is_seen(worked_min: int) -> None:
    stack = Stack()
    stack.minutes(worked_min)
    stack.publisher = False
    stack.minutes(30)
    assert worked_min + 15 <= stack.alarm_minutes("PublisherLag")[0] <= worked_min + 22

    stack.publisher = True
    stack.minutes(5)
    assert stack.alarm_minutes("PublisherLag")[-1] < worked_min + 33


def test_a_publisher_whose_bus_or_counters_refuse_is_seen() -> None:
    stack = Stack()
    stack.world.counters.faults.fail("add", times=10**6)
    stack.minutes(30)

    assert stack.alarm_minutes("PublisherLag")[0] <= 22


@pytest.mark.parametrize(
    ("port", "call", "own"),
    [
        ("limits", "read_gate", {Metric.PAUSED, Metric.STOPPED_KEY}),
        ("counters", "read", {Metric.UNKNOWN_NOW}),
        ("messages", "oldest", {Metric.OLDEST_WAIT, Metric.OVERDUE}),
        ("queue", "size", {Metric.STRANDED_NOW}),
        ("queue", "dead_letters", {Metric.DEAD_LETTERS_NOW}),
        ("unpublished", "size", {Metric.UNPUBLISHED_NOW}),
        ("heartbeat", "beat", {Metric.PUBLISHER_LAG}),
        ("finder", "find", {Metric.WEBHOOKS_SILENT}),
    ],
)
def test_a_store_that_is_down_hides_only_what_it_alone_knows(
    world: World, port: str, call: str, own: set[Metric]
) -> None:
    gauges = {Metric.PAUSED, Metric.STOPPED_KEY, Metric.UNKNOWN_NOW, Metric.OLDEST_WAIT, Metric.OVERDUE}
    gauges |= {Metric.STRANDED_NOW, Metric.DEAD_LETTERS_NOW, Metric.UNPUBLISHED_NOW, Metric.PUBLISHER_LAG}
    gauges |= {Metric.WEBHOOKS_SILENT}
    getattr(world, port).faults.fail(call)

    world.reconcile()

    assert gauges - set(world.metrics.counts) == own
    assert world.metrics.counts[Metric.STORE_UNAVAILABLE] == 1


def test_while_tables_hang_the_reconciler_ends_in_time_and_the_queues_gauges_are_written(world: World) -> None:
    for store in (world.limits, world.counters, world.messages, world.heartbeat):
        # Three tries of five seconds each.
        store.faults.takes = lambda: world.clock.pass_ms(15_000)
    for port, call in (
        ("limits", "read_gate"),
        ("counters", "read"),
        ("messages", "oldest"),
        ("heartbeat", "beat"),
    ):
        getattr(world, port).faults.fail(call)
    world.messages.faults.fail("due_messages")
    began = world.clock.now_ms()

    with pytest.raises(Unavailable):
        world.reconcile()

    assert world.clock.now_ms() - began < 60_000
    assert {Metric.DEAD_LETTERS_NOW, Metric.UNPUBLISHED_NOW} <= set(world.metrics.counts)
    assert world.metrics.counts[Metric.STORE_UNAVAILABLE] >= 2


def test_an_idle_stack_and_one_whose_texts_are_young_pay_for_no_further_look(world: World) -> None:
    world.reconcile()
    assert world.messages.faults.calls.count("oldest") == 2
    assert world.metrics.values[Metric.STRANDED_NOW] == [0]

    for to in OTHERS:
        world.enqueue(to)
    world.clock.pass_ms(4 * MINUTE)
    before = world.limits.faults.calls.count("read_gate")

    world.reconcile()

    assert world.limits.faults.calls.count("read_gate") == before + 1
    # Of those that expire by ValidityMinutes, and of those with an end of their own.
    assert world.messages.faults.calls.count("oldest") == 4
    assert 240 <= world.metrics.values[Metric.OLDEST_WAIT][-1] < 300
    assert world.metrics.values[Metric.OVERDUE] == [0, 0]
