"""The dashboard's template as it is read, and what a stack's log tells of itself."""

import json
from pathlib import Path

import pytest

from devtools.local_stack.sam_template import BadTemplate, Resolver
from devtools.local_stack.telemetry import deployed, evidence, operations, widgets
from devtools.local_stack.telemetry.insights import LogLine
from devtools.local_stack.telemetry.operations import Operations, Widget
from devtools.local_stack.telemetry.series import Grid, MetricKey, Telemetry

EXAMPLE = Path(__file__).with_name("example_operations.yaml")
START_MS = 1_700_000_040_000
PARAMETERS = {
    "Service": "sms",
    "QueueName": "q.fifo",
    "ConsumerName": "sms-consumer",
    "ApiName": "sms",
    "SendLogs": "/aws/lambda/sms-send",
}


def example(**changes: str) -> Operations:
    return operations.read(EXAMPLE, PARAMETERS | changes, deployed.pseudo("sms-Operations", "us-east-1"))


def test_the_template_is_read_as_it_would_be_deployed() -> None:
    found = example()
    assert [widget.kind for widget in found.widgets[:3]] == ["text", "alarm", "metric"]
    assert found.widgets[0].properties["markdown"].startswith("# sms\n")
    assert found.alarms["QueueOldAlarm"].threshold == 10
    assert example(Environment="prod").alarms["QueueOldAlarm"].threshold == 900
    (query,) = found.queries
    assert (query.name, query.log_groups) == ("sms/refused", ["/aws/lambda/sms-send"])


def test_a_parameter_that_the_template_does_not_have_raises() -> None:
    with pytest.raises(BadTemplate, match="Colour"):
        example(Colour="blue")


@pytest.mark.parametrize(
    "value",
    [{"Fn::ImportValue": "x"}, {"Ref": "AWS::NotificationARNs"}, {"Fn::Sub": "${AWS::Nothing}"}],
)
def test_what_is_not_known_in_a_template_raises(value: object) -> None:
    with pytest.raises(BadTemplate):
        Resolver({}, lambda name, _attribute: name, {}).resolve(value)


def test_a_nested_stack_is_given_what_the_main_template_says() -> None:
    template = {
        "Resources": {
            "Nested": {
                "Properties": {
                    "Parameters": {
                        "Queue": {"Fn::GetAtt": ["Send", "QueueName"]},
                        "Url": {"Fn::Sub": ["${Base}/x/${!Kept}", {"Base": {"Ref": "Docs"}}]},
                        "Joined": {"Fn::Join": ["-", ["a", {"Ref": "Docs"}]]},
                    }
                }
            }
        }
    }
    resolver = Resolver({"Docs": "docs"}, lambda name, attribute: f"{name}:{attribute}", {})
    assert operations.parameters_of(template, "Nested", resolver) == {
        "Queue": "Send:QueueName",
        "Url": "docs/x/${Kept}",
        "Joined": "a-docs",
    }


def test_a_metric_widget_is_written_out() -> None:
    found = example()
    texts = widgets.read(found.widgets[2], found)
    names = [(plot.query.key.name, plot.query.statistic, plot.visible) for plot in texts.plots if plot.query.key]
    assert names == [
        ("Accepted", "Sum", True),
        ("Sent", "Sum", True),
        ("Sent", "SampleCount", False),
        ("Delivered", "Sum", True),
        ("DeliveryFailed", "Sum", True),
    ]
    assert {plot.query.key.dimensions for plot in texts.plots if plot.query.key} == {
        frozenset({("service", "sms")})
    }
    assert (texts.left.label, texts.left.least) == ("texts", 0)
    provider = widgets.read(found.widgets[3], found)
    assert [(line.value, line.label, line.fill) for line in provider.lines] == [(500, "slow", "above")]


@pytest.mark.parametrize(
    "properties",
    [{"view": "gauge", "metrics": []}, {"metrics": [["OnlyANamespace"]]}, {"metrics": [["N", "M", "Dimension"]]}],
)
def test_a_widget_that_can_not_be_read_raises(properties: dict[str, object]) -> None:
    with pytest.raises(widgets.BadWidget):
        widgets.read(Widget("metric", 0, 0, 6, 6, properties), example())


# ----------------------------------------------------------------------------------------------- the evidence


def test_a_stacks_log_becomes_metrics_and_stand_ins() -> None:
    group = "/aws/lambda/sms-webhook"
    emf = {
        "_aws": {
            "Timestamp": START_MS,
            "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["service"]], "Metrics": [{"Name": "Webhooks", "Unit": "Count"}]}
            ],
        },
        "service": "sms",
        "Webhooks": [1.0, 1.0],
    }
    request = {"message": "request", "route": "/webhooks/message", "status": 401, "duration_ms": 7}
    report = "REPORT RequestId: 1\tDuration: 12 ms\tBilled Duration: 12 ms"
    texts = [
        *("START RequestId: 1", json.dumps(request), json.dumps(emf), report),
        *("Traceback (most recent call last):", '  File "x"', "KeyError: 'a'", report),
    ]
    telemetry = Telemetry()
    gateway = evidence.Gateway("sms", "v1", {"/webhooks/message": "POST"})
    lines = [LogLine(START_MS, group, text) for text in texts]
    evidence.add_lines(telemetry, lines, {group: "sms-webhook"}, gateway)

    def values(namespace: str, name: str, **dimensions: str) -> list[float]:
        return [sample.value for sample in telemetry.samples(MetricKey.of(namespace, name, dimensions))]

    assert values("N", "Webhooks", service="sms") == [1, 1]
    assert values("AWS/Lambda", "Invocations", FunctionName="sms-webhook") == [1, 1]
    assert values("AWS/Lambda", "Errors", FunctionName="sms-webhook") == [0, 1]
    assert values("AWS/ApiGateway", "4XXError", ApiName="sms", Stage="v1") == [1]
    route = {"Resource": "/webhooks/message", "Method": "POST"}
    assert values("AWS/ApiGateway", "Latency", ApiName="sms", Stage="v1", **route) == [7]


def test_what_nothing_stands_in_for_is_known() -> None:
    assert evidence.only_on_aws(MetricKey.of("AWS/Lambda", "IteratorAge", {}))
    assert not evidence.only_on_aws(MetricKey.of("AWS/Lambda", "Duration", {}))
    assert not evidence.only_on_aws(MetricKey.of("LongCodeSms", "Sent", {}))


def test_a_sample_that_comes_late_counts_in_its_own_period_until_it_is_forgotten() -> None:
    key, telemetry = MetricKey.of("N", "M", {}), Telemetry()
    for at, value in ((120_000, 5.0), (65_000, 2.0), (5_000, 1.0), (119_999, 4.0), (70_000, 3.0)):
        telemetry.add(key, START_MS + at, value, "Count")
    grid = Grid(START_MS, 60, 2)
    assert telemetry.points(key, "Sum", grid) == {START_MS: 1, START_MS + 60_000: 9}
    telemetry.forget(START_MS + 70_000)
    assert [sample.value for sample in telemetry.samples(key)] == [3, 4, 5]
