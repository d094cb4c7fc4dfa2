"""Makes the dashboard's page out of a local stack."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

from devtools.local_stack import sam_template
from devtools.local_stack.layout import ROOT, Stack
from devtools.local_stack.problems import LocalError

from . import alarms, evidence, operations
from .drawing import html, svg
from .scene import Scene
from .series import Telemetry

TEMPLATE = ROOT / "template.yaml"
OPERATIONS = ROOT / "operations" / "template.yaml"
NESTED = "Operations"
STAGE = "v1"
HOUR_MS = 3_600_000
LEAST_MS = 60_000


def pseudo(stack_name: str, region: str) -> dict[str, str]:
    """CloudFormation's own parameters. The account is the emulator's."""
    return {
        "AWS::StackName": stack_name,
        "AWS::Region": region,
        "AWS::AccountId": "000000000000",
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }


def read_operations(
    names: Mapping[str, str], parameters: Mapping[str, str], stack_name: str, region: str
) -> operations.Operations:
    """The dashboard and alarms of a stack whose resources have these names, by their logical ids."""

    def attribute(logical_id: str, name: str | None) -> str:
        physical = names.get(logical_id, f"{stack_name}-{logical_id}")
        return physical.rsplit("/", 1)[-1] if name in ("QueueName", "TopicName") else physical

    template = sam_template.load(TEMPLATE)
    defaults = {name: str(one.get("Default", "")) for name, one in template["Parameters"].items()}
    values = {**pseudo(stack_name, region), **defaults, **parameters}
    resolver = sam_template.Resolver(values, attribute, template.get("Conditions", {}))
    given = operations.parameters_of(template, NESTED, resolver)
    return operations.read(OPERATIONS, given, pseudo(f"{stack_name}-{NESTED}", region))


def of_stack(stack: Stack) -> operations.Operations:
    """The dashboard and alarms of a local stack."""
    pages = evidence.client(stack, "cloudformation").get_paginator("list_stack_resources")
    names = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages.paginate(StackName=stack.stack_name)
        for resource in page["StackResourceSummaries"]
        if "PhysicalResourceId" in resource
    }
    return read_operations(names, stack.parameters, stack.stack_name, stack.region)


def scene(stack: Stack, telemetry: Telemetry, since_ms: int | None) -> Scene:
    """What there is to draw: from `since_ms` on or, if it is None, all of the last hour.

    Adds what the log tells to `telemetry`, which has what was sampled. Raises LocalError if there is nothing.
    """
    now_ms = time.time_ns() // 1_000_000
    asked_ms = now_ms - HOUR_MS if since_ms is None else since_ms
    # The alarms look further back than the charts.
    lines = evidence.log_lines(stack, min(asked_ms, now_ms - 3 * HOUR_MS))
    gateway = evidence.Gateway.of(sam_template.load(TEMPLATE), stack.stack_name, STAGE)
    found = of_stack(stack)
    evidence.add_lines(telemetry, lines, evidence.functions_of(stack), gateway, found.log_metrics)
    lines = [line for line in lines if line.at_ms >= asked_ms]
    if not lines:
        raise LocalError("Nothing has happened in this time.", hint='make dashboard ARGS="--demo"')
    start_ms = min(lines[0].at_ms if since_ms is None else since_ms, now_ms - LEAST_MS)
    # An alarm is found in its state at the end of the minute; what comes after it is not there yet.
    next_minute = (now_ms // 60_000 + 1) * 60_000
    states = {
        name: alarms.states(alarm, telemetry, start_ms, next_minute)[-1][1] for name, alarm in found.alarms.items()
    }
    return Scene(f"{stack.stack_name}: dashboard", found, telemetry, lines, states, start_ms, now_ms)


def write(drawn: Scene, out: Path, picture: Path | None) -> None:
    """Write the page, and the picture alone if one is asked for."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_linked(html(drawn), (ROOT / "docs").as_uri()))
    if picture:
        docs = os.path.relpath(ROOT / "docs", picture.resolve().parent)
        picture.write_text(_linked(svg(drawn), docs))


def _linked(page: str, docs: str) -> str:
    """A local stack's links begin with `docs/`, the default of DocsUrl: lead them to where that is from here."""
    return page.replace('href="docs/', f'href="{docs}/')
