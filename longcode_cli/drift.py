"""Drift: what of a stack and of the stacks in it is no longer as the template says."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from longcode_cli.problems import Problem
from longcode_cli.site import Site

POLL_S = 3.0
# CloudFormation needs minutes for a hundred resources.
_POLLS_AT_MOST = 600
_NESTED = "AWS::CloudFormation::Stack"
# What must not be shown, should CloudFormation ever read it back.
_SECRET = ("SecretString",)


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that is not as the template says: where, and what it should be and is."""

    path: str
    kind: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Drifted:
    """One resource that was changed or deleted by somebody else. `stack` is the name of the one that it is in."""

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


def look(place: Site, told: Callable[[str, int, int], None], sleep: Callable[[float], None] = time.sleep) -> Found:
    """Have CloudFormation compare each; `told` of the one it is at, its number and how many there are."""
    formation = place.client("cloudformation")
    stacks = [place.stack_name, *_nested(formation, place.stack_name)]
    drifted: list[Drifted] = []
    unread: list[str] = []
    for number, stack in enumerate(stacks, 1):
        told(short(stack), number, len(stacks))
        if why := _detect(formation, stack, sleep):
            unread.append(f"{short(stack)}: {why}")
        drifted += _drifted(formation, stack)
    return Found(tuple(short(stack) for stack in stacks), tuple(drifted), tuple(unread))


def short(stack: str) -> str:
    """A stack's name; of a nested one it is the middle of its ARN."""
    return stack.split("/")[1] if stack.startswith("arn:") else stack


# Any: a boto3 client, as place.client makes it.
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
