"""Which stack the command works on: the one of this machine, or one in an AWS account.

Either way its CloudFormation stack says what the tables and queues are called.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.problems import Problem
from local.layout import Layout, Stack
from longcode.limits import DynamoLimits
from longcode.messages import DynamoMessages
from longcode.pacing import Pace

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is: what to call it, its name, its account. `local` is the record of one on this machine."""

    name: str
    stack_name: str
    session: boto3.Session
    endpoint_url: str | None = None
    local: Stack | None = None

    # Any: a client of whatever service.
    def client(self, service: str) -> Any:
        """A boto3 client of the stack's account and region."""
        return self.session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.endpoint_url,
            config=_CONFIG,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A stack, through the adapters that its functions use."""

    name: str
    messages: DynamoMessages
    limits: DynamoLimits
    sqs: "SQSClient"
    queue_url: str
    dead_letter_queue_url: str
    sender: str
    pace: Pace


def local(home: Path | None) -> Target:
    """The local stack in `home`. Raises Problem if none was started there."""
    return found_at(place_on_this_machine(home))


def on_aws(name: str, profile: str | None, region: str | None) -> Target:
    """The stack `name` in an AWS account. Raises Problem if it is not there or not one of ours."""
    return found_at(place_on_aws(name, profile, region))


def place_on_this_machine(home: Path | None) -> Place:
    """Where the local stack in `home` is. Raises Problem if none was started there."""
    layout = Layout.of(home)
    stack = Stack.load(layout)
    if stack is None:
        where = f" DIR={home}" if home else ""
        raise Problem(
            f"There is no local stack in {layout.home}.",
            f"make up{where} starts it; --stack NAME is for one on AWS.",
        )
    # Nothing of the person's own AWS configuration may lead elsewhere.
    core = botocore.session.Session(
        session_vars={
            "profile": (None, [], None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    session = boto3.Session(
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106  # the emulator takes anything
        region_name=stack.region,
        botocore_session=core,
    )
    return Place("the local stack", stack.stack_name, session, stack.aws_endpoint_url, stack)


def place_on_aws(name: str, profile: str | None, region: str | None) -> Place:
    """Where the stack `name` in an AWS account is, whether it is there or not."""
    session = boto3.Session(profile_name=profile, region_name=region)
    return Place(f"stack {name} in {session.region_name}", name, session)


# Any: a stack as DescribeStacks tells of it.
def stack_at(place: Place) -> dict[str, Any] | None:
    """The stack as CloudFormation knows it, None if it is not there."""
    try:
        found: list[dict[str, Any]] = place.client("cloudformation").describe_stacks(StackName=place.stack_name)[
            "Stacks"
        ]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ValidationError":
            return None
        raise
    return found[0]


def described(place: Place) -> dict[str, Any]:
    """The same. Raises Problem if it is not there."""
    found = stack_at(place)
    if found is None:
        raise Problem(
            f"There is no {place.name}.", "Check the name, --region and --profile; for the local one, make up."
        )
    return found


def outputs_of(stack: dict[str, Any]) -> dict[str, str]:
    """The outputs of a stack by their names."""
    return {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}


def found_at(place: Place) -> Target:
    """The stack at `place`. Raises Problem if it is not there or not one of ours."""
    stack, words, session, endpoint_url = described(place), place.name, place.session, place.endpoint_url
    outputs = outputs_of(stack)
    parameters = {row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", [])}
    dynamodb = session.client("dynamodb", endpoint_url=endpoint_url, config=_CONFIG)
    try:
        return Target(
            name=words,
            messages=DynamoMessages(
                dynamodb,
                outputs["MessagesTableName"],
                retention_days=int(parameters["RetentionDays"]),
                validity_minutes=int(parameters["ValidityMinutes"]),
            ),
            limits=DynamoLimits(dynamodb, outputs["LimitsTableName"], outputs["MessagesTableName"]),
            sqs=session.client("sqs", endpoint_url=endpoint_url, config=_CONFIG),
            queue_url=outputs["SendQueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            sender=parameters["TelnyxLongCode"],
            pace=Pace(
                recipient_ms=int(parameters["RecipientIntervalMs"]),
                sender_ms=int(parameters["SenderIntervalMs"]),
                account_ms=int(parameters["AccountIntervalMs"]),
            ),
        )
    except KeyError as exc:
        raise Problem(
            f"{words[:1].upper()}{words[1:]} says nothing of {exc.args[0]} ({stack['StackStatus']}).",
            "Is it a stack of this service, deployed with this version to the end?",
        ) from exc
