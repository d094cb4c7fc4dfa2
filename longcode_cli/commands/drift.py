"""`longcode drift`: what of a stack and of the stacks in it is no longer as the template says."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from longcode_cli import terminal
from longcode_cli.options import ON_AWS, AsJson, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, plain, say, say_json, spinner

EXAMPLES = examples("drift --env prod", "drift --env prod --json")

POLL_S = 3.0
# CloudFormation needs minutes for a hundred resources.
_POLLS_AT_MOST = 600
_NESTED = "AWS::CloudFormation::Stack"
# What must not be shown, should CloudFormation ever read it back.
_SECRET = ("SecretString",)
_STATUS_IN_WORDS = {"MODIFIED": "was changed", "DELETED": "was deleted by hand"}
# As much of a value as a person still reads; --json has all of it.
_VALUE_AT_MOST = 160


@stack_options(*ON_AWS)
def command(where: Where, as_json: AsJson = False) -> None:
    """What of a stack was changed by hand. Exit code 1 if anything is not as the template says."""
    stack = where.on_aws()
    stack.describe()
    with spinner("CloudFormation compares") as show:
        found = look(stack, lambda name, number, of: show(f"CloudFormation compares {name}, {number} of {of}"))
    if as_json:
        say_json(
            {
                "in_sync": not found.drifted,
                "stacks": list(found.stacks),
                "drifted": [asdict(one) for one in found.drifted],
                "not_compared": list(found.unread),
            }
        )
    else:
        say(_report(found))
    if found.drifted:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that is not as the template says: where, and what it should be and is."""

    path: str
    kind: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that was changed or deleted by hand. `stack` is the name of the one that it is in."""

    stack: str
    resource: str
    type: str
    status: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at all of them came to. `unread`: resources that CloudFormation could not compare, and why."""

    stacks: tuple[str, ...]
    drifted: tuple[Drifted, ...]
    unread: tuple[str, ...]


def look(
    stack: Stack, report: Callable[[str, int, int], None], sleep: Callable[[float], None] = time.sleep
) -> Found:
    """Have CloudFormation compare each; `report` is given the one it is at, its number and how many there are."""
    formation = stack.client("cloudformation")
    stacks = [stack.stack_name, *_nested(formation, stack.stack_name)]
    drifted: list[Drifted] = []
    unread: list[str] = []
    for number, name in enumerate(stacks, 1):
        report(short(name), number, len(stacks))
        if why := _detect(formation, name, sleep):
            unread.append(f"{short(name)}: {why}")
        drifted += _drifted(formation, name)
    return Found(tuple(short(name) for name in stacks), tuple(drifted), tuple(unread))


def short(stack: str) -> str:
    """A stack's name; of a nested one it is the middle of its ARN."""
    return stack.split("/")[1] if stack.startswith("arn:") else stack


# Any: a boto3 client, as Stack.client makes it.
def _nested(formation: Any, stack: str) -> list[str]:
    """The stacks in a stack, and in those: CloudFormation looks into none by itself."""
    found: list[str] = []
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for row in page["StackResourceSummaries"]:
            if row["ResourceType"] == _NESTED and row.get("PhysicalResourceId"):
                found += [row["PhysicalResourceId"], *_nested(formation, row["PhysicalResourceId"])]
    return found


def _detect(formation: Any, stack: str, sleep: Callable[[float], None]) -> str | None:
    """Have one stack compared; answers what could not be, None if everything could."""
    ident = formation.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
    for _ in range(_POLLS_AT_MOST):
        found = formation.describe_stack_drift_detection_status(StackDriftDetectionId=ident)
        match found["DetectionStatus"]:
            case "DETECTION_COMPLETE":
                return None
            case "DETECTION_FAILED":
                return str(found.get("DetectionStatusReason", "CloudFormation gives no reason"))
        sleep(POLL_S)
    raise Problem(f"CloudFormation does not come to an end with {short(stack)}.", "Try again in some minutes.")


def _drifted(formation: Any, stack: str) -> list[Drifted]:
    found: list[Drifted] = []
    more: dict[str, str] = {}
    while True:
        page = formation.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"], **more
        )
        found += [
            Drifted(
                short(stack),
                row["LogicalResourceId"],
                row["ResourceType"],
                row["StackResourceDriftStatus"],
                tuple(_difference(one) for one in row.get("PropertyDifferences", [])),
            )
            for row in page["StackResourceDrifts"]
        ]
        if not page.get("NextToken"):
            return found
        more = {"NextToken": page["NextToken"]}


def _difference(row: dict[str, str]) -> Difference:
    hidden = any(name in row["PropertyPath"] for name in _SECRET)
    expected, actual = (
        "(not shown)" if hidden else row.get(name, "") for name in ("ExpectedValue", "ActualValue")
    )
    return Difference(row["PropertyPath"], row["DifferenceType"], expected, actual)


def _report(found: Found) -> RenderableType:
    """What is not as the template says."""
    where = f"{count(len(found.stacks), 'stack')} compared: {', '.join(found.stacks)}."
    unread = [Text(f"Not compared in {plain(words)}", "yellow") for words in found.unread]
    if not found.drifted:
        return Group(where, *unread, Text("Everything is as the template says.", "green"))
    rows: list[RenderableType] = [where, *unread]
    for one in found.drifted:
        words = f"{one.resource} ({one.type}) in {one.stack} {_STATUS_IN_WORDS[one.status]}"
        rows += ["", Text(words, "red")]
        if one.differences:
            table = terminal.table("property", "the template says", "it is")
            for column in table.columns:
                column.no_wrap, column.overflow = False, "fold"
            for row in one.differences:
                table.add_row(row.path, *_values(row))
            rows.append(table)
    # CloudFormation compares a template with the one before it, and never with what there is.
    rows += [
        "",
        "No deployment undoes this. Undo it by hand, or take it over into template.yaml and deploy.",
    ]
    return Group(*rows)


def _values(row: Difference) -> tuple[str, str]:
    expected, actual = (
        plain(value) if len(value) <= _VALUE_AT_MOST else f"{plain(value[:_VALUE_AT_MOST])}…"
        for value in (row.expected, row.actual)
    )
    return ("nothing" if row.kind == "ADD" else expected), ("nothing" if row.kind == "REMOVE" else actual)
