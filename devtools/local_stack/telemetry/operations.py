"""Reads the dashboard, the alarms and the saved queries as they are deployed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.local_stack import sam_template
from devtools.local_stack.sam_template import BadTemplate, Resolver

from . import log_metrics
from .alarms import Alarm


@dataclass(frozen=True, slots=True)
class Widget:
    """A rectangle of the dashboard, in units of its 24 columns."""

    kind: str
    x: int
    y: int
    width: int
    height: int
    properties: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.properties.get("title", ""))


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query that CloudWatch Logs Insights has in its list."""

    name: str
    text: str
    log_groups: list[str]


@dataclass(frozen=True, slots=True)
class Operations:
    """What `operations/template.yaml` makes of a stack."""

    body: dict[str, Any]
    widgets: list[Widget]
    alarms: dict[str, Alarm]  # by logical id
    alarm_arns: dict[str, str]  # ARN → logical id
    queries: list[SavedQuery]
    log_metrics: list[log_metrics.LogMetric]


def read(path: Path, parameters: Mapping[str, str], pseudo: Mapping[str, str]) -> Operations:
    """The template in `path` and what is nested in it.

    Raises BadTemplate, or what an alarm or a metric filter raises.
    """
    resources, _ = sam_template.stack(path, parameters, pseudo)

    def of_type(kind: str) -> dict[str, Any]:
        return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}

    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    try:
        body = json.loads(dashboard["DashboardBody"])
    except ValueError as exc:
        raise BadTemplate(f"The dashboard's body is no JSON: {exc}") from exc
    alarms = {name: Alarm.of(one["AlarmName"], one) for name, one in of_type("AWS::CloudWatch::Alarm").items()}
    account = ":".join(
        ["arn", pseudo["AWS::Partition"], "cloudwatch", pseudo["AWS::Region"], pseudo["AWS::AccountId"]]
    )
    return Operations(
        body=body,
        widgets=[_widget(one) for one in body["widgets"]],
        alarms=alarms,
        alarm_arns={f"{account}:alarm:{alarm.name}": name for name, alarm in alarms.items()},
        queries=[
            SavedQuery(one["Name"], one["QueryString"], one.get("LogGroupNames", []))
            for one in of_type("AWS::Logs::QueryDefinition").values()
        ],
        log_metrics=[log_metrics.read(one) for one in of_type("AWS::Logs::MetricFilter").values()],
    )


def _widget(one: Mapping[str, Any]) -> Widget:
    x, y, width, height = (int(one[name]) for name in ("x", "y", "width", "height"))
    return Widget(one["type"], x, y, width, height, one["properties"])


def parameters_of(template: Mapping[str, Any], nested: str, resolver: Resolver) -> dict[str, str]:
    """What the main template hands to the nested stack with that logical id."""
    given = template["Resources"][nested]["Properties"].get("Parameters", {})
    return {name: str(resolver.resolve(value)) for name, value in given.items()}
