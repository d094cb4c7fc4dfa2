"""Reads SAM templates as plain data, the service's own above all."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from longcode_cli.checkout import TEMPLATE


class _Loader(yaml.CSafeLoader):
    """Knows CloudFormation's short tags: `!Ref X` is `{"Ref": "X"}`, `!Sub X` is `{"Fn::Sub": "X"}`."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    # Any: whatever the template has there.
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


def read(path: Path) -> dict[str, Any]:
    """The template in `path`; short tags in their long form."""
    template: dict[str, Any] = yaml.load(path.read_text(), _Loader)  # noqa: S506 -- a CSafeLoader
    return template


@cache
def load() -> dict[str, Any]:
    """The template; short tags in their long form. It is the same object each time: do not change it."""
    return read(TEMPLATE)


def functions() -> set[str]:
    """The logical id of each function."""
    return {name for name, row in load()["Resources"].items() if row["Type"] == "AWS::Serverless::Function"}


def variables(function: str | None = None) -> dict[str, str]:
    """The variables of a function, or of all, each with the parameter or resource that it is taken from."""
    environment = dict(load()["Globals"]["Function"]["Environment"]["Variables"])
    for name in functions() if function is None else [function]:
        environment |= load()["Resources"][name]["Properties"].get("Environment", {}).get("Variables", {})
    return {name: row["Ref"] for name, row in environment.items() if isinstance(row, dict) and "Ref" in row}


def required_parameters() -> list[str]:
    """The parameters that have no default."""
    return [name for name, row in load()["Parameters"].items() if "Default" not in row]


def defaults() -> dict[str, str]:
    """The default of each parameter that has one."""
    return {name: str(row["Default"]) for name, row in load()["Parameters"].items() if "Default" in row}
