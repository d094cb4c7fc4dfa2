"""Takes a stack out of an account: what forbids it, what goes, what stays and what that costs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from devtools.local_stack import sam_template
from longcode_cli import ROOT
from longcode_cli.problems import Problem
from longcode_cli.redrive import depth
from longcode_cli.site import Site, outputs_of
from longcode_cli.target import Target

POLL_S = 3.0
_POLLS_AT_MOST = 1200
_SAM_STACK = "aws-sam-cli-managed-default"
# List prices of us-east-1, USD for a GB and month.
_STORAGE_USD, _RECOVERY_USD = 0.25, 0.20


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there after the stack is gone: a name, what it costs, and how to be rid of it."""

    what: str
    name: str
    cost: str
    remove: str


def is_prod(place: Site, stack: dict[str, Any]) -> bool:
    """Whether anything about the stack says that it is the one that counts."""
    parameters = {row["ParameterKey"]: row.get("ParameterValue") for row in stack.get("Parameters", [])}
    tags = {row["Key"]: row["Value"] for row in stack.get("Tags", [])}
    said = parameters.get("Environment"), tags.get("environment")
    return "prod" in said or place.stack_name.endswith("-prod")


def refuse(place: Site, stack: dict[str, Any], at: Target | None) -> None:
    """Raise Problem, with the command that takes each away on purpose, while anything protects the stack.

    `at` is None where the stack never came up, so that it has no tables and queues to lose.
    """
    where = f" --region {place.session.region_name}"
    if stack.get("EnableTerminationProtection"):
        raise Problem(
            f"{place.name} is protected against deletion.",
            "If it shall really go: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {place.stack_name}{where}",
        )
    table = outputs_of(stack).get("MessagesTableName")
    if table:
        found = _table(place, table)
        if found and found.get("DeletionProtectionEnabled"):
            raise Problem(
                f"The table {table} is protected against deletion ({_size(found)}).",
                "It would stay when the stack goes, and nothing would write to it any more. Save what you need: "
                f"aws dynamodb create-backup --table-name {table} --backup-name before-destroy{where} . "
                "Then, if the stack shall really go: "
                f"aws dynamodb update-table --table-name {table} --no-deletion-protection-enabled{where}",
            )
    if at is not None:
        waiting = depth(at.sqs, at.queue_url).total
        dead = depth(at.sqs, at.dead_letter_queue_url).total
        texts, more = at.messages.waiting(1)
        if waiting or dead or texts or more:
            raise Problem(
                f"Texts still wait: {waiting} in the queue, {dead} among the dead letters. The queues go with the "
                "stack, and these texts would never leave.",
                "longcode queue shows them. Let them leave (longcode resume, longcode redrive), or erase them "
                "(DELETE /sms/recipients/{number}).",
            )


def _table(place: Site, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = place.client("dynamodb").describe_table(TableName=name)["Table"]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return found


def _size(table: dict[str, Any]) -> str:
    return f"about {table.get('ItemCount', 0):,} items, {table.get('TableSizeBytes', 0) / 1e6:,.1f} MB"


def kept(place: Site) -> list[Kept]:
    """What will be there after the stack is gone, asked before it goes."""
    formation = place.client("cloudformation")
    where = f" --region {place.session.region_name}"
    template = formation.get_template(StackName=place.stack_name, TemplateStage="Processed")["TemplateBody"]
    if isinstance(template, str):
        # One that never came up may have only its source, which botocore does not read: ours is much the same.
        template = sam_template.load(ROOT / "template.yaml")
    resources = template["Resources"]
    physical = {
        row["LogicalResourceId"]: row.get("PhysicalResourceId", "")
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=place.stack_name)
        for row in page["StackResourceSummaries"]
    }
    found: list[Kept] = []
    for logical, resource in resources.items():
        name = physical.get(logical)
        if not name or resource.get("DeletionPolicy") not in ("Retain", "RetainExceptOnCreate"):
            continue
        if resource["Type"] == "AWS::Lambda::Version":
            # It goes with its function.
            continue
        if resource["Type"] == "AWS::DynamoDB::Table":
            if table := _table(place, name):
                found.append(_kept_table(name, table, where))
        else:
            found.append(Kept(resource["Type"], name, "see its own price", "by its own console or command"))
    if bucket := artefacts(formation):
        found.append(
            Kept(
                "what SAM uploaded for its deployments",
                f"s3://{bucket}/{place.stack_name}/",
                "0.02 USD a GB and month",
                f"aws s3 rm --recursive s3://{bucket}/{place.stack_name}/",
            )
        )
    return found


# Any: a table as DescribeTable tells of it.
def _kept_table(name: str, table: dict[str, Any], where: str) -> Kept:
    size_gb = table.get("TableSizeBytes", 0) / 1e9
    unlock = f"aws dynamodb update-table --table-name {name} --no-deletion-protection-enabled{where} && "
    return Kept(
        "the messages and opt-outs",
        name,
        f"{_size(table)}: {size_gb * (_STORAGE_USD + _RECOVERY_USD):.2f} USD a month "
        f"({_STORAGE_USD:.2f} a GB, {_RECOVERY_USD:.2f} for its point-in-time recovery)",
        f"{unlock if table.get('DeletionProtectionEnabled') else ''}"
        f"aws dynamodb delete-table --table-name {name}{where} (AWS keeps a last backup for 35 days, at no cost)",
    )


# Any: a boto3 client, as place.client makes it.
def artefacts(formation: Any) -> str | None:
    """The bucket that SAM uploads to, if it is to be seen."""
    try:
        stack = formation.describe_stacks(StackName=_SAM_STACK)["Stacks"][0]
    except ClientError:
        # Deployed without SAM's own bucket, or it is none of ours to see.
        return None
    return outputs_of(stack).get("SourceBucket")


def delete(
    place: Site,
    stack: dict[str, Any],
    told: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete the stack and follow it to its end; `told` of each resource that is gone.

    Raises Problem with what could not be deleted, and why.
    """
    formation, ident = place.client("cloudformation"), stack["StackId"]
    seen = {row["EventId"] for row in _events(formation, ident)}
    formation.delete_stack(StackName=ident)
    failed: dict[str, str] = {}
    for _ in range(_POLLS_AT_MOST):
        # By its id, as the name means nothing once it is gone; and before the events, so that none is missed.
        status = formation.describe_stacks(StackName=ident)["Stacks"][0]["StackStatus"]
        for row in reversed(_events(formation, ident)):
            if row["EventId"] in seen:
                continue
            seen.add(row["EventId"])
            logical = row["LogicalResourceId"]
            if row["ResourceStatus"] == "DELETE_COMPLETE":
                failed.pop(logical, None)
                told(f"{logical} ({row['ResourceType']})")
            elif row["ResourceStatus"] == "DELETE_FAILED" and row.get("PhysicalResourceId") != ident:
                failed[logical] = row.get("ResourceStatusReason", "no reason given")
        if status == "DELETE_COMPLETE":
            return
        if status != "DELETE_IN_PROGRESS":
            reasons = "; ".join(f"{logical}: {reason}" for logical, reason in failed.items())
            raise Problem(
                f"{place.name} could not be deleted ({status}). {reasons}",
                "Take away what holds it, then run this again: what is gone already is not missed.",
            )
        sleep(POLL_S)
    raise Problem(f"{place.name} is still being deleted.", "CloudFormation goes on without us; look again later.")


def delete_logs(place: Site, told: Callable[[str], None]) -> None:
    """Delete the log groups that functions of an earlier release made anew while they were being deleted.

    They would keep another stack of this name from being made. `told` of each.
    """
    logs = place.client("logs")
    for resource in sam_template.load(ROOT / "template.yaml")["Resources"].values():
        if resource["Type"] != "AWS::Logs::LogGroup":
            continue
        name = resource["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", place.stack_name)
        try:
            logs.delete_log_group(logGroupName=name)
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
        else:
            told(f"{name} (a log group that had come back)")


def _events(formation: Any, ident: str) -> list[dict[str, Any]]:
    """The events of a stack, newest first."""
    return [
        row
        for page in formation.get_paginator("describe_stack_events").paginate(StackName=ident)
        for row in page["StackEvents"]
    ]
