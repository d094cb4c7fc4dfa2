"""Reads a SAM template as plain data, for what the emulator leaves out and the tests look at."""

from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.CSafeLoader):
    """Knows CloudFormation's short tags: `!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)


def load(path: Path) -> dict[str, Any]:
    """The template in `path`; short tags in their long form."""
    template: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return template


def resolved(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """The resources that there are with these parameters, each other at its default: every condition decided."""
    values = {name: str(found.get("Default", "")) for name, found in template["Parameters"].items()} | parameters
    conditions = {name: _holds(found, values) for name, found in template.get("Conditions", {}).items()}
    return {
        name: _decided(resource, conditions)
        for name, resource in template["Resources"].items()
        if conditions.get(resource.get("Condition"), True)
    }


def _holds(condition: Any, values: dict[str, str]) -> bool:
    """Whether a condition is met; Equals and Not are all that the template uses."""
    ((operator, operands),) = condition.items()
    if operator == "Fn::Not":
        return not _holds(operands[0], values)
    assert operator == "Fn::Equals", operator
    left, right = (values[side["Ref"]] if isinstance(side, dict) else str(side) for side in operands)
    return left == right


_NOTHING = {"Ref": "AWS::NoValue"}


def _decided(part: Any, conditions: dict[str, bool]) -> Any:
    """`part` with each `If` replaced by its branch; what has no value is left out."""
    if isinstance(part, dict):
        if set(part) == {"Fn::If"}:
            name, then, otherwise = part["Fn::If"]
            return _decided(then if conditions[name] else otherwise, conditions)
        inside = {name: _decided(value, conditions) for name, value in part.items()}
        return {name: value for name, value in inside.items() if value != _NOTHING}
    if isinstance(part, list):
        return [value for value in (_decided(each, conditions) for each in part) if value != _NOTHING]
    return part


def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Logical id → properties of each function."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def api_definition(template: dict[str, Any]) -> dict[str, Any]:
    """All of the template that decides what the REST API looks like."""
    apis = {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Api"
    }
    routes = {
        name: {key: event for key, event in (function.get("Events") or {}).items() if event["Type"] == "Api"}
        for name, function in functions(template).items()
    }
    shared = template.get("Globals", {})
    # Each route leads to its function's alias.
    alias = shared.get("Function", {}).get("AutoPublishAlias")
    return {"apis": apis, "routes": routes, "globals": shared.get("Api"), "alias": alias}


def gateway_responses(template: dict[str, Any], api: str = "Api") -> dict[str, dict[str, Any]]:
    """Response type → arguments of PutGatewayResponse for each one that the template declares."""
    declared = template["Resources"][api]["Properties"].get("GatewayResponses") or {}
    answers: dict[str, dict[str, Any]] = {}
    for kind, response in declared.items():
        arguments: dict[str, Any] = {}
        if "StatusCode" in response:
            arguments["statusCode"] = str(response["StatusCode"])
        if "ResponseTemplates" in response:
            arguments["responseTemplates"] = dict(response["ResponseTemplates"])
        if "ResponseParameters" in response:
            arguments["responseParameters"] = {
                f"gatewayresponse.{_PARAMETER_KINDS[where]}.{name}": value
                for where, named in response["ResponseParameters"].items()
                for name, value in named.items()
            }
        answers[kind] = arguments
    return answers


_PARAMETER_KINDS = {"Headers": "header", "Paths": "path", "QueryStrings": "querystring"}
