"""Metrics and log fields that no test can bring the live stack to emit in time, over the real meter and log."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from devtools.local_stack.telemetry import emf
from devtools.local_stack.telemetry.insights import LogLine
from devtools.local_stack.telemetry.series import MetricKey
from longcode.aws.observability import LambdaLogger, LambdaMetrics
from longcode.domain.message import Fault
from longcode.domain.metrics import NAMESPACE, Metric
from longcode.domain.priority import Priority
from longcode.domain.subscriptions import Secret, Subscription
from longcode.use_cases.number_lookup import look_up
from longcode.use_cases.webhook_watch import FIRST_RECEIPT_MS
from tests.functional.test_publisher import IDS, a_text, publish_to
from tests.support.fakes import (
    THEIRS,
    FakeDeliveryQueue,
    FakeReceivers,
    Mapping,
    World,
    make_settings,
    make_world,
    provider,
)
from tests.support.fakes.webhooks import receipt
from tests.support.telemetry import FIELDS_IN_VIRTUAL_TIME, IN_VIRTUAL_TIME


def published(world: World) -> None:
    """Let the publisher see what became of the latest text."""
    text = world.messages.all[-1]
    publish_to(world, (None, text))


def refused_by_receipt(code: str) -> Callable[[World], None]:
    def happens(world: World) -> None:
        world.send()
        (text,) = world.provider.texts
        faults = [Fault(code, "No")]
        world.webhook(receipt(text, "sending_failed", world.clock.now, faults=faults), path_id=text.key)
        published(world)

    return happens


def never_reached(world: World) -> None:
    world.provider.then(provider.UNREACHABLE)
    world.send()
    published(world)


def asked_wrongly(world: World) -> None:
    world.provider.then(provider.refuses(400, "10015", "Bad request"))
    world.send()
    published(world)


def bus_refuses(world: World) -> None:
    world.event_bus.refuse = {IDS[0]}
    publish_to(world, (None, a_text()))


def store_fails(world: World) -> None:
    world.enqueue()
    world.messages.faults.fail("claim")
    world.consume()


def webhooks_stop(world: World) -> None:
    for _ in range(12):
        world.enqueue()
    world.consume()
    world.clock.pass_ms(FIRST_RECEIPT_MS)
    world.reconcile()


def unregistered(world: World) -> None:
    world.provider.registration = provider.UNREGISTERED
    world.send()


def looked_up(world: World) -> None:
    look_up([THEIRS], replace(world.service.deps, number_lookup="unknown"))
    world.metrics.flush()


def campaign_fails(world: World) -> None:
    world.provider.usual = provider.refuses(400, "40002", "Blocked as spam")
    for area in range(302, 362):
        world.enqueue(f"+1{area}5550101", priority="bulk", metadata={"tag": "sale"})
    world.consume(Priority.BULK, until_ms=world.clock.now + 60_000)


def receiver_answers(status: int) -> Callable[[World], None]:
    def happens(world: World) -> None:
        url = "https://hooks.example.com/sms"
        world.service.subscriptions.create(
            Subscription("whs_0123456789abcdefghij-_", url, frozenset(["*"]), (Secret("whsec_"),), 0), 1
        )
        vars(world.service)["outbound"] = FakeReceivers(world.clock, {url: lambda _: status})
        text = a_text()
        world.messages.accept(text)
        publish_to(world, (None, text))
        queue = world.service.delivery_queue
        assert isinstance(queue, FakeDeliveryQueue)
        Mapping(queue.queue, world.handler("deliverer")).run()

    return happens


PROVOKED: dict[Metric, Callable[[World], None]] = {
    Metric.FAILED_CONTENT: refused_by_receipt("40002"),
    Metric.FAILED_ACCOUNT: refused_by_receipt("20100"),
    Metric.FAILED_PROVIDER: never_reached,
    Metric.FAILED_SERVICE: asked_wrongly,
    Metric.UNREGISTERED: unregistered,
    Metric.EVENTS_REFUSED: bus_refuses,
    Metric.NUMBER_LOOKUPS: looked_up,
    Metric.STORE_UNAVAILABLE: store_fails,
    Metric.WEBHOOKS_SILENT: webhooks_stop,
    Metric.CAMPAIGN_PAUSED: campaign_fails,
    Metric.EVENTS_DELIVERED: receiver_answers(200),
    Metric.DELIVERY_ATTEMPTS_FAILED: receiver_answers(503),
    Metric.EVENTS_GIVEN_UP: receiver_answers(503),
    Metric.SUBSCRIPTIONS_DISABLED: receiver_answers(410),
}


@pytest.fixture
def telling_world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    def make() -> World:
        # A name of its own, as loggers are kept by their names, together with where they write to.
        monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", request.node.name)
        return make_world(make_settings(), logger=LambdaLogger(), metrics=LambdaMetrics("test"))

    return make


def test_each_metric_that_is_left_to_virtual_time_is_provoked_here() -> None:
    assert set(PROVOKED) == set(IN_VIRTUAL_TIME)


@pytest.mark.parametrize("metric", PROVOKED)
def test_it_is_written_under_its_name_with_its_unit_and_dimensions(
    metric: Metric,
    telling_world: Callable[[], World],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    PROVOKED[metric](telling_world())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = [(key, sample) for line in lines for key, sample in emf.metrics(line) if key.name == metric.value]
    expected = MetricKey.of(NAMESPACE, metric.value, {"service": request.node.name, "environment": "test"})
    assert {key for key, _ in found} == {expected}
    assert {sample.unit for _, sample in found} == {metric.unit}
    assert sum(sample.value for _, sample in found) >= 1


def test_each_field_that_is_left_to_virtual_time_is_written(
    telling_world: Callable[[], World], capsys: pytest.CaptureFixture[str]
) -> None:
    world = telling_world()
    store_fails(world)
    bus_refuses(world)

    written = {name for line in capsys.readouterr().out.splitlines() for name in LogLine(0, "", line).fields()}
    assert written >= set(FIELDS_IN_VIRTUAL_TIME)


# RFC 3339, "Internet Date/Time Format", with the offset that ours always have.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


def test_each_line_tells_its_time_and_level_as_lambda_reads_them(
    telling_world: Callable[[], World], capsys: pytest.CaptureFixture[str]
) -> None:
    store_fails(telling_world())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    # A line of metrics has a time of its own, and no level: Lambda passes it on as it is.
    logged = [line for line in lines if "_aws" not in line]
    assert {line["level"] for line in logged} >= {"INFO", "ERROR"}
    assert all(_RFC_3339.fullmatch(line["timestamp"]) for line in logged)
