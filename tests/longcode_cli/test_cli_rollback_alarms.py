"""`longcode rollback-alarms`, and the alarms that a deployment sets."""

import pytest

from longcode_cli import rollback
from longcode_cli.problems import Problem
from tests.longcode_cli.deployments import (
    ALARMS,
    DEV,
    PROD,
    arn,
    nap,
    place,
    plan,
    set_alarm,
    stack_of,
    with_alarms,
)
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import run

pytestmark = pytest.mark.disable_socket


def watched(account: FakeFormation, name: str) -> tuple[list[str], int]:
    found = account.stacks[name]["RollbackConfiguration"]
    return [row["Arn"] for row in found["RollbackTriggers"]], found["MonitoringTimeInMinutes"]


def after(account: FakeFormation, name: str) -> str:
    """What follows once SAM is done."""
    return rollback.watch(place(name), account.stacks[name], rollback.WATCH_MINUTES["prod"])


def test_after_a_deployment_cloudformation_watches_the_stacks_alarms(account: FakeFormation) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)

    printed = rollback.watch(place(PROD), account.stacks[PROD], 10)

    assert watched(account, PROD) == (sorted(arn(alarm) for alarm in ALARMS), 10)
    (asked,) = account.asked("CreateChangeSet")
    assert asked["UsePreviousTemplate"] is True
    assert all(row["UsePreviousValue"] for row in asked["Parameters"])
    assert asked["Capabilities"] == ["CAPABILITY_IAM"]
    tags = {row["Key"]: row["Value"] for row in asked["Tags"]}
    assert tags["service"] == "long-code-sms"
    assert tags[rollback.TAG].startswith("10-minutes-")
    assert "watches ApiFailing, FunctionErrors, StoreUnavailable during each update" in printed


def test_it_is_set_once_and_then_left_alone(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    for _ in range(2):
        rollback.watch(place(), account.stacks[DEV], 0)

    assert len(account.asked("ExecuteChangeSet")) == 1


def test_other_alarms_after_an_update_take_the_place_of_those_before(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    rollback.watch(place(), account.stacks[DEV], 0)

    account.stacks[DEV]["Outputs"][-1]["OutputValue"] = f"{arn('ApiFailing')}, {arn('StoreUnavailable')}"
    rollback.watch(place(), account.stacks[DEV], 0)

    assert watched(account, DEV)[0] == [arn("ApiFailing"), arn("StoreUnavailable")]


def test_no_alarm_is_set_while_it_is_in_alarm_as_it_would_take_its_own_update_back(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    set_alarm("StoreUnavailable")

    printed = rollback.watch(place(), account.stacks[DEV], 0)

    assert account.asked("CreateChangeSet") == []
    assert "not set, as StoreUnavailable is in ALARM or gone" in printed


def test_a_stack_without_alarms_is_reported_and_left(account: FakeFormation) -> None:
    account.stacks[DEV] = stack_of(DEV)

    result = run("rollback-alarms", "--stack", DEV)

    assert account.asked("CreateChangeSet") == []
    assert "no alarms to watch" in result.stdout


def test_they_can_be_taken_off_for_a_deployment_that_fixes_it_and_come_back_with_the_next(
    account: FakeFormation,
) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)
    assert run("rollback-alarms", "--stack", PROD).exit_code == 0
    set_alarm("ApiFailing")

    assert run("rollback-alarms", "--stack", PROD, "--off").exit_code == 0
    assert watched(account, PROD) == ([], 0)
    plan(env="prod")

    set_alarm("ApiFailing", "OK")
    after(account, PROD)
    assert watched(account, PROD)[1] == 10


def test_how_long_they_are_watched_is_the_operators_choice_and_outlives_deployments(
    account: FakeFormation,
) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)
    run("rollback-alarms", "--stack", PROD)
    run("rollback-alarms", "--stack", PROD, "--minutes", "30")

    after(account, PROD)

    assert watched(account, PROD)[1] == 30
    assert len(account.asked("ExecuteChangeSet")) == 2


def test_a_change_that_cloudformation_refuses_is_reported_with_its_reason_and_leaves_nothing(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    watch = rollback.Watch((arn("ApiFailing"),), 0)
    account.stacks[DEV]["Tags"].append({"Key": rollback.TAG, "Value": watch.tag})

    with pytest.raises(Problem, match="didn't contain changes"):
        rollback.put(place(), account.stacks[DEV], watch, nap)
    assert len(account.asked("DeleteChangeSet")) == 1
    assert account.asked("ExecuteChangeSet") == []
