"""CloudFormation in this process, as far as the commands about deployments ask it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from tests.longcode_cli.world import Ok, hooked


@dataclass
class FakeFormation:
    """Stacks by name or id.

    Where it is `slow`, what is asked for is under way at the first look, done at the next; where it is `endless`,
    a drift detection never ends. `fails` maps a logical id to the reason for which it can't be deleted.
    `meanwhile` is what happens elsewhere while the template is read.
    """

    stacks: dict[str, dict[str, Any]]
    slow: bool = False
    endless: bool = False
    meanwhile: Callable[[], object] = lambda: None
    nested: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    drifts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    template: dict[str, Any] | str = field(default_factory=lambda: {"Resources": {}})
    fails: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _changes: dict[str, tuple[dict[str, Any], str]] = field(default_factory=dict)
    _looks: dict[str, int] = field(default_factory=dict)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _asked: dict[str, Any] = field(default_factory=dict)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """What was asked of an operation, call by call."""
        return [params for name, params in self.calls if name == operation]

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Every client that is made from here on talks to this."""

        def remember(params: dict[str, Any], model: Any, **_: Any) -> None:
            self._asked = deepcopy(params)
            self.calls.append((model.name, self._asked))

        def answer(model: Any, **_: Any) -> tuple[Ok, dict[str, Any]]:
            return Ok(), getattr(self, f"_{model.name}")(**self._asked)

        with hooked(("before-parameter-build.cloudformation", remember), ("before-call.cloudformation", answer)):
            yield

    # --------------------------------------------------------------------------------- the operations

    def _find(self, name: str) -> dict[str, Any]:
        for stack in self.stacks.values():
            if name in (stack["StackName"], stack["StackId"]) and (
                name == stack["StackId"] or stack["StackStatus"] != "DELETE_COMPLETE"
            ):
                return stack
        said = f"Stack with id {name} does not exist"
        raise ClientError({"Error": {"Code": "ValidationError", "Message": said}}, "DescribeStacks")

    def _DescribeStacks(self, StackName: str) -> dict[str, Any]:
        stack = self._find(StackName)
        if stack["StackStatus"] == "DELETE_IN_PROGRESS" and self._later(StackName):
            self._delete(stack)
        return {"Stacks": [deepcopy(stack)]}

    def _later(self, what: str) -> bool:
        """Whether it is done: where it is slow, not at the first look since it began."""
        self._looks[what] = self._looks.get(what, 0) + 1
        return not self.slow or self._looks[what] > 1

    def _CreateChangeSet(self, **asked: Any) -> dict[str, Any]:
        stack = self._find(asked["StackName"])
        tags = {row["Key"]: row["Value"] for row in stack.get("Tags", [])}
        same = asked.get("UsePreviousTemplate") and {row["Key"]: row["Value"] for row in asked["Tags"]} == tags
        # As AWS, which does not count the alarms as a change.
        status = "FAILED" if same else "CREATE_COMPLETE"
        names = [row["ParameterKey"] for row in asked["Parameters"]]
        assert sorted(names) == sorted(row["ParameterKey"] for row in stack["Parameters"])
        self._changes[asked["ChangeSetName"]] = asked, status
        return {"Id": asked["ChangeSetName"], "StackId": stack["StackId"]}

    def _DescribeChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        status = self._changes[ChangeSetName][1] if self._later(ChangeSetName) else "CREATE_PENDING"
        return {"Status": status, "StatusReason": "The submitted information didn't contain changes."}

    def _DeleteChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        del self._changes[ChangeSetName]
        return {}

    def _ExecuteChangeSet(self, ChangeSetName: str) -> dict[str, Any]:
        asked, _ = self._changes.pop(ChangeSetName)
        stack = self._find(asked["StackName"])
        stack |= {"Tags": asked["Tags"], "RollbackConfiguration": asked["RollbackConfiguration"]}
        return {}

    def _UpdateStack(self, **asked: Any) -> dict[str, Any]:
        stack = self._find(asked["StackName"])
        assert ("TemplateBody" in asked) != ("TemplateURL" in asked)
        assert len(asked.get("TemplateBody", "")) <= 51_200
        before = {row["ParameterKey"]: row["ParameterValue"] for row in stack["Parameters"]}
        after = {
            row["ParameterKey"]: before[row["ParameterKey"]]
            if row.get("UsePreviousValue")
            else row["ParameterValue"]
            for row in asked["Parameters"]
        }
        stack["Parameters"] = [{"ParameterKey": key, "ParameterValue": value} for key, value in after.items()]
        return {"StackId": stack["StackId"]}

    def _ListStackResources(self, StackName: str) -> dict[str, Any]:
        return {"StackResourceSummaries": self.nested.get(StackName, [])}

    def _GetTemplate(self, **_: Any) -> dict[str, Any]:
        self.meanwhile()
        return {"TemplateBody": self.template}

    def _DetectStackDrift(self, StackName: str) -> dict[str, Any]:
        return {"StackDriftDetectionId": StackName}

    def _DescribeStackDriftDetectionStatus(self, StackDriftDetectionId: str) -> dict[str, Any]:
        if self.endless or not self._later(f"drift of {StackDriftDetectionId}"):
            return {"DetectionStatus": "DETECTION_IN_PROGRESS"}
        if reason := self.unreadable.get(StackDriftDetectionId):
            return {"DetectionStatus": "DETECTION_FAILED", "DetectionStatusReason": reason}
        return {"DetectionStatus": "DETECTION_COMPLETE"}

    def _DescribeStackResourceDrifts(self, StackName: str, NextToken: str = "0", **_: Any) -> dict[str, Any]:
        # One row a page, as no more are promised.
        rows, at = self.drifts.get(StackName, []), int(NextToken)
        more = {"NextToken": str(at + 1)} if at + 1 < len(rows) else {}
        return {"StackResourceDrifts": rows[at : at + 1], **more}

    def _DeleteStack(self, StackName: str) -> dict[str, Any]:
        self._find(StackName)["StackStatus"] = "DELETE_IN_PROGRESS"
        self._looks.pop(StackName, None)
        return {}

    def _delete(self, stack: dict[str, Any]) -> None:
        for number, row in enumerate(self.nested.get(stack["StackName"], [])):
            logical = row["LogicalResourceId"]
            reason = self.fails.get(logical)
            self._events.insert(
                0,
                {
                    "EventId": f"{logical}-{number}",
                    "LogicalResourceId": logical,
                    "PhysicalResourceId": row["PhysicalResourceId"],
                    "ResourceType": row["ResourceType"],
                    "ResourceStatus": "DELETE_FAILED" if reason else "DELETE_COMPLETE",
                    "ResourceStatusReason": reason or "",
                },
            )
        stack["StackStatus"] = "DELETE_FAILED" if self.fails else "DELETE_COMPLETE"

    def _DescribeStackEvents(self, **_: Any) -> dict[str, Any]:
        return {"StackEvents": list(self._events)}
