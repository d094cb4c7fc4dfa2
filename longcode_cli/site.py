"""Where a stack is, the one of this machine or one in an AWS account, and what CloudFormation says of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from devtools.local_stack.layout import Layout, Stack
from longcode_cli.problems import Problem

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 3})
# An invocation of a function of ours ends within a minute, and must not be repeated while it goes on.
_INVOKING = _CONFIG.merge(Config(read_timeout=70))


@dataclass(frozen=True, slots=True)
class Site:
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
            config=_INVOKING if service == "lambda" else _CONFIG,
        )


def on_this_machine(home: Path | None) -> Site:
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
    return Site("the local stack", stack.stack_name, session, stack.aws_endpoint_url, stack)


def on_aws(name: str, profile: str | None, region: str | None) -> Site:
    """Where the stack `name` in an AWS account is, whether it is there or not."""
    # AWS's own command line heeds AWS_REGION before all else, boto3 not at all.
    session = boto3.Session(profile_name=profile, region_name=region or os.environ.get("AWS_REGION") or None)
    return Site(f"stack {name} in {session.region_name}", name, session)


# Any: a stack as DescribeStacks tells of it.
def stack_at(place: Site) -> dict[str, Any] | None:
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


def described(place: Site) -> dict[str, Any]:
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
