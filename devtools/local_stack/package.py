"""What `sam deploy` made of a build, kept with it: further deployments of the build need no SAM."""

# SAM takes three seconds to check, pack and upload a build, and comes to the same each time. What it uploaded, and
# the template that names it, are put into another emulator as they are. A change set then does what SAM has it do.

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from . import sam_template
from .build import Build
from .problems import START_AFRESH, LocalError
from .processes import locked

BUCKET = "long-code-sms-local-artefacts"
_FOLDER = "sam-package"
_TEMPLATE = "stack.template"
_HERE = "http://the-emulator"
_UNCHANGED = "didn't contain changes"
_NAMED = re.compile(re.escape(BUCKET) + r"/([0-9a-f]{32}(?:\.template)?)")
_WAIT = {"Delay": 0.1, "MaxAttempts": 600}  # a minute


@dataclass(frozen=True, slots=True)
class Package:
    """The templates, as JSON, and the archives of a build. `path` has a file for each object of the bucket."""

    path: Path

    def put(self, s3: Any, endpoint_url: str) -> str:
        """Put all of it into the bucket, which is there; answers the template's address."""
        for file in self.path.iterdir():
            content = file.read_bytes()
            if file.suffix:
                content = content.replace(_HERE.encode(), endpoint_url.encode())
            s3.put_object(Bucket=BUCKET, Key=file.name, Body=content)
        return f"{endpoint_url}/{BUCKET}/{_TEMPLATE}"


@contextmanager
def of(build: Build) -> Iterator[Package | None]:
    """What is kept of a build. While it is None, others that ask wait, so that one of them makes it."""
    folder = build.path / _FOLDER
    with locked(build.path / f"{_FOLDER}.lock"):
        if not folder.exists():
            yield None
            return
    yield Package(folder)


def keep(build: Build, s3: Any, formation: Any, stack_name: str, endpoint_url: str) -> None:
    """Keep what `sam deploy` has just made of this build. The bucket may hold other builds' objects too."""
    partial = build.path / f"{_FOLDER}.partial"
    partial.mkdir(exist_ok=True)
    template = formation.get_template(StackName=stack_name, TemplateStage="Original")["TemplateBody"]
    wanted = {_TEMPLATE: template if isinstance(template, str) else json.dumps(template)}
    while wanted:
        name, text = wanted.popitem()
        found = partial / name
        found.write_text(text.replace(endpoint_url, _HERE))
        # The emulator reads JSON in a tenth of the time.
        found.write_text(json.dumps(sam_template.load(found), default=str))
        for key in _NAMED.findall(text):
            body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
            if key.endswith(".template"):
                wanted[key] = body.decode()
            else:
                (partial / key).write_bytes(body)
    partial.rename(build.path / _FOLDER)


def execute(
    formation: Any, stack_name: str, url: str, build: Build, parameters: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Create or update the stack, by a change set as `sam deploy` does.

    A parameter that is not given keeps its value, or has its default in a new stack. Raises LocalError with the
    reason if a value is not allowed or a resource cannot be made, and WaiterError if the emulator gets stuck.
    """
    known = _parameters(formation, stack_name)
    declared = sam_template.load(build.template)["Parameters"]
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    kept = sorted((known or set()) & declared.keys() - parameters.keys())
    kind = "create" if known is None else "update"
    try:
        change = formation.create_change_set(
            StackName=stack_name,
            ChangeSetName=f"local-{uuid.uuid4()}",
            ChangeSetType=kind.upper(),
            TemplateURL=url,
            Parameters=given + [{"ParameterKey": name, "UsePreviousValue": True} for name in kept],
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": name, "Value": value} for name, value in tags.items()],
        )["Id"]
    except ClientError as exc:
        # A value that the template does not allow, mostly.
        raise LocalError(f"CloudFormation refused: {exc.response['Error']['Message']}", hint=START_AFRESH) from exc
    try:
        formation.get_waiter("change_set_create_complete").wait(ChangeSetName=change, WaiterConfig=_WAIT)
    except WaiterError as exc:
        if _UNCHANGED in str(exc.last_response.get("StatusReason")):
            return
        raise
    formation.execute_change_set(ChangeSetName=change)
    _wait(formation, stack_name, f"stack_{kind}_complete")


def _wait(formation: Any, stack_name: str, waiter: str) -> None:
    try:
        formation.get_waiter(waiter).wait(StackName=stack_name, WaiterConfig=_WAIT)
    except WaiterError as exc:
        events = formation.describe_stack_events(StackName=stack_name)["StackEvents"]
        failed = [event for event in reversed(events) if event["ResourceStatus"].endswith("_FAILED")]
        reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}" for event in failed[:3]]
        raise LocalError(
            "\n".join(["The deployment into the emulator failed.", *reasons]), hint=START_AFRESH
        ) from exc


def _parameters(formation: Any, stack_name: str) -> set[str] | None:
    """The names of a stack's parameters; None if there is no stack."""
    try:
        (found,) = formation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError:
        return None
    return {row["ParameterKey"] for row in found["Parameters"]}
