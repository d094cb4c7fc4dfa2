"""`longcode destroy`: what forbids it, what goes, what stays and what that costs."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError
from rich.console import Group, RenderableType

from longcode_cli import template
from longcode_cli.commands.keys.keyring import Keyring
from longcode_cli.options import ON_AWS, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.queues import both, depth
from longcode_cli.stack import Stack, outputs_of, parameters_of, tags_of
from longcode_cli.terminal import ask_for, count, say

EXAMPLES = examples("destroy --env dev", "destroy --env prod")

POLL_S = 3.0
_POLLS_AT_MOST = 1200
# So many of the texts that wait are looked at, to say how many are held.
_COUNTED_AT_MOST = 1_000
_SAM_STACK = "aws-sam-cli-managed-default"
# List prices of us-east-1, USD for a GB and month.
_STORAGE_USD, _RECOVERY_USD = 0.25, 0.20


@stack_options(*ON_AWS)
def command(
    where: Where,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the stack's name. Never for prod.")] = False,
) -> None:
    """Delete a stack on AWS, unless something forbids it. Such as texts that wait. The messages table stays."""
    stack = where.on_aws()
    found = stack.describe()
    if yes and is_prod(stack, found):
        raise Problem("--yes is not for prod.", "Without it, you are asked for the stack's name.")
    came_up = "SendQueueUrl" in outputs_of(found) and found["StackStatus"] != "DELETE_FAILED"
    if came_up:
        stack.complete()
    refuse(stack, found, came_up=came_up)
    stays = kept(stack)
    say(_report(stays, f"This deletes {stack.name}. What stays:"))
    if not yes:
        ask_for(stack.stack_name)
        # Typing takes a while, and a text may have come meanwhile.
        refuse(stack, stack.describe(), came_up=came_up)
    if came_up and (many := delete_keys(stack)):
        say(f"gone: {count(many, 'API key')} of longcode keys")
    delete(stack, found, lambda gone: say(f"gone: {gone}"))
    delete_logs(stack, lambda gone: say(f"gone: {gone}"))
    say(_report(stays, f"{stack.title} is gone. What stays:"))


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there after the stack is gone: a name, what it costs, and how to be rid of it."""

    what: str
    name: str
    cost: str
    remove: str


def _report(found: Sequence[Kept], heading: str) -> RenderableType:
    """What outlives a stack."""
    rows: list[RenderableType] = [heading]
    for one in found:
        rows += ["", f"{one.name}: {one.what}", f"  costs    {one.cost}", f"  to go    {one.remove}"]
    return Group(*rows, *([] if found else ["nothing"]), "")


def is_prod(stack: Stack, described: dict[str, Any]) -> bool:
    """Whether anything about the stack says that it is the one that counts."""
    said = parameters_of(described).get("Environment"), tags_of(described).get("environment")
    return "prod" in said or stack.stack_name.endswith("-prod")


# --------------------------------------------------------------------------------------- what forbids it


def refuse(stack: Stack, described: dict[str, Any], *, came_up: bool) -> None:
    """Raise Problem, with the command that takes each away on purpose, while anything protects the stack.

    One that never `came_up` has no tables and queues to lose.
    """
    where = f" --region {stack.region}"
    if described.get("EnableTerminationProtection"):
        raise Problem(
            f"{stack.name} is protected against deletion.",
            "If it shall really go: aws cloudformation update-termination-protection "
            f"--no-enable-termination-protection --stack-name {stack.stack_name}{where}",
        )
    table = outputs_of(described).get("MessagesTableName")
    found = _table(stack, table) if table else None
    if found and found.get("DeletionProtectionEnabled"):
        raise Problem(
            f"The table {table} is protected against deletion ({_size(found)}).",
            "It would stay when the stack goes, and nothing would write to it any more. Save what you need: "
            f"aws dynamodb create-backup --table-name {table} --backup-name before-destroy{where} . "
            "Then, if the stack shall really go: "
            f"aws dynamodb update-table --table-name {table} --no-deletion-protection-enabled{where}",
        )
    if came_up:
        _refuse_waiting(stack)


def _refuse_waiting(stack: Stack) -> None:
    waiting = both(stack).total
    dead = depth(stack.sqs, stack.dead_letter_queue_url).total
    texts, more = stack.messages.waiting(_COUNTED_AT_MOST)
    held = sum(text.place.ready_ms > time.time() * 1000 for text in texts)
    if waiting or dead or texts or more:
        raise Problem(
            f"Texts still wait: {waiting} in the queues, {dead} among the dead letters, {held}"
            f"{' or more' if more else ''} held for later. The queues go with the stack, and these texts "
            "would never leave.",
            "longcode queue shows them. Let them leave (longcode resume, longcode redrive), take them back "
            "(longcode cancel), or erase them (DELETE /sms/recipients/{number}).",
        )


def _table(stack: Stack, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = stack.client("dynamodb").describe_table(TableName=name)["Table"]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return found


def _size(table: dict[str, Any]) -> str:
    return f"about {table.get('ItemCount', 0):,} items, {table.get('TableSizeBytes', 0) / 1e6:,.1f} MB"


# ------------------------------------------------------------------------------------------- what stays


def kept(stack: Stack) -> list[Kept]:
    """What will be there after the stack is gone, asked before it goes."""
    formation = stack.client("cloudformation")
    found: list[Kept] = []
    for kind, name in _retained(formation, stack.stack_name):
        if kind == "AWS::DynamoDB::Table":
            if table := _table(stack, name):
                found.append(_kept_table(name, table, f" --region {stack.region}"))
        elif kind == "AWS::S3::Bucket":
            found.append(_kept_media(name))
        elif kind != "AWS::Lambda::Version":
            # A version goes with its function.
            found.append(Kept(kind, name, "see its own price", "by its own console or command"))
    if bucket := artefacts(formation):
        found.append(
            Kept(
                "what SAM uploaded for its deployments",
                f"s3://{bucket}/{stack.stack_name}/",
                "0.02 USD a GB and month",
                f"aws s3 rm --recursive s3://{bucket}/{stack.stack_name}/",
            )
        )
    return found


# Any: a boto3 client, as Stack.client makes it.
def _retained(formation: Any, stack_name: str) -> Iterator[tuple[str, str]]:
    """Type and name of each resource that CloudFormation leaves."""
    found = formation.get_template(StackName=stack_name, TemplateStage="Processed")["TemplateBody"]
    # One that never came up may have only its source, which botocore does not read: ours is much the same.
    resources = (template.load() if isinstance(found, str) else found)["Resources"]
    physical = {
        row["LogicalResourceId"]: row.get("PhysicalResourceId", "")
        for page in formation.get_paginator("list_stack_resources").paginate(StackName=stack_name)
        for row in page["StackResourceSummaries"]
    }
    for logical, resource in resources.items():
        if resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate") and physical.get(logical):
            yield resource["Type"], physical[logical]


# Any: a table as DescribeTable returns it.
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


def _kept_media(bucket: str) -> Kept:
    """The bucket of StoreMedia: the only one that the template has."""
    return Kept(
        "what people sent with their texts, which no erasure reaches any more",
        f"s3://{bucket}",
        "0.02 USD a GB and month; each file goes by itself after RetentionDays",
        f"aws s3 rb --force s3://{bucket}",
    )


# Any: a boto3 client, as Stack.client makes it.
def artefacts(formation: Any) -> str | None:
    """The bucket that SAM uploads to, if it is to be seen."""
    try:
        stack = formation.describe_stacks(StackName=_SAM_STACK)["Stacks"][0]
    except ClientError:
        # Deployed without SAM's own bucket, or it is none of ours to see.
        return None
    return outputs_of(stack).get("SourceBucket")


# ---------------------------------------------------------------------------------------------- deleting


@dataclass(slots=True)
class _Deletion:
    """How far a deletion is: the events that were read, and what could not be deleted, with the reason."""

    formation: Any  # a boto3 client
    ident: str
    report: Callable[[str], None]
    seen: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def new_events(self) -> list[dict[str, Any]]:
        """The stack's events that were not read before, in their order."""
        pages = self.formation.get_paginator("describe_stack_events").paginate(StackName=self.ident)
        rows = [row for page in pages for row in page["StackEvents"] if row["EventId"] not in self.seen]
        self.seen |= {row["EventId"] for row in rows}
        return rows[::-1]

    def read(self) -> None:
        """Report what is gone since the last time, and note what could not be deleted."""
        for row in self.new_events():
            logical = row["LogicalResourceId"]
            if row["ResourceStatus"] == "DELETE_COMPLETE":
                self.failed.pop(logical, None)
                self.report(f"{logical} ({row['ResourceType']})")
            elif row["ResourceStatus"] == "DELETE_FAILED" and row.get("PhysicalResourceId") != self.ident:
                self.failed[logical] = row.get("ResourceStatusReason", "no reason given")


def delete(
    stack: Stack,
    described: dict[str, Any],
    report: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Delete the stack and follow it to its end; `report` is given each resource that is gone.

    Raises Problem with what could not be deleted, and why.
    """
    formation, ident = stack.client("cloudformation"), described["StackId"]
    deletion = _Deletion(formation, ident, report)
    # What happened before is none of this deletion's.
    deletion.new_events()
    formation.delete_stack(StackName=ident)
    for _ in range(_POLLS_AT_MOST):
        # By its id, as the name means nothing once it is gone; and before the events, so that none is missed.
        status = formation.describe_stacks(StackName=ident)["Stacks"][0]["StackStatus"]
        deletion.read()
        if status == "DELETE_COMPLETE":
            return
        if status != "DELETE_IN_PROGRESS":
            reasons = "; ".join(f"{logical}: {reason}" for logical, reason in deletion.failed.items())
            raise Problem(
                f"{stack.name} could not be deleted ({status}). {reasons}",
                "Take away what holds it, then run this again: what is gone already is not missed.",
            )
        sleep(POLL_S)
    raise Problem(f"{stack.name} is still being deleted.", "CloudFormation goes on without us; look again later.")


def delete_keys(stack: Stack) -> int:
    """Take from the usage plan what is not the stack's own, so that nothing holds the plan; how many keys.

    Those of `longcode keys` are deleted: they would stay for ever, and open nothing.
    """
    return Keyring(stack).take_all() if "UsagePlanId" in stack.outputs else 0


def delete_logs(stack: Stack, report: Callable[[str], None]) -> None:
    """Delete the log groups that functions of an earlier release made anew while they were being deleted.

    They would keep another stack of this name from being made. `report` is given each.
    """
    logs = stack.client("logs")
    for resource in template.load()["Resources"].values():
        if resource["Type"] != "AWS::Logs::LogGroup":
            continue
        name = resource["Properties"]["LogGroupName"]["Fn::Sub"].replace("${AWS::StackName}", stack.stack_name)
        try:
            logs.delete_log_group(logGroupName=name)
        except ClientError as exc:
            if exc.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
        else:
            report(f"{name} (a log group that had come back)")
