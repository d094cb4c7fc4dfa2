"""The nested stacks of template.yaml as they are deployed, with `${Name}` for the value of each parameter."""

from functools import cache
from typing import Any

from devtools.local_stack import sam_template
from tests.support.fakes import ROOT

PSEUDO = {
    name: f"${{{name}}}"
    for name in ("AWS::StackName", "AWS::Region", "AWS::AccountId", "AWS::Partition", "AWS::URLSuffix")
}

MONITORING = ("basic", "full")


# Any: a template is JSON.
@cache
def _stack(logical_id: str, monitoring: str) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Resources and outputs."""
    template = sam_template.load(ROOT / "template.yaml")

    def attribute(name: str, of_it: str | None) -> str:
        resource = template["Resources"].get(name, {})
        if resource.get("Type") == "AWS::Logs::LogGroup":
            return str(resolver.resolve(resource["Properties"]["LogGroupName"]))
        return f"${{{name}.{of_it}}}" if of_it else f"${{{name}}}"

    values = {name: f"${{{name}}}" for name in template["Parameters"]}
    values |= {"Monitoring": monitoring, "TraceSampling": "0.05", "StoreMedia": "on"}
    resolver = sam_template.Resolver(PSEUDO | values, attribute, template["Conditions"])
    stack = template["Resources"][logical_id]["Properties"]
    return sam_template.stack(ROOT / stack["TemplateURL"], resolver.resolve(stack["Parameters"]), PSEUDO)


def resources(logical_id: str, monitoring: str = "full") -> dict[str, dict[str, Any]]:
    """Logical id → type and properties of each resource of one nested stack and of those nested in it."""
    return _stack(logical_id, monitoring)[0]


def outputs(logical_id: str, monitoring: str = "full") -> dict[str, str]:
    """The outputs of one nested stack."""
    return _stack(logical_id, monitoring)[1]


def of_type(logical_id: str, kind: str, monitoring: str = "full") -> dict[str, dict[str, Any]]:
    """Logical id → properties of each resource of a kind in one nested stack and in those nested in it."""
    found = resources(logical_id, monitoring)
    return {name: made["Properties"] for name, made in found.items() if made["Type"] == kind}


def every() -> list[dict[str, Any]]:
    """Type and properties of every resource of every nested stack, with either setting of Monitoring."""
    template = sam_template.load(ROOT / "template.yaml")
    return [
        made
        for name, one in template["Resources"].items()
        if one["Type"] == "AWS::CloudFormation::Stack"
        for monitoring in MONITORING
        for made in resources(name, monitoring).values()
    ]
