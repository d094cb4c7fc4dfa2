"""Reads a SAM template as plain data, for what the emulator leaves out and the tests look at."""

from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
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
    return {"apis": apis, "routes": routes, "globals": template.get("Globals", {}).get("Api")}


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
