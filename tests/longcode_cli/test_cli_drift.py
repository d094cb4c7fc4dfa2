"""`longcode drift`."""

import json
from typing import Any

import pytest

from longcode_cli.commands import drift
from longcode_cli.problems import Problem
from tests.longcode_cli.deployments import (
    DEV,
    nap,
    place,
    stack_of,
)
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, run

pytestmark = pytest.mark.disable_socket

OPERATIONS = f"arn:aws:cloudformation:{REGION}:123456789012:stack/{DEV}-Operations-1X/2"


def changed(logical: str, *differences: tuple[str, str, str, str], status: str = "MODIFIED") -> dict[str, Any]:
    return {
        "LogicalResourceId": logical,
        "ResourceType": "AWS::Lambda::Function",
        "StackResourceDriftStatus": status,
        "PropertyDifferences": [
            {"PropertyPath": path, "DifferenceType": kind, "ExpectedValue": expected, "ActualValue": actual}
            for path, kind, expected, actual in differences
        ],
    }


@pytest.fixture
def nested(account: FakeFormation) -> FakeFormation:
    account.stacks[DEV] = stack_of(DEV)
    account.nested[DEV] = [
        {
            "LogicalResourceId": "Operations",
            "PhysicalResourceId": OPERATIONS,
            "ResourceType": "AWS::CloudFormation::Stack",
        }
    ]
    return account


def look() -> drift.Found:
    return drift.look(place(), lambda *_: None, nap)


def test_drift_looks_into_the_stacks_in_the_stack_too(nested: FakeFormation) -> None:
    nested.slow = True
    nested.drifts[OPERATIONS] = [changed("ApiFailing", ("/Threshold", "NOT_EQUAL", "5", "500"))]

    found = look()

    assert [row["StackName"] for row in nested.asked("DetectStackDrift")] == [DEV, OPERATIONS]
    assert found.stacks == (DEV, f"{DEV}-Operations-1X")
    (one,) = found.drifted
    assert (one.stack, one.resource) == (f"{DEV}-Operations-1X", "ApiFailing")


def test_drift_reads_every_page_and_what_could_not_be_compared(nested: FakeFormation) -> None:
    nested.drifts[DEV] = [changed("A"), changed("B", status="DELETED"), changed("C")]
    nested.unreadable[DEV] = "Failed to detect drift on resource [Api]"

    found = look()

    assert [one.resource for one in found.drifted] == ["A", "B", "C"]
    assert found.unread == (f"{DEV}: Failed to detect drift on resource [Api]",)


def test_a_drift_shows_each_property_and_never_a_secret(nested: FakeFormation) -> None:
    nested.drifts[DEV] = [
        changed(
            "SendFunction",
            ("/Timeout", "NOT_EQUAL", "29", "900"),
            ("/Environment/Variables/DEBUG", "ADD", "", "1"),
            ("/SecretString", "NOT_EQUAL", "KEYold", "KEYnew"),
        ),
        changed("SendQueue", status="DELETED"),
    ]
    result = run("drift", "--stack", DEV)

    words = " ".join(result.stdout.split())
    assert result.exit_code == 1
    assert "SendFunction (AWS::Lambda::Function) in long-code-sms-dev was changed" in words
    assert "/Timeout 29 900" in words
    assert "/Environment/Variables/DEBUG nothing 1" in words
    assert "SendQueue (AWS::Lambda::Function) in long-code-sms-dev was deleted by hand" in words
    assert "KEY" not in result.stdout


def test_a_stack_as_its_template_says_is_exit_code_0(nested: FakeFormation) -> None:
    result = run("drift", "--stack", DEV, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["in_sync"] is True


def test_a_comparison_that_never_ends_is_not_waited_for_for_ever(nested: FakeFormation) -> None:
    nested.endless = True
    with pytest.raises(Problem, match="does not come to an end"):
        look()


@pytest.mark.parametrize("command", ["drift", "destroy", "rollback-alarms"])
def test_a_command_about_a_stack_on_aws_needs_to_know_which(command: str) -> None:
    result = run(command)
    assert result.exit_code == 1
    assert "Which stack on AWS?" in result.stderr
