"""With Monitoring=basic: faults that the service itself has, provoked in it, set off the alarms that basic has.

Each invocation's line is that of the real meter, read as CloudWatch reads it. What AWS would publish is missing.
"""

import json
from collections.abc import Callable

import pytest

from devtools.local_stack.telemetry import alarms, deployed, emf
from devtools.local_stack.telemetry.alarms import State
from devtools.local_stack.telemetry.series import Telemetry
from longcode.aws.observability import FewMetrics, LambdaLogger
from longcode.domain.errors import Unavailable
from tests.chance import showing
from tests.functional.test_publisher import beat, publish_to
from tests.support.fakes import FakeClock, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.webhooks import SUSPENDED, Signer, campaign_event, inbound
from tests.support.receipts import Receipts

MINUTE = 60_000
OPERATIONS = deployed.read_operations({}, {"Environment": "test"}, "sms", "us-east-1")
GROUP = "/aws/lambda/sms-consumer"
OTHERS = [f"+1202555013{number}" for number in range(10)]
AGAIN = 10**6


class Read(LambdaLogger):
    """A log whose lines of metrics are read at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(one_line=True)
        self._clock, self.telemetry = clock, Telemetry()
        self.attention: set[str] = set()

    def end(self, **numbers: object) -> None:
        fields = json.loads(json.dumps(numbers))
        self.attention |= set(fields.get("attention", ()))
        for key, sample in emf.metrics(fields):
            self.telemetry.add(key, self._clock.now, sample.value, sample.unit)
        for one in OPERATIONS.log_metrics:
            if one.group == GROUP and one.matches(fields):
                self.telemetry.add(one.key, self._clock.now, one.value, "None")


class Stack:
    """A world that goes on by itself: the reconciler each minute, consumer and publisher unless they are off."""

    def __init__(self, **settings: object) -> None:
        clock = FakeClock()
        self.read = Read(clock)
        self.world: World = make_world(
            make_settings(**settings), clock=clock, metrics=FewMetrics("test", self.read)
        )
        self.receipts = Receipts(self.world)
        self.consumer = self.publisher = True
        self.began = clock.now
        self._beats = 0

    def minutes(self, count: int, each: Callable[["Stack"], object] = lambda _: None) -> None:
        world = self.world
        for _ in range(count):
            end = world.clock.now + MINUTE
            each(self)
            world.reconcile()
            if self.publisher:
                fresh = world.heartbeat.beats[self._beats :]
                self._beats += len(fresh)
                publish_to(world, *[(None, beat(at_ms)) for at_ms in fresh], first=self._beats)
            if self.consumer:
                world.consume(until_ms=end - 1)
            world.clock.sleep_until(end)

    def in_alarm(self) -> set[str]:
        """The alarms that have gone off."""
        until = self.world.clock.now // MINUTE * MINUTE
        return {
            name
            for name, alarm in OPERATIONS.alarms.items()
            # It looks at Lambda's own metric, which is not written here.
            if name != "ReconcilerSilent"
            and any(
                state is State.ALARM for _, state in alarms.states(alarm, self.read.telemetry, self.began, until)
            )
        }


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "sms")


# ------------------------------------------------------------------------------------- what is done to the stack


def dead_letter(stack: Stack) -> None:
    stack.world.queue.append("rubbish", "a", "a")
    stack.world.queue.dead.append(stack.world.queue.stored.pop())


def given_up(stack: Stack) -> None:
    stack.world.unpublished.append("{}", "b", "b")


def key_refused(stack: Stack) -> None:
    stack.world.provider.usual = providers.refuses(401, "10009", "Authentication failed")
    stack.world.enqueue(OTHERS[0])


def no_funds(stack: Stack) -> None:
    stack.world.provider.usual = providers.refuses(403, "20100", "No funds")
    stack.world.enqueue(OTHERS[0])


def outage(stack: Stack) -> None:
    stack.world.provider.usual = providers.UNREACHABLE
    for to in OTHERS:
        stack.world.enqueue(to)


def consumer_off(stack: Stack) -> None:
    stack.consumer = False
    stack.world.enqueue(OTHERS[0])


def purged(stack: Stack) -> None:
    stack.world.enqueue(OTHERS[0])
    stack.world.queue.stored.clear()


def store_fails(stack: Stack) -> None:
    stack.world.messages.faults.fail("claim", lambda: Unavailable("The messages table"), times=AGAIN)
    stack.world.enqueue(OTHERS[0])


def worker_crashes(stack: Stack) -> None:
    stack.world.messages.faults.fail("claim", lambda: RuntimeError("No"), times=AGAIN)
    stack.world.enqueue(OTHERS[0])


def publisher_off(stack: Stack) -> None:
    stack.publisher = False


def webhooks_stop(stack: Stack) -> None:
    stack.receipts.stop()
    for to in OTHERS:
        stack.world.enqueue(to)


def over_the_cap(stack: Stack) -> None:
    assert [stack.world.enqueue().status for _ in range(11)] == [202] * 10 + [429]


def unregistered(stack: Stack) -> None:
    stack.world.provider.registration = providers.UNREGISTERED
    stack.world.enqueue(OTHERS[0])


def suspended(stack: Stack) -> None:
    assert stack.world.webhook(campaign_event(SUSPENDED, stack.world.clock.now_ms())).status == 200


Fault = Callable[[Stack], None]
# What is done once → how long it takes at most, the alarms that have gone off by then, and the runbooks named.
FAULTS: list[tuple[Fault, int, set[str], set[str]]] = [
    (dead_letter, 6, {"NeedsAttention"}, {"dead-letters"}),
    (given_up, 6, {"NeedsAttention"}, {"unpublished"}),
    (key_refused, 6, {"NeedsAttention"}, {"provider-key-refused"}),
    (no_funds, 6, {"NeedsAttention"}, {"spend-limit"}),
    (outage, 10, {"NeedsAttention"}, {"provider-outage"}),
    (consumer_off, 22, {"OldestText"}, set()),
    (purged, 22, {"NeedsAttention", "OldestText"}, {"stranded"}),
    (store_fails, 6, {"FunctionFaults"}, set()),
    (worker_crashes, 6, {"FunctionFaults"}, set()),
    (webhooks_stop, 22, {"NeedsAttention"}, {"webhooks-silent"}),
    (publisher_off, 22, {"NeedsAttention"}, {"publisher-lag"}),
    (over_the_cap, 1, {"NeedsAttention"}, {"daily-limit"}),
    (unregistered, 1, {"NeedsAttention"}, {"unregistered"}),
    (suspended, 6, {"NeedsAttention"}, {"provider-setup"}),
]


def test_all_is_well_and_no_alarm_goes_off() -> None:
    stack = Stack()
    stack.world.enqueue()
    stack.minutes(60)

    assert stack.world.queue.stored == []
    assert (stack.in_alarm(), stack.read.attention) == (set(), set())


def test_each_fault_is_seen_and_the_log_names_its_runbook() -> None:
    for fault, minutes, expected, runbooks in FAULTS:
        with showing(fault.__name__):
            stack = Stack(daily_texts_per_key=10)
            stack.minutes(3)
            fault(stack)
            stack.minutes(minutes)
            stack.world.logger.lines.clear()  # traces are expected where a worker crashes

            assert stack.in_alarm() == expected
            assert stack.read.attention == runbooks


def test_two_of_a_hundred_webhooks_that_are_lost_wake_no_one() -> None:
    stack = Stack()
    stack.receipts.lost = {40, 99}.__contains__
    stack.minutes(100, lambda stack: stack.world.enqueue())
    stack.minutes(60)

    assert stack.world.provider.faults.count("record_of") == 2
    assert (stack.in_alarm(), stack.read.attention) == (set(), set())


def test_webhooks_that_stop_wake_someone_within_the_hour_at_a_dozen_texts_an_hour() -> None:
    def now_and_then(stack: Stack) -> None:
        if (stack.world.clock.now - stack.began) // MINUTE % 5 == 0:
            stack.world.enqueue()

    stack = Stack()
    stack.minutes(60, now_and_then)
    assert stack.in_alarm() == set()
    stack.receipts.stop()
    stack.minutes(45, now_and_then)
    assert (stack.in_alarm(), stack.read.attention) == ({"NeedsAttention"}, {"webhooks-silent"})


def test_webhooks_that_are_signed_with_another_key_are_seen_and_the_providers_repeats_are() -> None:
    stranger = Signer(b"s" * 32)

    def refused(stack: Stack) -> None:
        body = inbound(OTHERS[0], "Hello", stack.world.clock.now_ms(), to=stack.world.settings.long_code)
        assert stack.world.webhook(body, signer=stranger).status == 401

    def repeated(stack: Stack) -> None:
        body = inbound(OTHERS[0], "Hello", stack.world.clock.now_ms(), to=stack.world.settings.long_code)
        assert [stack.world.webhook(body).status for _ in range(2)] == [200, 200]

    for each, expected, runbooks in (
        (refused, {"WebhooksRefused"}, set[str]()),
        (repeated, {"NeedsAttention"}, {"webhook-slow"}),
    ):
        with showing(each.__name__):
            stack = Stack()
            stack.minutes(6, each)
            assert (stack.in_alarm(), stack.read.attention) == (expected, runbooks)
