"""`longcode set`: one parameter of a deployed stack."""

import re

import boto3
import pytest

from longcode_cli.commands import set_parameter as parameter
from tests.longcode_cli.deployments import (
    ALARMS,
    DEV,
    arn,
    parameter_rows,
    place,
    set_alarm,
    stack_of,
    with_alarms,
)
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, run

pytestmark = pytest.mark.disable_socket


def parameters_of(account: FakeFormation, name: str) -> dict[str, str]:
    return {row["ParameterKey"]: row["ParameterValue"] for row in account.stacks[name]["Parameters"]}


@pytest.mark.parametrize("comment", ["", "#" * 60_000], ids=["a short template", "a long one, by SAM's bucket"])
def test_one_parameter_is_changed_by_the_stacks_own_template_and_all_others_stay(
    account: FakeFormation, comment: str
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    account.stacks["sam"] = {
        **stack_of(DEV),
        **{"StackName": "aws-sam-cli-managed-default", "StackId": "sam"},
        "Outputs": [{"OutputKey": "SourceBucket", "OutputValue": "sams-bucket"}],
    }
    bucket = boto3.client("s3", region_name=REGION)
    bucket.create_bucket(Bucket="sams-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    account.template = f"Transform: AWS::Serverless-2016-10-31\n{comment}"

    result = run("set", "StoreText", "until_final", "--stack", DEV)

    assert result.exit_code == 0, result.output
    found = parameters_of(account, DEV)
    assert (found["StoreText"], found["TelnyxApiKey"]) == ("until_final", "****")
    # Another one each time, so that SAM publishes the functions with the new value.
    assert re.fullmatch(r"[0-9]{10}", found["Release"])
    (asked,) = account.asked("UpdateStack")
    if comment:
        key = asked["TemplateURL"].removeprefix(f"https://s3.{REGION}.amazonaws.com/sams-bucket/")
        assert bucket.get_object(Bucket="sams-bucket", Key=key)["Body"].read().decode() == account.template
    else:
        assert asked["TemplateBody"] == account.template


def test_a_value_that_no_function_would_start_with_is_refused_by_its_parameters_names(
    account: FakeFormation,
) -> None:
    has = {"AttSegmentsPerMinute": "6000", "AccountSegmentsPerSecond": "0", "CarrierLimits": "att=5"}
    account.stacks[DEV] = stack_of(DEV, Parameters=parameter_rows(has))

    result = run("set", "AccountSegmentsPerSecond", "10", "--stack", DEV)

    assert result.exit_code == 1
    # What is wrong with another parameter already is no reason.
    assert " ".join(result.output.split()) == (
        "AttSegmentsPerMinute can't be met: AccountSegmentsPerSecond comes to 600 a minute. "
        "No function would start with it, so nothing was changed."
    )
    assert not account.asked("UpdateStack")


def test_two_parameters_that_are_set_within_a_second_are_two_releases() -> None:
    first = parameter.another_release("1772443800abcdef", 1772443801)
    assert first == "1772443801"
    assert parameter.another_release(first, 1772443801) == "1772443802"


def test_an_update_that_has_not_begun_is_not_taken_for_one_that_has_ended(account: FakeFormation) -> None:
    before = account.stacks[DEV] = stack_of(DEV)
    later = [
        before | {"StackStatus": "UPDATE_IN_PROGRESS", "LastUpdatedTime": "2026-11-26T09:00:00Z"},
        before | {"StackStatus": "UPDATE_ROLLBACK_COMPLETE", "LastUpdatedTime": "2026-11-26T09:00:00Z"},
    ]

    def nap_and_go_on(_seconds: float) -> None:
        account.stacks[DEV] = later.pop(0)

    assert parameter.wait(place(), place().describe(), nap_and_go_on) == "UPDATE_ROLLBACK_COMPLETE"
    assert later == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("Nonsense", "has no parameter Nonsense"), ("TelnyxApiKey", "A key does not belong on a command line")],
)
def test_what_can_not_be_set_is_refused_and_nothing_is_deployed(
    account: FakeFormation, name: str, words: str
) -> None:
    account.stacks[DEV] = stack_of(DEV)

    result = run("set", name, "KEYsecret", "--stack", DEV)

    assert result.exit_code == 1
    assert words in " ".join(result.stderr.split())
    assert account.asked("UpdateStack") == []


def test_no_parameter_is_set_while_an_alarm_would_take_it_back(account: FakeFormation) -> None:
    stack = account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    stack["RollbackConfiguration"] = {"RollbackTriggers": [{"Arn": arn(alarm), "Type": "x"} for alarm in ALARMS]}
    set_alarm("ApiFailing")

    result = run("set", "StoreText", "always", "--stack", DEV)

    assert result.exit_code == 1
    assert "rollback-alarms --off" in result.stderr
    assert account.asked("UpdateStack") == []
