"""Reads the dashboard, the alarms and the saved queries as they are deployed.

CloudFormation's references are resolved with the names that the resources of a stack have.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.local_stack import sam_template

from .alarms import Alarm

# Any: values of a template and of a dashboard's body, which are JSON.
Attribute = Callable[[str, str | None], str]


class BadTemplate(ValueError):
    """A template that uses what is not known here."""


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


def read(path: Path, parameters: Mapping[str, str], pseudo: Mapping[str, str]) -> Operations:
    """The template in `path` with these parameters. Raises BadTemplate, or what an alarm raises."""
    template = sam_template.load(path)
    given = {
        name: str(parameters.get(name, declared.get("Default", "")))
        for name, declared in template.get("Parameters", {}).items()
    }
    if unknown := sorted(parameters.keys() - given.keys()):
        raise BadTemplate(f"{path.name} has no parameter {unknown[0]}.")
    resources: dict[str, dict[str, Any]] = template["Resources"]

    def attribute(logical_id: str, name: str | None) -> str:
        if logical_id not in resources:
            raise BadTemplate(f"There is no {logical_id} in {path.name}.")
        return f"arn:{logical_id}" if name == "Arn" else logical_id

    resolver = Resolver({**pseudo, **given}, attribute, template.get("Conditions", {}))

    def of_type(kind: str) -> dict[str, Any]:
        return {
            name: resolver.resolve(resource["Properties"])
            for name, resource in resources.items()
            if resource["Type"] == kind
        }

    (dashboard,) = of_type("AWS::CloudWatch::Dashboard").values()
    try:
        body = json.loads(dashboard["DashboardBody"])
    except ValueError as exc:
        raise BadTemplate(f"The dashboard's body is no JSON: {exc}") from exc
    alarms = {
        name: Alarm.of(properties.get("AlarmName", name), properties)
        for name, properties in of_type("AWS::CloudWatch::Alarm").items()
    }
    return Operations(
        body=body,
        widgets=[_widget(one) for one in body["widgets"]],
        alarms=alarms,
        alarm_arns={f"arn:{name}": name for name in alarms},
        queries=[
            SavedQuery(one["Name"], one["QueryString"], one.get("LogGroupNames", []))
            for one in of_type("AWS::Logs::QueryDefinition").values()
        ],
    )


def _widget(one: Mapping[str, Any]) -> Widget:
    x, y, width, height = (int(one[name]) for name in ("x", "y", "width", "height"))
    return Widget(one["type"], x, y, width, height, one["properties"])


class Resolver:
    """Puts values in the place of CloudFormation's functions."""

    def __init__(self, values: Mapping[str, str], attribute: Attribute, conditions: Mapping[str, Any]) -> None:
        """`attribute(logical id, attribute or None for Ref)` is asked about what is no parameter."""
        self._values = values
        self._attribute = attribute
        self._conditions = conditions

    def resolve(self, value: Any) -> Any:
        """`value` with nothing left to resolve; what is `AWS::NoValue` is left out. Raises BadTemplate."""
        if isinstance(value, list):
            return [found for one in value if (found := self.resolve(one)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, argument),) = value.items()
            if function == "Ref":
                return _NOTHING if argument == "AWS::NoValue" else self._name(argument, None)
            if function.startswith("Fn::"):
                return self._call(function, argument)
        return {name: found for name, one in value.items() if (found := self.resolve(one)) is not _NOTHING}

    def _name(self, name: str, attribute: str | None) -> str:
        if attribute is None and name in self._values:
            return self._values[name]
        if name.startswith("AWS::"):
            raise BadTemplate(f"{name} is not known here.")
        return self._attribute(name, attribute)

    def _call(self, function: str, argument: Any) -> Any:
        match function, argument:
            case "Fn::GetAtt", [logical_id, attribute]:
                return self._name(logical_id, attribute)
            case "Fn::Sub", str() as text:
                return self._substituted(text, {})
            case "Fn::Sub", [str() as text, dict() as more]:
                return self._substituted(text, {name: str(self.resolve(one)) for name, one in more.items()})
            case "Fn::Join", [separator, parts]:
                return separator.join(str(part) for part in self.resolve(parts))
            case "Fn::If", [condition, then, otherwise]:
                return self.resolve(then if self.holds({"Condition": condition}) else otherwise)
        raise BadTemplate(f"{function} of {argument!r} is not known here.")

    def _substituted(self, text: str, more: Mapping[str, str]) -> str:
        def one(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in more:
                return more[name]
            logical_id, _, attribute = name.partition(".")
            return self._name(logical_id, attribute or None)

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def holds(self, condition: Any) -> bool:
        """Whether a condition is true. Raises BadTemplate."""
        match condition:
            case {"Condition": name}:
                return self.holds(self._conditions[name])
            case {"Fn::Equals": [left, right]}:
                return str(self.resolve(left)) == str(self.resolve(right))
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": inner}:
                return all(self.holds(one) for one in inner)
            case {"Fn::Or": inner}:
                return any(self.holds(one) for one in inner)
        raise BadTemplate(f"The condition {condition!r} is not known here.")


_NOTHING = object()


def parameters_of(template: Mapping[str, Any], nested: str, resolver: Resolver) -> dict[str, str]:
    """What the main template hands to the nested stack with that logical id."""
    given = template["Resources"][nested]["Properties"].get("Parameters", {})
    return {name: str(resolver.resolve(value)) for name, value in given.items()}
