"""Which stack the command works on: the one of this machine, or one in an AWS account.

Either way its CloudFormation stack says what the tables and queues are called.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.problems import Problem
from local.layout import Layout, Stack
from longcode.finder import DynamoFinder
from longcode.limits import DynamoLimits
from longcode.messages import DynamoMessages
from longcode.optouts import DynamoOptOuts
from longcode.pacing import Pace

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})


@dataclass(frozen=True, slots=True)
class Formation:
    """What CloudFormation says of a stack."""

    stack: str
    status: str
    outputs: Mapping[str, str]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack is: an address for the local one, else a region and perhaps a profile of AWS."""

    region: str
    endpoint_url: str | None = None
    profile: str | None = None
    home: Path | None = None

    def aws(self, command: str) -> str:
        """A command of the AWS CLI, such that it ends up at this place."""
        if self.endpoint_url:
            # The emulator takes any credentials, but the CLI wants some.
            credentials = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
            return f"{credentials} aws {command} --region {self.region} --endpoint-url {self.endpoint_url}"
        return f"aws {command} --region {self.region}" + (f" --profile {self.profile}" if self.profile else "")


@dataclass(frozen=True, slots=True)
class Target:
    """A stack, through the adapters that its functions use."""

    name: str
    place: Place
    formation: Formation
    # Without a slash at its end.
    api_url: str
    # The client of any service. Any: boto3 makes them at run time.
    client: Callable[[str], Any]
    finder: DynamoFinder
    optouts: DynamoOptOuts
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
    return _found(
        "the local stack",
        stack.stack_name,
        session,
        Place(stack.region, stack.aws_endpoint_url, home=home),
        api_url=stack.api_url,
    )


def on_aws(name: str, profile: str | None, region: str | None) -> Target:
    """The stack `name` in an AWS account. Raises Problem if it is not there or not one of ours."""
    session = boto3.Session(profile_name=profile, region_name=region)
    return _found(
        f"stack {name} in {session.region_name}", name, session, Place(session.region_name, profile=profile)
    )


def _found(
    words: str,
    name: str,
    session: boto3.Session,
    place: Place,
    *,
    api_url: str | None = None,
) -> Target:
    @cache
    def client(service: str) -> Any:
        return session.client(service, endpoint_url=place.endpoint_url, config=_CONFIG)  # type: ignore[call-overload]

    try:
        stack = client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ValidationError":
            raise Problem(
                f"There is no {words}.", "Check the name, --region and --profile; for the local one, make up."
            ) from exc
        raise
    outputs = {row["OutputKey"]: row["OutputValue"] for row in stack.get("Outputs", [])}
    parameters = {row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", [])}
    dynamodb = client("dynamodb")
    try:
        return Target(
            name=words,
            place=place,
            formation=Formation(name, stack["StackStatus"], outputs, parameters),
            client=client,
            finder=DynamoFinder(
                dynamodb, outputs["MessagesTableName"], retention_days=int(parameters["RetentionDays"])
            ),
            optouts=DynamoOptOuts(dynamodb, outputs["MessagesTableName"]),
            messages=DynamoMessages(
                dynamodb,
                outputs["MessagesTableName"],
                retention_days=int(parameters["RetentionDays"]),
                validity_minutes=int(parameters["ValidityMinutes"]),
            ),
            limits=DynamoLimits(dynamodb, outputs["LimitsTableName"], outputs["MessagesTableName"]),
            sqs=client("sqs"),
            queue_url=outputs["SendQueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            sender=parameters["TelnyxLongCode"],
            api_url=api_url or outputs["ApiUrl"],
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
