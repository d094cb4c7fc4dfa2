"""The dashboard's template as it is read, and the picture that is drawn of it."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from devtools.local_stack.sam_template import BadTemplate, Resolver
from devtools.local_stack.telemetry import alarms, drawing, evidence, operations, page, typography, widgets
from devtools.local_stack.telemetry.insights import LogLine
from devtools.local_stack.telemetry.operations import Operations, Widget
from devtools.local_stack.telemetry.scene import Scene
from devtools.local_stack.telemetry.series import MetricKey, Telemetry
from tests.chance import showing

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
    return operations.read(EXAMPLE, PARAMETERS | changes, page.pseudo("sms-Operations", "us-east-1"))


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


# ------------------------------------------------------------------------------------------------- the picture


def scene(telemetry: Telemetry, lines: list[LogLine]) -> Scene:
    found = example()
    end_ms = START_MS + 120_000
    states = {
        name: alarms.states(alarm, telemetry, START_MS, end_ms)[-1][1] for name, alarm in found.alarms.items()
    }
    return Scene("sms: dashboard", found, telemetry, lines, states, START_MS, end_ms)


def reported() -> Telemetry:
    made = Telemetry()
    for second in range(0, 120, 4):
        at = START_MS + second * 1000
        for name, value, unit in (
            ("Accepted", 1, "Count"),
            ("Sent", 1, "Count"),
            ("Delivered", 1, "Count"),
            ("ProviderLatencyMs", 30 + second, "Milliseconds"),
        ):
            made.add(MetricKey.of("LongCodeSms", name, {"service": "sms"}), at, value, unit)
        depth = MetricKey.of("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": "q.fifo"})
        made.add(depth, at, second % 7, "Count")
    return made


def refused() -> list[LogLine]:
    line = {"level": "WARNING", "message": "send.refused", "code": "40310", "message_id": "$5 & <b>"}
    return [LogLine(START_MS + 5_000, "/aws/lambda/sms-send", json.dumps(line))]


def words(svg: str) -> list[str]:
    return [
        "".join(element.itertext())
        for element in ElementTree.fromstring(svg).iter()
        if element.tag.endswith("}text")
    ]


def test_the_picture_shows_every_widget_and_says_where_its_numbers_are_from() -> None:
    drawn = scene(reported(), refused())
    svg = drawing.svg(drawn)
    said = words(svg)
    for widget in drawn.operations.widgets:
        assert not widget.title or widget.title in said
    # Numbers with their units, the log's line, and the alarms.
    assert {"30", "134 ms", "send.refused", "$5 & <b>", "Queue old", "Failing"} <= set(said)
    # What is not known here is not drawn as if it were 0.
    assert "Published by AWS only" in said
    assert "waiting *" in said
    assert "NumberOfMessagesSent †" in said
    assert any(line.startswith("† Published by AWS only: AWS/Lambda IteratorAge") for line in said)
    assert 'xlink:href="https://example.com/runbook"' in svg
    assert len(svg) < 400_000


def test_without_data_it_says_so() -> None:
    said = words(drawing.svg(scene(Telemetry(), [])))
    assert "No data" in said
    assert "No log line matches" in said
    assert "-" in said


def test_the_same_numbers_make_the_same_picture() -> None:
    assert drawing.svg(scene(reported(), refused())) == drawing.svg(scene(reported(), refused()))


def test_the_page_needs_nothing_but_itself() -> None:
    shown = drawing.html(scene(reported(), refused()))
    assert shown.startswith("<!DOCTYPE html>")
    for outside in ("<script", "<link", "src=", "@import"):
        assert outside not in shown


def test_numbers_are_short_and_have_their_units() -> None:
    cases: list[tuple[float, str, str]] = [
        (0, "Milliseconds", "0"),
        (350, "Milliseconds", "350 ms"),
        (1500, "Milliseconds", "1.5 s"),
        (900, "Seconds", "15 min"),
        (864_000, "Seconds", "240 h"),
        (12, "Count", "12"),
        (1234, "Count", "1.23k"),
        (0.0051, "None", "0.0051"),
        (45, "Percent", "45 %"),
    ]
    for value, unit, expected in cases:
        with showing((value, unit, expected)):
            assert typography.readable(value, unit) == expected


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
