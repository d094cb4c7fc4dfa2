"""Reads CloudFormation and SAM templates as plain data, and resolves their intrinsic functions."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from longcode_cli import template as _templates

load = _templates.read


class BadTemplate(ValueError):
    """A template that uses what is not known here."""


# Logical id and attribute (None for Ref) → value.
Attribute = Callable[[str, str | None], Any]


class Resolver:
    """Puts values in the place of CloudFormation's functions."""

    def __init__(self, values: Mapping[str, Any], attribute: Attribute, conditions: Mapping[str, Any]) -> None:
        """`values` are parameters; `attribute` is asked about everything else."""
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

    def decide(self, value: Any) -> Any:
        """`value` with each `If` replaced by its branch and nothing else resolved. Raises BadTemplate."""
        if isinstance(value, list):
            return [found for one in value if (found := self.decide(one)) != _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            return self.decide(self._branch(*value["Fn::If"]))
        return {name: found for name, one in value.items() if (found := self.decide(one)) != _NO_VALUE}

    def _branch(self, condition: str, then: Any, otherwise: Any) -> Any:
        return then if self.holds({"Condition": condition}) else otherwise

    def _name(self, name: str, attribute: str | None) -> Any:
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
                return self.resolve(self._branch(condition, then, otherwise))
        raise BadTemplate(f"{function} of {argument!r} is not known here.")

    def _substituted(self, text: str, more: Mapping[str, str]) -> str:
        def one(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in more:
                return more[name]
            logical_id, _, attribute = name.partition(".")
            return str(self._name(logical_id, attribute or None))

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
_NO_VALUE = {"Ref": "AWS::NoValue"}


def _existing(section: Mapping[str, Any], resolver: Resolver) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources, or the outputs, that the conditions leave."""
    for name, one in section.items():
        if "Condition" not in one or resolver.holds({"Condition": one["Condition"]}):
            yield name, one


def resolved(template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """The resources that there are with these parameters, each other at its default: every condition decided."""
    values = {name: str(found.get("Default", "")) for name, found in template["Parameters"].items()} | parameters
    resolver = Resolver(values, _unknown, template.get("Conditions", {}))
    return {name: resolver.decide(resource) for name, resource in _existing(template["Resources"], resolver)}


def _unknown(logical_id: str, _attribute: str | None) -> str:
    raise BadTemplate(f"{logical_id} is no parameter.")


_NESTED = "AWS::CloudFormation::Stack"


def stack(
    path: Path, parameters: Mapping[str, str], pseudo: Mapping[str, str]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """What a template makes: resources, those of nested stacks among them, by their logical ids; and its outputs.

    Everything is resolved; an ARN is `arn:` and the logical id. `pseudo` are CloudFormation's own parameters, as
    AWS::Region. Raises BadTemplate.
    """
    template = load(path)
    resources: dict[str, dict[str, Any]] = template["Resources"]
    outputs: dict[str, dict[str, str]] = {}

    def attribute(logical_id: str, name: str | None) -> str:
        if logical_id not in resources:
            raise BadTemplate(f"There is no {logical_id} in {path.name}.")
        if logical_id in outputs and name:
            return outputs[logical_id][name.removeprefix("Outputs.")]
        return f"arn:{logical_id}" if name == "Arn" else logical_id

    values = {**pseudo, **_given(path, template, parameters)}
    resolver = Resolver(values, attribute, template.get("Conditions", {}))
    found: dict[str, dict[str, Any]] = {}
    for name, resource in _existing(template["Resources"], resolver):
        properties = resolver.resolve(resource.get("Properties", {}))
        if resource["Type"] == _NESTED:
            file = path.parent / properties["TemplateURL"]
            inside, outputs[name] = stack(file, properties.get("Parameters", {}), pseudo)
            found |= inside
        else:
            found[name] = {"Type": resource["Type"], "Properties": properties}
    made = dict(_existing(template.get("Outputs", {}), resolver))
    return found, {name: resolver.resolve(one["Value"]) for name, one in made.items()}


def _given(path: Path, template: Mapping[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """The value of each parameter of a template. Raises BadTemplate for one that it does not have, or lacks."""
    declared: dict[str, dict[str, Any]] = template.get("Parameters", {})
    if unknown := sorted(parameters.keys() - declared.keys()):
        raise BadTemplate(f"{path.name} has no parameter {unknown[0]}.")
    given: dict[str, Any] = {}
    for name, one in declared.items():
        if name not in parameters and "Default" not in one:
            raise BadTemplate(f"{path.name} is not given its parameter {name}.")
        value = str(parameters.get(name, one.get("Default")))
        given[name] = value.split(",") if one["Type"] == "CommaDelimitedList" else value
    return given


def files(path: Path) -> list[Path]:
    """A template and all that are nested in it."""
    nested = [one for one in load(path)["Resources"].values() if one["Type"] == _NESTED]
    return [path, *(file for one in nested for file in files(path.parent / one["Properties"]["TemplateURL"]))]


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
