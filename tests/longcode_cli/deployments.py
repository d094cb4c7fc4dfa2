"""Stacks on AWS that the commands about deployments work on, and what they plan."""

from pathlib import Path
from typing import Any

import boto3

from longcode_cli import stack as stacks
from longcode_cli.commands import deploy
from longcode_cli.samconfig import Settings
from tests.longcode_cli.world import REGION

DEV, PROD = "long-code-sms-dev", "long-code-sms-prod"
ALARMS = ["FunctionErrors", "ApiFailing", "StoreUnavailable"]


def arn(alarm: str, kind: str = "alarm") -> str:
    return f"arn:aws:cloudwatch:{REGION}:123456789012:{kind}:{alarm}"


def stack_of(name: str, **more: Any) -> dict[str, Any]:
    return {
        "Outputs": [{"OutputKey": "ApiUrl", "OutputValue": "https://api.invalid/v1"}],
        "Parameters": [{"ParameterKey": key, "ParameterValue": "****"} for key in ("TelnyxApiKey", "StoreText")],
        "StackName": name,
        "StackId": f"arn:aws:cloudformation:{REGION}:123456789012:stack/{name}/1",
        "StackStatus": "UPDATE_COMPLETE",
        "CreationTime": "2026-11-25T09:00:00Z",
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": [
            {"Key": "service", "Value": "long-code-sms"},
            {"Key": "environment", "Value": name.rsplit("-", 1)[1]},
        ],
        **more,
    }


def parameter_rows(values: dict[str, str]) -> list[dict[str, str]]:
    """Parameters as CloudFormation lists them."""
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]


def with_alarms(stack: dict[str, Any], *alarms: str) -> dict[str, Any]:
    """The stack, with the output that names its alarms; and the alarms, all quiet."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    for alarm in alarms:
        cloudwatch.put_metric_alarm(
            AlarmName=alarm, MetricName="Errors", Namespace="AWS/Lambda", Statistic="Sum", Threshold=1, Period=60,
            ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1,
        )  # fmt: skip
        set_alarm(alarm, "OK")
    named = {"OutputKey": "RollbackAlarmArns", "OutputValue": ",".join(arn(alarm) for alarm in alarms)}
    return {**stack, "Outputs": [*stack["Outputs"], named]}


def set_alarm(alarm: str, state: str = "ALARM") -> None:
    boto3.client("cloudwatch", region_name=REGION).set_alarm_state(
        AlarmName=alarm, StateValue=state, StateReason="a test"
    )


def place(name: str = DEV) -> stacks.Stack:
    return stacks.on_aws(name, None, REGION)


def nap(_seconds: float) -> None:
    """A wait that takes no time."""


# 32 bytes, as a key has to have.
PUBLIC_KEY = f"{'A' * 43}="
KEYS = {"TELNYX_API_KEY": "KEYsecret", "TELNYX_PUBLIC_KEY": PUBLIC_KEY, "TELNYX_LONG_CODE": "+12025550100"}


def plan(
    environment: dict[str, str] | None = None,
    env: str = "dev",
    parameters: dict[str, str] | None = None,
    **options: Any,
) -> deploy.Plan:
    asked: dict[str, Any] = {"guided": False, "yes": True, "architecture": "arm64", **options}
    # Not the repository's file, in which your own answers may be.
    tags = {"service": "long-code-sms", "environment": env}
    settings = Settings(Path("/none"), env, f"long-code-sms-{env}", REGION, tags=tags, parameters=parameters or {})
    return deploy.plan(settings, environment=environment or {}, **asked)
