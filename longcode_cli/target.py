"""Which stack the command works on: the one of this machine, or one in an AWS account.

Either way its CloudFormation stack says what the tables and queues are called.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.aws.search_index import DynamoFinder
from longcode.domain.pacing import Pace
from longcode_cli import site
from longcode_cli.problems import Problem
from longcode_cli.site import Site, described, on_this_machine, outputs_of

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


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
    return at_site(on_this_machine(home), home=home)


def on_aws(name: str, profile: str | None, region: str | None) -> Target:
    """The stack `name` in an AWS account. Raises Problem if it is not there or not one of ours."""
    return at_site(site.on_aws(name, profile, region), profile=profile)


def at_site(found: Site, *, profile: str | None = None, home: Path | None = None) -> Target:
    """The stack that is there. Raises Problem if it is not, or not one of ours."""
    client = cache(found.client)
    words = found.name
    place = Place(found.session.region_name, found.endpoint_url, profile, home)
    stack = described(found)
    outputs = outputs_of(stack)
    parameters = {row["ParameterKey"]: row["ParameterValue"] for row in stack.get("Parameters", [])}
    dynamodb = client("dynamodb")
    try:
        return Target(
            name=words,
            place=place,
            formation=Formation(found.stack_name, stack["StackStatus"], outputs, parameters),
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
            api_url=found.local.api_url if found.local else outputs["ApiUrl"],
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
