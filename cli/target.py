"""Which stack the command works on: the one of this machine, or one in an AWS account.

Either way its CloudFormation stack says what the tables and queues are called.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
    return _found("the local stack", stack.stack_name, session, stack.aws_endpoint_url)


def on_aws(name: str, profile: str | None, region: str | None) -> Target:
    """The stack `name` in an AWS account. Raises Problem if it is not there or not one of ours."""
    session = boto3.Session(profile_name=profile, region_name=region)
    return _found(f"stack {name} in {session.region_name}", name, session, None)


def _found(words: str, name: str, session: boto3.Session, endpoint_url: str | None) -> Target:
    formation = session.client("cloudformation", endpoint_url=endpoint_url, config=_CONFIG)
    try:
        stack = formation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ValidationError":
            raise Problem(
                f"There is no {words}.", "Check the name, --region and --profile; for the local one, make up."
            ) from exc
        raise
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}
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
