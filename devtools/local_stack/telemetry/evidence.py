"""Gathers what a local stack can tell about itself, in the shape of CloudWatch's metrics."""

# Our own metrics are read from the very lines that CloudWatch would read. Some of AWS's have a stand-in, named in
# `STAND_INS`; the others only AWS publishes, and nothing is made up for them.

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3

from devtools.local_stack import sam_template
from devtools.local_stack.layout import Stack

from . import emf
from .insights import LogLine
from .log_metrics import LogMetric
from .series import MetricKey, Telemetry

_QUEUE = "sampled from the queue's attributes"
_REPORT = "from the functions' REPORT lines"
_REQUEST = "from the functions' request lines, which the gateway's own refusals don't reach"
# Namespace and metric → where the local numbers are from.
STAND_INS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): _QUEUE,
    ("AWS/SQS", "ApproximateNumberOfMessagesDelayed"): _QUEUE,
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): "sampled from the texts that wait, in the messages table",
    ("AWS/Lambda", "Invocations"): _REPORT,
    ("AWS/Lambda", "Duration"): _REPORT,
    ("AWS/Lambda", "Errors"): _REPORT,
    ("AWS/ApiGateway", "Count"): _REQUEST,
    ("AWS/ApiGateway", "4XXError"): _REQUEST,
    ("AWS/ApiGateway", "5XXError"): _REQUEST,
    ("AWS/ApiGateway", "Latency"): _REQUEST,
}

_ATTRIBUTES = {
    "ApproximateNumberOfMessages": "ApproximateNumberOfMessagesVisible",
    "ApproximateNumberOfMessagesNotVisible": "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed": "ApproximateNumberOfMessagesDelayed",
}
_REPORT_LINE = re.compile(r"REPORT RequestId: \S+\tDuration: ([\d.]+) ms")


def only_on_aws(key: MetricKey) -> bool:
    """Whether AWS publishes this metric and nothing here stands in for it."""
    return key.namespace.startswith("AWS/") and (key.namespace, key.name) not in STAND_INS


def stand_in(key: MetricKey) -> str | None:
    """Where the local numbers of a metric of AWS's are from."""
    return STAND_INS.get((key.namespace, key.name))


# Any: a boto3 client.
def client(stack: Stack, service: str) -> Any:
    """A client of the stack's emulated AWS."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=stack.aws_endpoint_url,
        region_name=stack.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def functions_of(stack: Stack) -> dict[str, str]:
    """Log group → function."""
    return {group: stack.functions[folder] for folder, group in stack.log_groups.items()}


def log_lines(stack: Stack, since_ms: int = 0) -> list[LogLine]:
    """Every line that the stack's functions wrote, oldest first."""
    logs = client(stack, "logs")
    lines = [
        LogLine(event["timestamp"], group, event["message"])
        for group in stack.log_groups.values()
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=since_ms)
        for event in page["events"]
    ]
    return sorted(lines, key=lambda line: line.at_ms)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What the gateway's metrics are named by."""

    api_name: str
    stage: str
    methods: Mapping[str, str]  # of each path that has but one

    @classmethod
    def of(cls, template: Mapping[str, Any], api_name: str, stage: str) -> "Gateway":
        """From the main template."""
        found: dict[str, set[str]] = {}
        for routes in sam_template.api_definition(dict(template))["routes"].values():
            for event in routes.values():
                found.setdefault(event["Properties"]["Path"], set()).add(event["Properties"]["Method"])
        return cls(api_name, stage, {path: min(methods) for path, methods in found.items() if len(methods) == 1})

    def dimensions(self, path: str) -> list[dict[str, str]]:
        """The sets of dimensions under which a call of `path` counts."""
        api = {"ApiName": self.api_name}
        staged = api | {"Stage": self.stage}
        method = self.methods.get(path)
        return [api, staged, *([staged | {"Resource": path, "Method": method}] if method else [])]


# What Lambda writes of an invocation that failed, where it writes JSON; the emulator has only the REPORT line.
FAILED = {"type": "platform.report", "record": {"status": "error"}}


def add_lines(
    telemetry: Telemetry,
    lines: Sequence[LogLine],
    functions: Mapping[str, str],
    gateway: Gateway,
    log_metrics: Sequence[LogMetric] = (),
    failed: set[str] | None = None,
) -> None:
    """Add what the log tells: our own metrics, and the stand-ins for Lambda's and the gateway's.

    `functions` are the functions' names by their log groups, `log_metrics` what CloudWatch is to count in these.
    `failed` keeps, from one part of a log to the next, the functions whose invocation failed and is not over.
    """
    failed = set() if failed is None else failed
    for line in lines:
        function = functions[line.group]
        if line.message.startswith("Traceback (most recent call last)"):
            failed.add(function)  # the lines of an invocation come together, and its REPORT last
        elif (report := _REPORT_LINE.match(line.message)) is not None:
            _add_report(telemetry, line.at_ms, function, float(report[1]), failed=function in failed)
            if function in failed:
                _add_matching(telemetry, line, FAILED, log_metrics)
            failed.discard(function)
        elif (fields := line.json()) is not None:
            _add_matching(telemetry, line, fields, log_metrics)
            for metric, sample in emf.metrics(fields):
                telemetry.add(metric, sample.at_ms, sample.value, sample.unit)
            if fields.get("message") == "request":
                _add_request(telemetry, line.at_ms, fields, gateway)


def _add_report(telemetry: Telemetry, at_ms: int, function: str, duration_ms: float, *, failed: bool) -> None:
    began = at_ms - round(duration_ms)  # where Lambda has it
    for name, value, unit in (
        ("Invocations", 1.0, "Count"),
        ("Duration", duration_ms, "Milliseconds"),
        ("Errors", float(failed), "Count"),
    ):
        telemetry.add(MetricKey.of("AWS/Lambda", name, {"FunctionName": function}), began, value, unit)


def _add_matching(
    telemetry: Telemetry, line: LogLine, fields: Mapping[str, Any], log_metrics: Sequence[LogMetric]
) -> None:
    for one in log_metrics:
        if one.group == line.group and one.matches(fields):
            telemetry.add(one.key, line.at_ms, one.value, "None")


def _add_request(telemetry: Telemetry, at_ms: int, fields: Mapping[str, Any], gateway: Gateway) -> None:
    status = int(fields.get("status", 0))
    for dimensions in gateway.dimensions(str(fields.get("route"))):
        for name, value in (
            ("Count", 1.0),
            ("4XXError", float(400 <= status < 500)),
            ("5XXError", float(status >= 500)),
        ):
            telemetry.add(MetricKey.of("AWS/ApiGateway", name, dimensions), at_ms, value, "Count")
        if isinstance(took := fields.get("duration_ms"), int | float):
            key = MetricKey.of("AWS/ApiGateway", "Latency", dimensions)
            telemetry.add(key, at_ms, float(took), "Milliseconds")


class Sampler:
    """Looks at the stack's queues and puts what it sees into `telemetry`."""

    def __init__(self, stack: Stack, telemetry: Telemetry) -> None:
        self._stack = stack
        self._telemetry = telemetry
        self._sqs = client(stack, "sqs")
        self._dynamodb = client(stack, "dynamodb")
        self._queues = self._sqs.list_queues().get("QueueUrls", [])

    def sample(self) -> None:
        """Look once."""
        for url in self._queues:
            found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            for attribute, metric in _ATTRIBUTES.items():
                self._add(url, metric, float(found[attribute]), "Count")
        self._add(self._stack.queue_url, "ApproximateAgeOfOldestMessage", self._oldest_s(), "Seconds")

    def _add(self, url: str, metric: str, value: float, unit: str) -> None:
        key = MetricKey.of("AWS/SQS", metric, {"QueueName": url.rsplit("/", 1)[-1]})
        self._telemetry.add(key, _now_ms(), value, unit)

    def _oldest_s(self) -> float:
        """How long the text has waited that has waited longest; 0 if none waits."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.messages_table,
            IndexName="by_recipient_queue",
            ProjectionExpression="queue_place",
        )
        ready = [int(item["queue_place"]["S"].partition("#")[0]) for page in pages for item in page["Items"]]
        # What is held until later is not in the queue.
        return max(0.0, (_now_ms() - min(ready)) / 1000) if ready else 0.0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
