"""What is kept of a `sam deploy`, and put into another emulator."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from moto import mock_aws

from devtools.local_stack import package
from devtools.local_stack.build import Build
from devtools.local_stack.problems import LocalError

CODE, NESTED, OF_ANOTHER_BUILD = "a" * 32, "b" * 32 + ".template", "c" * 32
FIRST, SECOND = "http://127.0.0.1:1001", "http://127.0.0.1:1002"
TEMPLATE = f"""
Parameters: {{Old: {{Type: String}}, New: {{Type: String, Default: x}}}}
Resources:
  Code: {{CodeUri: s3://{package.BUCKET}/{CODE}}}
  Nested: {{TemplateURL: {FIRST}/{package.BUCKET}/{NESTED}}}
  Name: !Ref Old
"""


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=package.BUCKET)
        yield client


@pytest.fixture
def build(tmp_path: Path) -> Build:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    return Build(tmp_path, "of-a-test", fresh=True)


def _keep(build: Build, s3: Any) -> None:
    for key, content in ((CODE, b"\x00zip"), (NESTED, b"Resources: {}"), (OF_ANOTHER_BUILD, b"more")):
        s3.put_object(Bucket=package.BUCKET, Key=key, Body=content)
    formation = SimpleNamespace(get_template=lambda **_: {"TemplateBody": TEMPLATE})
    package.keep(build, s3, formation, "stack", FIRST)


def test_another_emulator_gets_what_the_template_names_at_its_own_address(build: Build, s3: Any) -> None:
    _keep(build, s3)
    for row in s3.list_objects_v2(Bucket=package.BUCKET)["Contents"]:
        s3.delete_object(Bucket=package.BUCKET, Key=row["Key"])

    with package.of(build) as kept:
        assert kept is not None
        url = kept.put(s3, SECOND)

    keys = [row["Key"] for row in s3.list_objects_v2(Bucket=package.BUCKET)["Contents"]]
    assert sorted(keys) == [CODE, NESTED, "stack.template"]
    assert s3.get_object(Bucket=package.BUCKET, Key=CODE)["Body"].read() == b"\x00zip"
    assert url == f"{SECOND}/{package.BUCKET}/stack.template"
    resources = json.loads(s3.get_object(Bucket=package.BUCKET, Key="stack.template")["Body"].read())["Resources"]
    assert resources["Nested"]["TemplateURL"] == f"{SECOND}/{package.BUCKET}/{NESTED}"
    assert resources["Name"] == {"Ref": "Old"}


def test_who_comes_while_a_build_is_packed_waits_for_it(build: Build, s3: Any) -> None:
    found: list[package.Package | None] = []

    def come() -> None:
        with package.of(build) as kept:
            found.append(kept)

    other = threading.Thread(target=come)
    with package.of(build) as kept:
        assert kept is None
        other.start()
        other.join(0.1)
        assert found == []
        _keep(build, s3)
    other.join(10)

    assert [one is not None for one in found] == [True]


class Formation:
    """CloudFormation with one stack, as far as a change set needs it; `fails` is what a waiter ends with."""

    def __init__(self, fails: dict[str, Any]) -> None:
        self.fails = fails
        self.asked: list[dict[str, Any]] = []
        self.executed: list[str] = []

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        return {"Stacks": [{"Parameters": [{"ParameterKey": "Old"}, {"ParameterKey": "Gone"}]}]}

    def create_change_set(self, **arguments: Any) -> dict[str, str]:
        self.asked.append(arguments)
        if message := self.fails.get("create_change_set"):
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CreateChangeSet")
        return {"Id": "change"}

    def execute_change_set(self, ChangeSetName: str) -> None:
        self.executed.append(ChangeSetName)

    def describe_stack_events(self, **_: Any) -> dict[str, Any]:
        # The latest comes first.
        return {
            "StackEvents": [
                {"LogicalResourceId": "stack", "ResourceStatus": "UPDATE_ROLLBACK_COMPLETE"},
                {
                    "LogicalResourceId": "Table",
                    "ResourceStatus": "UPDATE_FAILED",
                    "ResourceStatusReason": "too long",
                },
            ]
        }

    def get_waiter(self, name: str) -> SimpleNamespace:
        def wait(**_: Any) -> None:
            if name in self.fails:
                raise WaiterError(name, "it failed", self.fails[name])

        return SimpleNamespace(wait=wait)


@pytest.fixture
def execute(build: Build) -> Callable[[Formation], None]:
    return lambda formation: package.execute(formation, "stack", "url", build, {"New": "y"}, {"tag": "one"})


def test_a_parameter_that_is_not_given_keeps_its_value(execute: Callable[[Formation], None]) -> None:
    formation = Formation({})

    execute(formation)

    (asked,) = formation.asked
    assert asked["Parameters"] == [
        {"ParameterKey": "New", "ParameterValue": "y"},
        {"ParameterKey": "Old", "UsePreviousValue": True},
    ]
    assert (asked["ChangeSetType"], asked["Tags"]) == ("UPDATE", [{"Key": "tag", "Value": "one"}])
    assert formation.executed == ["change"]


def test_a_change_of_nothing_is_not_executed(execute: Callable[[Formation], None]) -> None:
    reason = (
        "The submitted information didn't contain changes. Submit different information to create a change set."
    )
    formation = Formation({"change_set_create_complete": {"Status": "FAILED", "StatusReason": reason}})

    execute(formation)

    assert formation.executed == []


def test_a_change_that_cannot_be_is_an_error(execute: Callable[[Formation], None]) -> None:
    formation = Formation({"change_set_create_complete": {"Status": "FAILED", "StatusReason": "no such template"}})

    with pytest.raises(WaiterError):
        execute(formation)

    assert formation.executed == []


def test_a_value_that_the_template_does_not_allow_is_named(execute: Callable[[Formation], None]) -> None:
    formation = Formation({"create_change_set": "Parameter 'New' must be one of x, z"})

    with pytest.raises(LocalError, match="'New' must be one of"):
        execute(formation)

    assert formation.executed == []


def test_a_deployment_that_fails_names_the_resource_and_its_reason(execute: Callable[[Formation], None]) -> None:
    with pytest.raises(LocalError, match="Table: too long") as found:
        execute(Formation({"stack_update_complete": {}}))

    assert found.value.hint
