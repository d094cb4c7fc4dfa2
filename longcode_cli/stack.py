"""A deployed stack, of this machine or of an AWS account: its name, where it is, its tables and queues."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from longcode.aws.api_keys import DynamoApiKeys
from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.aws.queue import SqsQueue
from longcode.aws.search_index import DynamoFinder
from longcode.domain import recipient_limits
from longcode.domain.pacing import Pace, interval_ms
from longcode.domain.quiet_hours import QuietHours
from longcode.use_cases.queue_ports import Queues
from longcode_cli.local_stack import LocalStack, home_of
from longcode_cli.problems import Problem

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

    # Any: a stack as DescribeStacks returns it.
    Description = dict[str, Any]

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
# An invocation of a function of ours ends within a minute, and must not be repeated while it goes on.
_INVOKING = _CONFIG.merge(Config(read_timeout=70))
# What calls a function calls this alias of it, as template.yaml has it.
ALIAS = "live"
# Without these a stack is not one of this service, or was never deployed to the end.
_OUTPUTS = ("MessagesTableName", "LimitsTableName", "SendQueueUrl", "BulkQueueUrl", "DeadLetterQueueUrl")
_PARAMETERS = (
    "RetentionDays",
    "ValidityMinutes",
    "TelnyxLongCode",
    "RecipientIntervalMs",
    "SenderSegmentsPerSecond",
    "AccountSegmentsPerSecond",
)


@dataclass(frozen=True)
class Stack:
    """A stack by its name, whether it is there or not; `name` is what to call it in a sentence.

    What CloudFormation says of it (`status`, `outputs`, `parameters`) is read once, when it is first asked for;
    its tables and queues are reached through the adapters that its functions use. All of these raise Problem if
    the stack is not there or has not what is asked for.
    """

    name: str
    stack_name: str
    session: boto3.Session
    profile: str | None = None
    # The record of a stack of this machine; None of one on AWS.
    local: LocalStack | None = None
    # Any: boto3 makes the client of each service at run time.
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def title(self) -> str:
        """Its name at the beginning of a sentence."""
        return capitalized(self.name)

    @property
    def region(self) -> str:
        """The AWS region."""
        return str(self.session.region_name)

    @property
    def endpoint_url(self) -> str | None:
        """Where AWS answers for a stack of this machine; None for one on AWS."""
        return self.local.aws_endpoint_url if self.local else None

    # Any: a client of the service that is asked for.
    def client(self, service: str) -> Any:
        """The boto3 client of a service, in the stack's account and region."""
        if service not in self._clients:
            self._clients[service] = self.session.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint_url,
                config=_INVOKING if service == "lambda" else _CONFIG,
            )
        return self._clients[service]

    def aws(self, command: str) -> str:
        """A command of the AWS CLI, such that it reaches this stack's account and region."""
        if self.endpoint_url:
            # The emulator takes any credentials, but the CLI wants some.
            credentials = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
            return f"{credentials} aws {command} --region {self.region} --endpoint-url {self.endpoint_url}"
        return f"aws {command} --region {self.region}" + (f" --profile {self.profile}" if self.profile else "")

    # ------------------------------------------------------------------------ what CloudFormation says of it

    def find(self) -> "Description | None":
        """The stack as CloudFormation has it now, None if it is not there."""
        try:
            found: list[Description] = self.client("cloudformation").describe_stacks(StackName=self.stack_name)[
                "Stacks"
            ]
        except ClientError as exc:
            if exc.response["Error"]["Code"] == "ValidationError":
                return None
            raise
        return found[0]

    def describe(self) -> "Description":
        """The same. Raises Problem if it is not there."""
        found = self.find()
        if found is None:
            raise Problem(
                f"There is no {self.name}.", "Check the name, --region and --profile; for the local one, make up."
            )
        return found

    @cached_property
    def _description(self) -> "Description":
        return self.describe()

    @property
    def status(self) -> str:
        """Its state, as CloudFormation names it."""
        return str(self._description["StackStatus"])

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """Its outputs by their names."""
        return _Known(self, outputs_of(self._description))

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """Its parameters by their names."""
        return _Known(self, parameters_of(self._description))

    def complete(self) -> Self:
        """The stack itself. Raises Problem if it is not there, or not one of this service, deployed to the end."""
        for name in (*_OUTPUTS, *(() if self.local else ("ApiUrl",))):
            self.outputs[name]
        for name in _PARAMETERS:
            self.parameters[name]
        return self

    # ------------------------------------------------------------------------------- what it consists of

    @property
    def api_url(self) -> str:
        """The address of its API, without a slash at the end."""
        return self.local.api_url if self.local else self.outputs["ApiUrl"]

    @property
    def sender(self) -> str:
        """The number that its texts leave from."""
        return self.parameters["TelnyxLongCode"]

    @cached_property
    def pace(self) -> Pace:
        """The intervals between its texts."""
        return Pace(
            recipient_ms=int(self.parameters["RecipientIntervalMs"]),
            sender_ms=interval_ms(Decimal(self.parameters["SenderSegmentsPerSecond"])),
            account_ms=interval_ms(Decimal(self.parameters["AccountSegmentsPerSecond"])),
            recipient_limits=recipient_limits.parse(self.parameters.get("RecipientLimits", "")),
        )

    @property
    def quiet_hours(self) -> QuietHours | None:
        """When texts wait that keep quiet hours."""
        words = self.parameters.get("QuietHours")
        return QuietHours.parse(words) if words else None

    @cached_property
    def messages(self) -> DynamoMessages:
        """Its messages."""
        return DynamoMessages(
            self.client("dynamodb"),
            self.outputs["MessagesTableName"],
            retention_days=int(self.parameters["RetentionDays"]),
            validity_minutes=int(self.parameters["ValidityMinutes"]),
            keep_text=self.parameters.get("StoreText", "always") == "always",
        )

    @cached_property
    def finder(self) -> DynamoFinder:
        """The index by which messages are searched."""
        return DynamoFinder(
            self.client("dynamodb"),
            self.outputs["MessagesTableName"],
            retention_days=int(self.parameters["RetentionDays"]),
        )

    @cached_property
    def optouts(self) -> DynamoOptOuts:
        """The numbers that take no texts."""
        return DynamoOptOuts(self.client("dynamodb"), self.outputs["MessagesTableName"])

    @cached_property
    def api_keys(self) -> DynamoApiKeys:
        """What each API key may do."""
        return DynamoApiKeys(self.client("dynamodb"), self.outputs["MessagesTableName"])

    @cached_property
    def limits(self) -> DynamoLimits:
        """Its rates, its pause and its breaker."""
        return DynamoLimits(
            self.client("dynamodb"),
            self.outputs["LimitsTableName"],
            self.outputs["MessagesTableName"],
            hold_on_unclear=self.parameters.get("HoldOnUnclear") == "true",
        )

    @property
    def sqs(self) -> "SQSClient":
        """The client of its queues."""
        client: SQSClient = self.client("sqs")
        return client

    @property
    def queue_url(self) -> str:
        """The queue of texts that wait."""
        return self.outputs["SendQueueUrl"]

    @property
    def bulk_queue_url(self) -> str:
        """The same of the priority bulk."""
        return self.outputs["BulkQueueUrl"]

    @property
    def queues(self) -> Queues:
        """Both of them, to put texts in."""
        return Queues(SqsQueue(self.sqs, self.queue_url), SqsQueue(self.sqs, self.bulk_queue_url))

    @property
    def dead_letter_queue_url(self) -> str:
        """The queue of texts that the consumer failed on time and again."""
        return self.outputs["DeadLetterQueueUrl"]

    @property
    def unpublished_queue_url(self) -> str:
        """The queue of changes that the publisher gave up."""
        return self.outputs["UnpublishedQueueUrl"]


class _Known(dict[str, str]):
    """What a stack says of itself, by name: a name that it has not is a Problem."""

    def __init__(self, stack: Stack, found: Mapping[str, str]) -> None:
        super().__init__(found)
        self._stack = stack

    def __missing__(self, name: str) -> str:
        raise Problem(
            f"{self._stack.title} says nothing of {name} ({self._stack.status}).",
            "Is it a stack of this service, deployed with this version to the end?",
        )


def on_this_machine(home: Path | None) -> Stack:
    """The local stack in `home`, the checkout's own without one. Raises Problem if none was started there."""
    found = LocalStack.load(home)
    if found is None:
        where = f" DIR={home}" if home else ""
        raise Problem(
            f"There is no local stack in {home_of(home)}.",
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
        region_name=found.region,
        botocore_session=core,
    )
    return Stack("the local stack", found.stack_name, session, local=found)


def on_aws(name: str, profile: str | None, region: str | None) -> Stack:
    """The stack of this name in an AWS account, whether it is there or not."""
    # AWS's own command line takes AWS_REGION before all else, boto3 not at all.
    session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
    return Stack(f"stack {name} in {session.region_name}", name, session, profile)


def outputs_of(found: "Description") -> dict[str, str]:
    """The outputs of a stack that was described, by their names."""
    return {row["OutputKey"]: row["OutputValue"] for row in found.get("Outputs", [])}


def parameters_of(found: "Description") -> dict[str, str]:
    """The parameters of a stack that was described, by their names."""
    return {row["ParameterKey"]: row["ParameterValue"] for row in found.get("Parameters", [])}


def tags_of(found: "Description") -> dict[str, str]:
    """The tags of a stack that was described, by their names."""
    return {row["Key"]: row["Value"] for row in found.get("Tags", [])}


def capitalized(words: str) -> str:
    """`words` with a capital at the beginning, and otherwise as they are."""
    return words[:1].upper() + words[1:]
