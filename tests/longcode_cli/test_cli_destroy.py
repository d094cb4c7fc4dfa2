"""`longcode destroy`."""

import time
from dataclasses import replace

import boto3
import pytest

from longcode.domain.status import Status
from longcode_cli import stack as stacks
from longcode_cli.commands import deploy
from tests.longcode_cli.deployments import DEV, KEYS, PROD, plan, stack_of
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, run, text
from tests.longcode_cli.world import deploy as create

pytestmark = pytest.mark.disable_socket


@pytest.fixture
def dev(account: FakeFormation) -> FakeFormation:
    """A stack as it is deployed, but for the protection of its table."""
    stack = account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "UPDATE_COMPLETE"}
    outputs = stacks.outputs_of(stack)
    account.template = {
        "Resources": {
            "MessagesTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
            "LimitsTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Delete"},
            "SendQueue": {"Type": "AWS::SQS::Queue"},
        }
    }
    account.nested[DEV] = [
        {"LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind}
        for logical, physical, kind in (
            ("MessagesTable", outputs["MessagesTableName"], "AWS::DynamoDB::Table"),
            ("LimitsTable", outputs["LimitsTableName"], "AWS::DynamoDB::Table"),
            ("SendQueue", outputs["SendQueueUrl"], "AWS::SQS::Queue"),
        )
    ]
    return account


def protect(on: bool = True) -> None:
    boto3.client("dynamodb", region_name=REGION).update_table(
        TableName="MessagesTable", DeletionProtectionEnabled=on
    )


def destroyed(account: FakeFormation) -> bool:
    return bool(account.asked("DeleteStack"))


def test_destroy_refuses_while_the_table_is_protected_and_says_how_to_save_and_to_unlock_it(
    dev: FakeFormation,
) -> None:
    protect()

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert result.exit_code == 1
    assert "aws dynamodb create-backup --table-name MessagesTable" in result.stderr
    assert (
        f"aws dynamodb update-table --table-name MessagesTable --no-deletion-protection-enabled --region {REGION}"
        in result.stderr
    )


def test_destroy_refuses_while_the_stack_itself_is_protected(dev: FakeFormation) -> None:
    dev.stacks[DEV]["EnableTerminationProtection"] = True

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert "--no-enable-termination-protection" in result.stderr


@pytest.mark.parametrize("where", ["table", "queue", "dead letters", "held"])
def test_destroy_refuses_while_a_text_waits_that_would_never_leave(dev: FakeFormation, where: str) -> None:
    at = stacks.on_aws(DEV, None, REGION)
    if where == "held":
        at_ms = (time.time_ns() // 1_000_000) + 3_600_000
        one = text("00000000-0000-4000-8000-000000000001")
        held = replace(one, status=Status.HELD, send_at_ms=at_ms, not_before_ms=at_ms)
        assert at.messages.accept(held) is None
    elif where == "table":
        assert at.messages.accept(text("00000000-0000-4000-8000-000000000001")) is None
    else:
        at.sqs.send_message(
            QueueUrl=at.queue_url if where == "queue" else at.dead_letter_queue_url,
            MessageBody="{}",
            MessageGroupId="+12025550123",
            MessageDeduplicationId="1",
        )

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert "Texts still wait" in result.stderr
    assert f"{int(where == 'held')} held for later" in " ".join(result.stderr.split())


def test_destroy_deletes_the_log_groups_that_came_back_and_no_others(dev: FakeFormation) -> None:
    logs = boto3.client("logs", region_name=REGION)
    others = {f"/aws/lambda/{DEV}-sendings", f"/aws/lambda/{PROD}-send", "/aws/lambda/send"}
    for name in (f"/aws/lambda/{DEV}-send", f"/aws/lambda/{DEV}-publisher", *others):
        logs.create_log_group(logGroupName=name)

    result = run("destroy", "--stack", DEV, "--yes")

    assert {row["logGroupName"] for row in logs.describe_log_groups()["logGroups"]} == others
    assert f"/aws/lambda/{DEV}-send (a log group" in result.stdout


def test_destroy_does_not_tell_of_versions_which_go_with_their_functions(dev: FakeFormation) -> None:
    assert isinstance(dev.template, dict)
    dev.template["Resources"]["SendFunctionVersion1"] = {
        "Type": "AWS::Lambda::Version",
        "DeletionPolicy": "Retain",
    }
    version = f"arn:aws:lambda:{REGION}:123456789012:function:{DEV}-send:1"
    dev.nested[DEV].append(
        {
            "LogicalResourceId": "SendFunctionVersion1",
            "PhysicalResourceId": version,
            "ResourceType": "AWS::Lambda::Version",
        }
    )

    result = run("destroy", "--stack", DEV, "--yes")

    assert "MessagesTable" in result.stdout
    assert "AWS::Lambda::Version:" not in result.stdout.split("What stays:")[1]
    assert version not in result.stdout.split("What stays:")[1]


def test_destroy_deletes_the_rest_and_tells_what_stays_and_costs(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 0, result.output
    assert dev.stacks[DEV]["StackStatus"] == "DELETE_COMPLETE"
    assert "gone: SendQueue (AWS::SQS::Queue)" in result.stdout
    ending = result.stdout.split("is gone. What stays:")[1]
    assert "MessagesTable: the messages and opt-outs" in ending
    assert "a month" in ending
    assert "aws dynamodb delete-table --table-name MessagesTable" in ending
    assert "LimitsTable" not in ending


def test_destroy_says_that_what_people_sent_stays_and_what_deletes_it(dev: FakeFormation) -> None:
    assert isinstance(dev.template, dict)
    dev.template["Resources"]["MediaBucket"] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}
    bucket = f"{DEV}-mediabucket-1a2b3c"
    dev.nested[DEV].append(
        {"LogicalResourceId": "MediaBucket", "PhysicalResourceId": bucket, "ResourceType": "AWS::S3::Bucket"}
    )

    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 0, result.output
    ending = " ".join(result.stdout.split("is gone. What stays:")[1].split())
    assert f"s3://{bucket}: what people sent with their texts, which no erasure reaches any more" in ending
    assert "after RetentionDays" in ending
    assert f"aws s3 rb --force s3://{bucket}" in ending


@pytest.mark.parametrize("typed", ["", "yes", "long-code-sms", "long-code-sms-prod"])
def test_destroy_takes_nothing_but_the_stacks_own_name(dev: FakeFormation, typed: str) -> None:
    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{typed}\n")

    assert not destroyed(dev)
    assert result.exit_code == 1


def test_destroy_goes_ahead_when_the_name_is_typed(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{DEV}\n")

    assert destroyed(dev), result.output


def test_destroy_looks_again_for_texts_when_the_name_has_been_typed(dev: FakeFormation) -> None:
    at = stacks.on_aws(DEV, None, REGION)
    dev.meanwhile = lambda: at.messages.accept(text("00000000-0000-4000-8000-000000000001"))

    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{DEV}\n")

    assert not destroyed(dev)
    assert "Texts still wait" in result.stderr


def test_destroy_asks_no_question_where_there_is_no_terminal(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV)

    assert not destroyed(dev)
    assert "There is no terminal to ask on" in result.stderr


@pytest.mark.parametrize("said_by", ["its name", "its parameter", "its tag"])
def test_prod_is_never_destroyed_without_its_name_being_typed(dev: FakeFormation, said_by: str) -> None:
    stack = dev.stacks[DEV]
    if said_by == "its name":
        stack = dev.stacks[PROD] = {**stack, "StackName": PROD, "Tags": []}
    elif said_by == "its parameter":
        stack["Parameters"].append({"ParameterKey": "Environment", "ParameterValue": "prod"})
    else:
        stack["Tags"] = [{"Key": "environment", "Value": "prod"}]

    result = run("destroy", "--stack", stack["StackName"], "--yes")

    assert not destroyed(dev)
    assert "--yes is not for prod" in result.stderr


def test_what_holds_a_stack_is_reported_with_its_reason(dev: FakeFormation) -> None:
    dev.fails = {"SendQueue": "another stack's rule still points at it"}

    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 1
    assert "SendQueue: another stack's rule still points at it" in result.stderr


def test_a_stack_that_never_came_up_can_be_destroyed(account: FakeFormation) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}
    account.template = "AWSTemplateFormatVersion: as it was given"
    account.nested[DEV] = [
        {
            "LogicalResourceId": "MessagesTable",
            "PhysicalResourceId": "MessagesTable",
            "ResourceType": "AWS::DynamoDB::Table",
        }
    ]

    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 0, result.output
    assert destroyed(account)
    assert "MessagesTable: the messages and opt-outs" in result.stdout


def test_of_a_first_deployment_that_failed_the_table_that_stays_is_reported_with_what_deletes_it(
    account: FakeFormation,
) -> None:
    made = plan(KEYS)
    account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}
    account.template = "AWSTemplateFormatVersion: as it was given"
    table = {"LogicalResourceId": "MessagesTable", "PhysicalResourceId": "MessagesTable"}
    account.nested[DEV] = [{**table, "ResourceType": "AWS::DynamoDB::Table"}]
    protect()

    assert "A messages table that it made stays, empty, protected" in deploy.failed(made)
    result = run("destroy", "--stack", DEV, "--yes")

    words = " ".join(result.stdout.split())
    unlock = (
        f"aws dynamodb update-table --table-name MessagesTable --no-deletion-protection-enabled --region {REGION}"
    )
    assert f"{unlock} && aws dynamodb delete-table --table-name MessagesTable" in words
