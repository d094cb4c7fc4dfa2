"""Rollback on alarm: which alarms CloudFormation watches during and after each update of the stack."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from longcode_cli.problems import Problem
from longcode_cli.stack import Stack, outputs_of, tags_of

# After every resource is updated. Longer than the alarms' own periods, or none could have gone off yet.
WATCH_MINUTES = {"dev": 0, "prod": 10}
# CloudFormation refuses an update in which nothing changes, and this counts as a change. sam deploy keeps it.
TAG = "rollback-alarms"
# CloudFormation takes no more.
AT_MOST = 5
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Watch:
    """Alarms, and for how many minutes after an update they are watched."""

    alarms: tuple[str, ...]
    minutes: int

    @property
    def tag(self) -> str:
        """A short word that differs where the watch does."""
        if not self.alarms:
            return "off"
        digest = hashlib.sha256(",".join(self.alarms).encode()).hexdigest()
        return f"{self.minutes}-minutes-{digest[:8]}"


# Any: a stack as DescribeStacks returns it.
def saved(described: dict[str, Any]) -> Watch:
    """What CloudFormation watches at each update of a stack."""
    found = described.get("RollbackConfiguration", {})
    alarms = tuple(sorted(row["Arn"] for row in found.get("RollbackTriggers", [])))
    return Watch(alarms, found.get("MonitoringTimeInMinutes", 0))


def wanted(described: dict[str, Any], minutes: int) -> Watch:
    """What it should watch by the stack's own output; nothing where the stack has no alarms."""
    found = outputs_of(described).get("RollbackAlarmArns", "")
    alarms = sorted(filter(None, (arn.strip() for arn in found.split(","))))
    return Watch(tuple(alarms[:AT_MOST]), minutes)


def states(stack: Stack, alarms: tuple[str, ...]) -> dict[str, str]:
    """The state of each alarm: OK, ALARM, INSUFFICIENT_DATA, or MISSING."""
    if not alarms:
        return {}
    names = {name_of(arn): arn for arn in alarms}
    answer = stack.client("cloudwatch").describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    found = {
        row["AlarmArn"]: row["StateValue"]
        for row in [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
    }
    return {arn: found.get(arn, "MISSING") for arn in alarms}


def name_of(arn: str) -> str:
    """The alarm's name, which is the last part of its ARN."""
    return arn.split(":", 6)[-1]


def refuse_in_alarm(stack: Stack, described: dict[str, Any]) -> None:
    """Raise Problem if CloudFormation would roll an update of the stack back for what was wrong before it."""
    found = states(stack, saved(described).alarms)
    for state, words in (("ALARM", "is in ALARM"), ("MISSING", "is gone")):
        names = [name_of(arn) for arn, is_in in found.items() if is_in == state]
        if names:
            raise Problem(
                f"An alarm that CloudFormation watches {words}: {', '.join(names)}. "
                "It would take this deployment back for it.",
                "If the deployment is what fixes it: longcode rollback-alarms --off first. "
                "The deployment sets them again when none is in ALARM.",
            )


def watch(stack: Stack, described: dict[str, Any], minutes: int, *, exactly: bool = False) -> str:
    """See that CloudFormation watches the stack's alarms; what came of it, in sentences.

    `sam deploy` can't name them, but CloudFormation saves those of a stack and applies them to every later update
    that names none. So they are set once, after the first deployment, and again when they change. See
    docs/decisions/0013-rollback-by-cloudformation-alarms.md.

    For how many minutes may be an operator's own choice already, which stays unless this one is `exactly` so.
    """
    want, have = wanted(described, minutes), saved(described)
    if not want.alarms:
        return "Rollback on alarm: the stack has no alarms to watch. Is it on an emulator?"
    if want == have or (want.alarms == have.alarms and not exactly):
        return f"Rollback on alarm: {_watched(have)}"
    found = states(stack, want.alarms)
    loud = [name_of(arn) for arn, state in found.items() if state in ("ALARM", "MISSING")]
    if loud:
        return (
            f"Rollback on alarm is not set, as {', '.join(loud)} is in ALARM or gone. "
            "Once that is over: longcode rollback-alarms."
        )
    put(stack, described, want)
    after = f" It watches for {minutes} minutes now, and takes no other update until then." if minutes else ""
    return f"Rollback on alarm is being set: {_watched(want)}{after}"


def _watched(found: Watch) -> str:
    """What CloudFormation does with these alarms."""
    names = ", ".join(name_of(arn) for arn in found.alarms)
    after = f" and for {found.minutes} minutes after it" if found.minutes else ""
    return f"CloudFormation watches {names} during each update{after}, and takes it back if one is in ALARM."


def put(
    stack: Stack, described: dict[str, Any], watch: Watch, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Have CloudFormation watch this from now on, by an update that changes nothing else. It is left running.

    Raises Problem if CloudFormation does not take it.
    """
    formation = stack.client("cloudformation")
    change_set = formation.create_change_set(**_change_set(stack, described, watch))["Id"]
    while (found := formation.describe_change_set(ChangeSetName=change_set))["Status"] not in (
        "CREATE_COMPLETE",
        "FAILED",
    ):
        sleep(POLL_S)
    if found["Status"] == "FAILED":
        formation.delete_change_set(ChangeSetName=change_set)
        raise Problem(
            f"CloudFormation does not take the alarms: {found.get('StatusReason', 'it gives no reason')}",
            "The stack is as it was. longcode rollback-alarms tries again.",
        )
    formation.execute_change_set(ChangeSetName=change_set)


def _change_set(stack: Stack, described: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """The arguments of CreateChangeSet."""
    tags = tags_of(described) | {TAG: watch.tag}
    return {
        "StackName": stack.stack_name,
        "ChangeSetName": f"rollback-alarms-{time.time_ns()}",
        "Description": "Which alarms are watched; nothing else changes.",
        "UsePreviousTemplate": True,
        "Parameters": [
            {"ParameterKey": row["ParameterKey"], "UsePreviousValue": True}
            for row in described.get("Parameters", [])
        ],
        "Capabilities": described.get("Capabilities", ["CAPABILITY_IAM"]),
        "Tags": [{"Key": name, "Value": value} for name, value in tags.items()],
        "RollbackConfiguration": {
            "RollbackTriggers": [{"Arn": arn, "Type": "AWS::CloudWatch::Alarm"} for arn in watch.alarms],
            "MonitoringTimeInMinutes": watch.minutes,
        },
    }
