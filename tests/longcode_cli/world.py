"""A stack on AWS in this process, made from template.yaml, and the command run against it."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore import handlers
from botocore.exceptions import ClientError
from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

from devtools.local_stack import sam_template
from devtools.local_stack.layout import ROOT
from longcode.domain.message import Message
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.status import Status
from longcode_cli import main
from longcode_cli import stack as stacks
from tests.stack.world import RUNS

REGION = "eu-west-1"
NAME = "long-code-test"
OURS, THEIRS, OTHERS = "+12025550100", "+12025550123", "+12025550124"
API_KEY_ID = "exampleKeyId"
NOW_MS = 1_795_000_000_000
# Where the operators' own stack is.
HOME = RUNS / f"cli-{os.getpid()}"
# Read once: for each test anew it would be a tenth of the time of all of them.
TEMPLATE = sam_template.load(ROOT / "template.yaml")


_command = cache(get_command)

# What CreateTable takes of a table's properties.
_TABLE = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


def deploy() -> dict[str, Any]:
    """Create the tables and queues as the template declares them; answers what DescribeStacks says of them."""
    dynamodb, sqs = boto3.client("dynamodb", region_name=REGION), boto3.client("sqs", region_name=REGION)
    made: dict[str, str] = {}
    for name, resource in TEMPLATE["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::DynamoDB::Table":
            dynamodb.create_table(TableName=name, **{key: properties[key] for key in _TABLE if key in properties})
            made[name] = name
        elif resource["Type"] == "AWS::SQS::Queue":
            attributes = {
                key: str(value).lower() if isinstance(value, bool) else str(value)
                for key, value in properties.items()
                if key != "RedrivePolicy"
            }
            suffix = ".fifo" if properties.get("FifoQueue") else ""
            queue = sqs.create_queue(QueueName=f"{name}{suffix}", Attributes=attributes)
            made[name] = queue["QueueUrl"]
    made["ApiKey"] = API_KEY_ID
    parameters = {name: row.get("Default", "") for name, row in TEMPLATE["Parameters"].items()}
    parameters |= {"TelnyxLongCode": OURS, "TelnyxApiKey": "****"}
    return {
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [
            {"OutputKey": name, "OutputValue": made[output["Value"]["Ref"]]}
            for name, output in TEMPLATE["Outputs"].items()
            if isinstance(output["Value"], dict) and output["Value"].get("Ref") in made
        ]
        + [{"OutputKey": "ApiUrl", "OutputValue": "https://api.example.invalid/v1"}],
        "Parameters": [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in parameters.items()],
    }


class Ok:
    """The HTTP answer that goes with the fields which a handler gives in AWS's place."""

    status_code = 200


@contextmanager
def hooked(*hooks: tuple[str, Callable[..., object]]) -> Iterator[None]:
    """Every session of botocore that is made from here on has these handlers of its events, as it has moto's."""
    # Any: botocore's own table has handlers of several shapes.
    table: Any = handlers.BUILTIN_HANDLERS
    table.extend(hooks)
    try:
        yield
    finally:
        for hook in hooks:
            table.remove(hook)


@contextmanager
def formation(stacks: dict[str, dict[str, Any]]) -> Iterator[None]:
    """CloudFormation that knows `stacks`: moto's own would need half of AWS installed beside it."""

    def describe(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        name = params["body"]["StackName"]
        if name not in stacks:
            said = f"Stack with id {name} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": said}}, "DescribeStacks")
        return Ok(), {"Stacks": [stacks[name]]}

    with hooked(("before-call.cloudformation.DescribeStacks", describe)):
        yield


def run(*arguments: str, env: dict[str, str] | None = None, typed: str | None = None) -> Result:
    """Run `longcode` with `arguments`; what it raises and does not catch is raised here too."""
    with pytest.MonkeyPatch.context() as patch:
        # Made once: all commands anew take as long as a call.
        patch.setattr(testing, "_get_command", _command)
        result = CliRunner().invoke(main.app, list(arguments), env={"COLUMNS": "120", **(env or {})}, input=typed)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@dataclass
class World:
    """The stack as the command sees it."""

    stack: stacks.Stack

    def run(self, *arguments: str) -> Result:
        return run(*arguments, "--stack", NAME, "--region", REGION)

    def says(self, *arguments: str) -> str:
        """What a command that succeeds prints, with its spaces as one."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return " ".join(result.stdout.split())

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def accept(self, ident: str, to: str = THEIRS, accepted_ms: int = NOW_MS, **more: Any) -> Message:
        message = text(ident, to, accepted_ms, **more)
        assert self.stack.messages.accept(message) is None
        return message

    def submit(self, ident: str, telnyx_id: str, **more: Any) -> Message:
        """Accept a text and have the provider take it."""
        self.accept(ident, **more)
        claim = self.stack.messages.claim(ident, "claim", NOW_MS + 4_200)
        assert claim.message
        answer = Answer(Verdict.ACCEPTED, telnyx_id=telnyx_id, provider_status="queued")
        assert self.stack.messages.submitted(claim.message, answer, NOW_MS + 4_300)
        return claim.message

    def die(self, ident: str, to: str = THEIRS, body: str | None = None) -> None:
        """Put a text's queue message among the dead letters."""
        self.stack.sqs.send_message(
            QueueUrl=self.stack.dead_letter_queue_url,
            MessageBody=body or json.dumps({"v": 1, "id": ident}),
            MessageGroupId=to,
            MessageDeduplicationId=ident,
        )


def text(ident: str, to: str = THEIRS, accepted_ms: int = NOW_MS, **more: Any) -> Message:
    fields: dict[str, Any] = {
        "direction": "outbound",
        "status": Status.QUEUED,
        "sender": OURS,
        "recipient": to,
        "text": "The words of the text",
        "updated_ms": accepted_ms,
        "route": "queue",
        "segments": 1,
        **more,
    }
    return Message(id=ident, accepted_ms=accepted_ms, **fields)


def ident(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


# An answer that a test puts in the place of AWS's, or an error that it raises.
Reply = Callable[[dict[str, Any]], dict[str, Any]]


# Any: a botocore client of whatever service.
def answer_instead(client: Any, operation: str, reply: Reply) -> None:
    """Let `reply` answer an operation that moto does not know, from the call's parameters."""
    service = client.meta.service_model.service_id.hyphenize()

    def instead(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        return Ok(), reply(json.loads(params["body"]) if params["body"] else {})

    client.meta.events.register(f"before-call.{service}.{operation}", instead)
