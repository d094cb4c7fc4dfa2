"""What `longcode deploy` plans, rollback on alarm, drift and destroy, over a CloudFormation in this process."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto import mock_aws

from devtools.local_stack.layout import ROOT
from longcode_cli import deploy, drift, parameter, rollback, samconfig, site, smoke, target
from longcode_cli.problems import Problem
from longcode_cli.samconfig import Settings
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, Ok, hooked, run, text
from tests.longcode_cli.world import deploy as create

pytestmark = pytest.mark.disable_socket

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


def with_alarms(stack: dict[str, Any], *alarms: str) -> dict[str, Any]:
    """The stack, with the output that names its alarms; and the alarms, all quiet."""
    cloudwatch = boto3.client("cloudwatch", region_name=REGION)
    for alarm in alarms:
        cloudwatch.put_metric_alarm(
            AlarmName=alarm, MetricName="Errors", Namespace="AWS/Lambda", Statistic="Sum", Threshold=1, Period=60,
            ComparisonOperator="GreaterThanThreshold", EvaluationPeriods=1,
        )  # fmt: skip
        ring(alarm, "OK")
    named = {"OutputKey": "RollbackAlarmArns", "OutputValue": ",".join(arn(alarm) for alarm in alarms)}
    return {**stack, "Outputs": [*stack["Outputs"], named]}


def ring(alarm: str, state: str = "ALARM") -> None:
    boto3.client("cloudwatch", region_name=REGION).set_alarm_state(
        AlarmName=alarm, StateValue=state, StateReason="a test"
    )


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFormation]:
    """An AWS account without a stack, and nothing of the person's own configuration."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "LONGCODE_STACK", *deploy.FROM_ENVIRONMENT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    formation = FakeFormation({})
    with mock_aws(), formation.answering():
        yield formation


def place(name: str = DEV) -> site.Site:
    return site.on_aws(name, None, REGION)


def nap(_seconds: float) -> None:
    """A wait that takes no time."""


# --------------------------------------------------------------------------------- samconfig.toml


def test_the_repositorys_own_samconfig_has_both_environments() -> None:
    assert [samconfig.load(env).tags["environment"] for env in ("dev", "prod")] == ["dev", "prod"]
    assert samconfig.load("dev").stack_name != samconfig.load("prod").stack_name


@pytest.mark.parametrize(
    "line",
    [
        r'''parameter_overrides = "TelnyxPublicKey=\"ab/c+d=,ef=\" WebhookUrl=\"\" StoreText=\"a \\\"b\\\" c\""''',
        r"""parameter_overrides = ["TelnyxPublicKey=ab/c+d=,ef= WebhookUrl=", 'StoreText="a \"b\" c"']""",
        '''[default.deploy.parameters.parameter_overrides]
TelnyxPublicKey = "ab/c+d=,ef="
WebhookUrl = ""
StoreText = "a \\"b\\" c"''',
    ],
    ids=["as --guided writes it", "a list", "a table"],
)
def test_what_a_guided_deployment_saved_is_read_as_sam_reads_it(tmp_path: Path, line: str) -> None:
    file = tmp_path / "samconfig.toml"
    file.write_text(f'[default.global.parameters]\nregion = "eu-west-1"\n[default.deploy.parameters]\n{line}\n')

    found = samconfig.load("dev", file)

    assert found.parameters == {"TelnyxPublicKey": "ab/c+d=,ef=", "WebhookUrl": "", "StoreText": 'a "b" c'}
    assert found.region == "eu-west-1"


def test_a_samconfig_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "samconfig.toml").write_text("[default")
    with pytest.raises(Problem, match=r"samconfig.toml can't be read"):
        samconfig.load("dev", tmp_path / "samconfig.toml")


# ----------------------------------------------------------------------------------- longcode deploy

KEYS = {"TELNYX_API_KEY": "KEYsecret", "TELNYX_PUBLIC_KEY": "abc=", "TELNYX_LONG_CODE": "+12025550100"}


def plan(
    environment: dict[str, str] | None = None,
    env: str = "dev",
    parameters: dict[str, str] | None = None,
    **options: Any,
) -> deploy.Plan:
    asked: dict[str, Any] = {"guided": False, "yes": True, "architecture": "arm64", **options}
    # Not the repository's file, in which somebody's own answers may be.
    tags = {"service": "long-code-sms", "environment": env}
    settings = Settings(Path("/none"), env, f"long-code-sms-{env}", REGION, tags=tags, parameters=parameters or {})
    return deploy.plan(settings, environment=environment or {}, **asked)


def test_a_first_deployment_without_a_terminal_takes_its_keys_from_the_environment(account: FakeFormation) -> None:
    made = plan(KEYS)

    assert made.parameters == {
        "Architecture": "arm64",
        "Environment": "dev",
        "TelnyxApiKey": "KEYsecret",
        "TelnyxPublicKey": "abc=",
        "TelnyxLongCode": "+12025550100",
    }
    assert not made.guided
    assert made.before is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WebhookSourceRange", "192.76.120.192/27, 192.76.120.200/27"),
        ("AllowedDestinations", "+44,+44:500"),
    ],
)
def test_a_setting_that_no_function_would_start_with_is_not_deployed(
    account: FakeFormation, name: str, value: str
) -> None:
    with pytest.raises(Problem, match=f"{name} can't be"):
        plan(KEYS, parameters={name: value})


def test_a_setting_that_functions_start_with_is_deployed(account: FakeFormation) -> None:
    wanted = {"WebhookSourceRange": "192.76.120.192/27,2001:db8::/32", "AllowedDestinations": "+1,+44:500"}
    assert plan(KEYS, parameters=wanted).parameters.items() >= wanted.items()


def test_a_first_deployment_without_its_keys_names_each_that_is_missing(account: FakeFormation) -> None:
    with pytest.raises(Problem, match="needs TELNYX_API_KEY, TELNYX_LONG_CODE") as told:
        plan({"TELNYX_PUBLIC_KEY": "abc=", "TELNYX_API_KEY": ""})
    assert "YES=1" in told.value.hint


def test_a_later_deployment_names_only_what_is_new_so_that_the_stack_keeps_the_rest(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = stack_of(DEV)

    assert plan().parameters == {"Architecture": "arm64", "Environment": "dev"}
    assert plan({"TELNYX_API_KEY": "KEYnew"}).parameters["TelnyxApiKey"] == "KEYnew"


def test_a_change_set_that_nobody_agreed_to_is_no_stack(account: FakeFormation) -> None:
    account.stacks[DEV] = stack_of(DEV, StackStatus="REVIEW_IN_PROGRESS")

    assert plan(KEYS).before is None


def test_nobody_is_asked_where_there_is_no_terminal(account: FakeFormation) -> None:
    result = run("deploy", "dev")

    assert result.exit_code == 1
    assert "Nobody is there to be asked" in result.stderr
    assert account.calls == []


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("ROLLBACK_COMPLETE", "make destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("UPDATE_IN_PROGRESS", "Wait"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait"),
    ],
)
def test_a_stack_that_takes_no_update_is_told_before_anything_is_built(
    account: FakeFormation, status: str, hint: str
) -> None:
    account.stacks[PROD] = stack_of(PROD, StackStatus=status)

    with pytest.raises(Problem, match=status) as told:
        plan(env="prod")
    assert hint in told.value.hint


@pytest.mark.parametrize(("state", "words"), [("ALARM", "rings: ApiFailing"), ("MISSING", "is gone: ApiFailing")])
def test_an_alarm_that_would_take_the_deployment_back_is_told_before_it(
    account: FakeFormation, state: str, words: str
) -> None:
    stack = with_alarms(stack_of(PROD), *ALARMS)
    stack["RollbackConfiguration"] = {
        "RollbackTriggers": [{"Arn": arn("ApiFailing")}],
        "MonitoringTimeInMinutes": 10,
    }
    account.stacks[PROD] = stack
    assert plan(env="prod").before is not None

    if state == "ALARM":
        ring("ApiFailing")
    else:
        boto3.client("cloudwatch", region_name=REGION).delete_alarms(AlarmNames=["ApiFailing"])

    with pytest.raises(Problem, match=words) as told:
        plan(env="prod")
    assert "rollback-alarms --off" in told.value.hint


def test_sam_is_given_the_parameters_in_a_file_and_the_tags_that_the_stack_has_to_keep(
    account: FakeFormation,
) -> None:
    account.stacks[PROD] = stack_of(PROD)
    account.stacks[PROD]["Tags"].append({"Key": rollback.TAG, "Value": "10-minutes-abc"})

    words = deploy.arguments(plan(KEYS, env="prod"), Path("/private/parameters.yaml"))

    assert words[:5] == [
        "deploy",
        "--config-env",
        "prod",
        "--parameter-overrides",
        "file:///private/parameters.yaml",
    ]
    assert f"{rollback.TAG}=10-minutes-abc" in words
    assert "environment=prod" in words
    assert "--no-confirm-changeset" in words
    assert not any("KEYsecret" in word for word in words)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    for name, words in {
        "template.yaml": "root",
        "SendFunction/app.py": "1",
        "Operations/template.yaml": "a",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(words)
    return tmp_path


MONDAY, TUESDAY = (datetime(2026, 3, day, 9, 30, tzinfo=UTC) for day in (2, 3))


def run_by(account: FakeFormation, name: str, **parameters: str) -> None:
    """The stack runs this release, with these parameters."""
    made = stack_of(DEV)
    rows = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    release = {"ParameterKey": "Release", "ParameterValue": name}
    account.stacks[DEV] = made | {"Parameters": [*rows, release]}


def test_a_build_that_runs_already_keeps_its_name_so_that_nothing_is_deployed(
    account: FakeFormation, built: Path
) -> None:
    first = deploy.release_of(plan(KEYS), built, MONDAY)
    assert re.fullmatch("1772443800[0-9a-f]{12}", first)

    parameters = {"TelnyxPublicKey": "abc=", "TelnyxLongCode": "+12025550100", "StoreText": "always"}
    run_by(account, first, **parameters, TelnyxApiKey="****", Architecture="arm64", Environment="dev")

    assert deploy.release_of(plan(), built, TUESDAY) == first
    # Alarms and dashboard, and the provider's key in its secret, are no part of a function.
    (built / "Operations" / "template.yaml").write_text("b")
    assert deploy.release_of(plan({"TELNYX_API_KEY": "KEYother"}), built, TUESDAY) == first


def test_another_value_of_a_parameter_another_file_or_unknown_answers_are_a_new_release(
    account: FakeFormation, built: Path
) -> None:
    first = deploy.release_of(plan(KEYS), built, MONDAY)
    run_by(account, first, TelnyxPublicKey=KEYS["TELNYX_PUBLIC_KEY"], TelnyxLongCode=KEYS["TELNYX_LONG_CODE"])
    assert deploy.release_of(plan(), built, TUESDAY) == first

    assert deploy.release_of(plan(parameters={"RecipientIntervalMs": "50"}), built, TUESDAY) != first
    assert deploy.release_of(replace(plan(), guided=True), built, TUESDAY) != first
    (built / "SendFunction" / "app.py").write_text("2")
    second = deploy.release_of(plan(), built, TUESDAY)
    assert second != first
    # A deployment of it that was taken back left its versions: a second try must not ask for the same ones again.
    assert deploy.release_of(plan(), built, MONDAY) != second


def test_a_stacks_name_that_no_function_could_be_named_after_is_refused(account: FakeFormation) -> None:
    def planned(length: int) -> deploy.Plan:
        named = replace(plan(KEYS).settings, stack_name="s" * length)
        return deploy.plan(named, guided=False, yes=True, architecture="arm64", environment=KEYS)

    assert planned(53).place.stack_name == "s" * 53
    with pytest.raises(Problem, match="too long for a stack's name by 1 characters"):
        planned(54)


@pytest.mark.parametrize(("have", "warned"), [(150, False), (149, True), (10, True)])
def test_an_account_that_is_too_small_is_told_before_the_deployment(
    account: FakeFormation, have: int, warned: bool
) -> None:
    answer = {"AccountLimit": {"ConcurrentExecutions": have}}
    with hooked(("before-call.lambda.GetAccountSettings", lambda **_: (Ok(), answer))):
        assert bool(deploy.warning(plan(KEYS))) is warned
        assert bool(deploy.warning(plan(KEYS, parameters={"ConsumerConcurrency": str(max(2, have - 100))}))) is (
            have < 102
        )


def test_sam_works_in_the_region_that_was_looked_at(
    account: FakeFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    made = plan(KEYS)

    assert deploy.variables(made)["AWS_DEFAULT_REGION"] == REGION  # what samconfig.toml says goes first
    there = replace(made, place=replace(made.settings, region=None).place())
    assert deploy.variables(there)["AWS_DEFAULT_REGION"] == "us-west-2"


def test_the_first_deployment_on_a_terminal_asks_by_itself(account: FakeFormation) -> None:
    made = replace(plan(KEYS), guided=True, yes=False)

    assert "--guided" in deploy.arguments(made, Path("p.yaml"))
    assert "--no-confirm-changeset" not in deploy.arguments(made, Path("p.yaml"))


def test_what_was_deployed_is_looked_up_where_the_answers_now_say_it_is(
    account: FakeFormation, tmp_path: Path
) -> None:
    file = tmp_path / "samconfig.toml"
    made = replace(plan(KEYS), settings=Settings(file, "dev", DEV))
    account.stacks["elsewhere"] = stack_of("elsewhere-dev")
    file.write_text(f'[default.deploy.parameters]\nstack_name = "elsewhere-dev"\nregion = "{REGION}"\n')

    outcome = deploy.finish(made)

    assert outcome.place.stack_name == "elsewhere-dev"
    assert outcome.changed
    assert outcome.outputs == {"ApiUrl": "https://api.invalid/v1"}


@pytest.mark.parametrize("left", [None, "REVIEW_IN_PROGRESS"])
def test_a_change_set_that_was_declined_deploys_nothing_and_says_so(
    account: FakeFormation, tmp_path: Path, left: str | None
) -> None:
    (tmp_path / "samconfig.toml").write_text(f'[default.deploy.parameters]\nregion = "{REGION}"\n')
    made = replace(plan(KEYS), settings=Settings(tmp_path / "samconfig.toml", "dev", DEV))
    if left:
        account.stacks[DEV] = stack_of(DEV, StackStatus=left)

    with pytest.raises(Problem, match="Nothing was deployed"):
        deploy.finish(made)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "was not deployed"),
        ("REVIEW_IN_PROGRESS", "was not deployed"),
        ("ROLLBACK_COMPLETE", "make destroy"),
        ("UPDATE_ROLLBACK_COMPLETE", "has gone back to what ran before"),
        ("UPDATE_COMPLETE", "is UPDATE_COMPLETE"),
    ],
)
def test_a_deployment_that_sam_gave_up_is_told_with_what_it_left(
    account: FakeFormation, status: str | None, words: str
) -> None:
    made = plan(KEYS)
    if status:
        account.stacks[DEV] = stack_of(DEV, StackStatus=status)

    assert words in deploy.failed(made)


SAM_KEEPS = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.deploy.deploy_context import DeployContext
given = CfnParameterOverridesType().convert(("file://" + sys.argv[1],), None, None)
template = {"Parameters": {"TelnyxApiKey": {}, "RecipientIntervalMs": {}, "WebhookUrl": {}}}
print(json.dumps(DeployContext.merge_parameters(template, given)))
"""


def test_sam_itself_has_the_stack_keep_what_the_file_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "parameters.yaml"
    file.write_text(json.dumps({"WebhookUrl": "", "RecipientIntervalMs": "200", "Environment": "dev"}))

    done = subprocess.run(
        [ROOT / ".local/venv-sam/bin/python", "-c", SAM_KEEPS, file], capture_output=True, text=True, check=False
    )

    assert json.loads(done.stdout) == [
        {"ParameterKey": "TelnyxApiKey", "UsePreviousValue": True},
        {"ParameterKey": "RecipientIntervalMs", "ParameterValue": "200"},
        {"ParameterKey": "WebhookUrl", "ParameterValue": ""},
    ]


# --------------------------------------------------------------------------------- rollback on alarm


def watched(account: FakeFormation, name: str) -> tuple[list[str], int]:
    found = account.stacks[name]["RollbackConfiguration"]
    return [row["Arn"] for row in found["RollbackTriggers"]], found["MonitoringTimeInMinutes"]


def after(account: FakeFormation, name: str) -> str:
    """What follows once SAM is done."""
    return deploy.watch(place(name), account.stacks[name], rollback.WATCH_MINUTES["prod"])


def test_after_a_deployment_cloudformation_watches_the_stacks_alarms(account: FakeFormation) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)

    told = deploy.watch(place(PROD), account.stacks[PROD], 10)

    assert watched(account, PROD) == (sorted(arn(alarm) for alarm in ALARMS), 10)
    (asked,) = account.asked("CreateChangeSet")
    assert asked["UsePreviousTemplate"] is True
    assert all(row["UsePreviousValue"] for row in asked["Parameters"])
    assert asked["Capabilities"] == ["CAPABILITY_IAM"]
    tags = {row["Key"]: row["Value"] for row in asked["Tags"]}
    assert tags["service"] == "long-code-sms"
    assert tags[rollback.TAG].startswith("10-minutes-")
    assert "watches ApiFailing, FunctionErrors, StoreUnavailable during each update" in told


def test_it_is_set_once_and_then_left_alone(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    for _ in range(2):
        deploy.watch(place(), account.stacks[DEV], 0)

    assert len(account.asked("ExecuteChangeSet")) == 1


def test_other_alarms_after_an_update_take_the_place_of_those_before(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    deploy.watch(place(), account.stacks[DEV], 0)

    account.stacks[DEV]["Outputs"][-1]["OutputValue"] = f"{arn('ApiFailing')}, {arn('StoreUnavailable')}"
    deploy.watch(place(), account.stacks[DEV], 0)

    assert watched(account, DEV)[0] == [arn("ApiFailing"), arn("StoreUnavailable")]


def test_no_alarm_is_set_while_it_rings_as_it_would_take_its_own_update_back(account: FakeFormation) -> None:
    account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    ring("StoreUnavailable")

    told = deploy.watch(place(), account.stacks[DEV], 0)

    assert account.asked("CreateChangeSet") == []
    assert "not set, as StoreUnavailable rings" in told


def test_a_stack_without_alarms_is_told_and_left(account: FakeFormation) -> None:
    account.stacks[DEV] = stack_of(DEV)

    result = run("rollback-alarms", "--stack", DEV)

    assert account.asked("CreateChangeSet") == []
    assert "no alarms to watch" in result.stdout


def test_they_can_be_taken_off_for_a_deployment_that_mends_and_come_back_with_the_next(
    account: FakeFormation,
) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)
    assert run("rollback-alarms", "--stack", PROD).exit_code == 0
    ring("ApiFailing")

    assert run("rollback-alarms", "--stack", PROD, "--off").exit_code == 0
    assert watched(account, PROD) == ([], 0)
    plan(env="prod")

    ring("ApiFailing", "OK")
    after(account, PROD)
    assert watched(account, PROD)[1] == 10


def test_how_long_they_are_watched_is_the_operators_choice_and_outlives_deployments(
    account: FakeFormation,
) -> None:
    account.stacks[PROD] = with_alarms(stack_of(PROD), *ALARMS)
    run("rollback-alarms", "--stack", PROD)
    run("rollback-alarms", "--stack", PROD, "--minutes", "30")

    after(account, PROD)

    assert watched(account, PROD)[1] == 30
    assert len(account.asked("ExecuteChangeSet")) == 2


def test_a_change_that_cloudformation_refuses_is_told_with_its_reason_and_leaves_nothing(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    watch = rollback.Watch((arn("ApiFailing"),), 0)
    account.stacks[DEV]["Tags"].append({"Key": rollback.TAG, "Value": watch.tag})

    with pytest.raises(Problem, match="didn't contain changes"):
        rollback.put(place(), account.stacks[DEV], watch, nap)
    assert len(account.asked("DeleteChangeSet")) == 1
    assert account.asked("ExecuteChangeSet") == []


# --------------------------------------------------------------------------- the smoke test on AWS


@pytest.fixture
def key_of_the_api() -> Iterator[None]:
    """An API Gateway that knows one key."""

    def answer(params: dict[str, Any], **_: Any) -> tuple[Ok, dict[str, Any]]:
        assert params["url_path"] == "/apikeys/key-id"
        assert params["query_string"] == {"includeValue": "true"}
        return Ok(), {"value": "the key itself"}

    with hooked(("before-call.api-gateway.GetApiKey", answer)):
        yield


def test_on_aws_the_smoke_test_takes_address_and_key_from_the_stack(
    account: FakeFormation, key_of_the_api: None
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    account.stacks[DEV]["Outputs"].append({"OutputKey": "ApiKeyId", "OutputValue": "key-id"})

    with smoke.door(place()) as api:
        assert api.headers["x-api-key"] == "the key itself"
        assert str(api.base_url) == "https://api.invalid/v1/"


@dataclass
class Gateway:
    """An API that refuses its key so many times before it knows it, but not at the path that it `knows`."""

    refusals: int
    knows: str = "nothing"
    asked: int = 0
    naps: int = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith(self.knows):
            self.asked += 1
            if self.asked <= self.refusals:
                return httpx.Response(403, json={"message": "Forbidden"})
        if request.url.path.endswith("/health"):
            return httpx.Response(200, json={"status": "healthy", "queue_size": 0})
        return httpx.Response(400, json={"error": "no number", "code": "invalid_request", "field": "to"})

    def nap(self, _seconds: float) -> None:
        self.naps += 1

    def run(self, at: target.Target) -> list[smoke.Step]:
        with httpx.Client(base_url="https://api.invalid/v1", transport=httpx.MockTransport(self.answer)) as api:
            made = smoke.Smoke(at, api, "+12025550123", 1, lambda _: nullcontext(), sleep=self.nap)
            plan = [
                step for step in made._plan() if step[0] in ("GET /health", "bad input is refused by its field")
            ]
            return [made._made(*step) for step in plan]


def test_right_after_a_first_deployment_the_gateway_is_waited_for_and_that_is_told(account: FakeFormation) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}
    gateway = Gateway(refusals=3, knows="/health")

    health, bad_input = gateway.run(target.on_aws(DEV, None, REGION))

    assert (health.ok, health.said) == (True, "0 wait")
    assert (bad_input.ok, bad_input.said) == (
        True,
        "400, field to, 2 s after the first try: the gateway was new",
    )
    assert gateway.naps == 3


def test_a_gateway_that_never_lets_us_in_is_not_waited_for_for_ever(account: FakeFormation) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}
    gateway = Gateway(refusals=10_000)

    health, bad_input = gateway.run(target.on_aws(DEV, None, REGION))

    assert not health.ok
    assert not bad_input.ok
    assert "403" in health.said
    # Two minutes for each.
    assert gateway.naps == 2 * 240


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "Which number shall be texted?"), (["--to", "+12025550123"], "Nobody is there to be asked")],
)
def test_on_aws_nothing_is_sent_without_a_number_and_a_yes(
    account: FakeFormation, arguments: list[str], words: str
) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create()}

    result = run("smoke", "--stack", DEV, *arguments)

    assert result.exit_code == 1
    assert words in result.stderr


# --------------------------------------------------------------------------------- one parameter


def parameters_of(account: FakeFormation, name: str) -> dict[str, str]:
    return {row["ParameterKey"]: row["ParameterValue"] for row in account.stacks[name]["Parameters"]}


@pytest.mark.parametrize("comment", ["", "#" * 60_000], ids=["a short template", "a long one, by SAM's bucket"])
def test_one_parameter_is_changed_by_the_stacks_own_template_and_all_others_stay(
    account: FakeFormation, comment: str
) -> None:
    account.stacks[DEV] = stack_of(DEV)
    account.stacks["sam"] = {
        **stack_of(DEV),
        **{"StackName": "aws-sam-cli-managed-default", "StackId": "sam"},
        "Outputs": [{"OutputKey": "SourceBucket", "OutputValue": "sams-bucket"}],
    }
    bucket = boto3.client("s3", region_name=REGION)
    bucket.create_bucket(Bucket="sams-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    account.template = f"Transform: AWS::Serverless-2016-10-31\n{comment}"

    result = run("set", "StoreText", "until_final", "--stack", DEV)

    assert result.exit_code == 0, result.output
    found = parameters_of(account, DEV)
    assert (found["StoreText"], found["TelnyxApiKey"]) == ("until_final", "****")
    # Another one each time, so that SAM publishes the functions with the new value.
    assert re.fullmatch(r"[0-9]{10}", found["Release"])
    (asked,) = account.asked("UpdateStack")
    if comment:
        key = asked["TemplateURL"].removeprefix(f"https://s3.{REGION}.amazonaws.com/sams-bucket/")
        assert bucket.get_object(Bucket="sams-bucket", Key=key)["Body"].read().decode() == account.template
    else:
        assert asked["TemplateBody"] == account.template


def test_two_parameters_that_are_set_within_a_second_are_two_releases() -> None:
    first = parameter.another_release("1772443800abcdef", 1772443801)
    assert first == "1772443801"
    assert parameter.another_release(first, 1772443801) == "1772443802"


def test_an_update_that_has_not_begun_is_not_taken_for_one_that_has_ended(account: FakeFormation) -> None:
    before = account.stacks[DEV] = stack_of(DEV)
    later = [
        before | {"StackStatus": "UPDATE_IN_PROGRESS", "LastUpdatedTime": "2026-11-26T09:00:00Z"},
        before | {"StackStatus": "UPDATE_ROLLBACK_COMPLETE", "LastUpdatedTime": "2026-11-26T09:00:00Z"},
    ]

    def nap_and_go_on(_seconds: float) -> None:
        account.stacks[DEV] = later.pop(0)

    assert parameter.wait(place(), site.described(place()), nap_and_go_on) == "UPDATE_ROLLBACK_COMPLETE"
    assert later == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("Nonsense", "has no parameter Nonsense"), ("TelnyxApiKey", "A key does not belong on a command line")],
)
def test_what_can_not_be_set_is_refused_and_nothing_is_deployed(
    account: FakeFormation, name: str, words: str
) -> None:
    account.stacks[DEV] = stack_of(DEV)

    result = run("set", name, "KEYsecret", "--stack", DEV)

    assert result.exit_code == 1
    assert words in " ".join(result.stderr.split())
    assert account.asked("UpdateStack") == []


def test_no_parameter_is_set_while_an_alarm_would_take_it_back(account: FakeFormation) -> None:
    stack = account.stacks[DEV] = with_alarms(stack_of(DEV), *ALARMS)
    stack["RollbackConfiguration"] = {"RollbackTriggers": [{"Arn": arn(alarm), "Type": "x"} for alarm in ALARMS]}
    ring("ApiFailing")

    result = run("set", "StoreText", "always", "--stack", DEV)

    assert result.exit_code == 1
    assert "rollback-alarms --off" in result.stderr
    assert account.asked("UpdateStack") == []


# ------------------------------------------------------------------------------------------- drift

OPERATIONS = f"arn:aws:cloudformation:{REGION}:123456789012:stack/{DEV}-Operations-1X/2"


def changed(logical: str, *differences: tuple[str, str, str, str], status: str = "MODIFIED") -> dict[str, Any]:
    return {
        "LogicalResourceId": logical,
        "ResourceType": "AWS::Lambda::Function",
        "StackResourceDriftStatus": status,
        "PropertyDifferences": [
            {"PropertyPath": path, "DifferenceType": kind, "ExpectedValue": expected, "ActualValue": actual}
            for path, kind, expected, actual in differences
        ],
    }


@pytest.fixture
def nested(account: FakeFormation) -> FakeFormation:
    account.stacks[DEV] = stack_of(DEV)
    account.nested[DEV] = [
        {
            "LogicalResourceId": "Operations",
            "PhysicalResourceId": OPERATIONS,
            "ResourceType": "AWS::CloudFormation::Stack",
        }
    ]
    return account


def look() -> drift.Found:
    return drift.look(place(), lambda *_: None, nap)


def test_drift_looks_into_the_stacks_in_the_stack_too(nested: FakeFormation) -> None:
    nested.slow = True
    nested.drifts[OPERATIONS] = [changed("ApiFailing", ("/Threshold", "NOT_EQUAL", "5", "500"))]

    found = look()

    assert [row["StackName"] for row in nested.asked("DetectStackDrift")] == [DEV, OPERATIONS]
    assert found.stacks == (DEV, f"{DEV}-Operations-1X")
    (one,) = found.drifted
    assert (one.stack, one.resource) == (f"{DEV}-Operations-1X", "ApiFailing")


def test_drift_reads_every_page_and_what_could_not_be_compared(nested: FakeFormation) -> None:
    nested.drifts[DEV] = [changed("A"), changed("B", status="DELETED"), changed("C")]
    nested.unreadable[DEV] = "Failed to detect drift on resource [Api]"

    found = look()

    assert [one.resource for one in found.drifted] == ["A", "B", "C"]
    assert found.unread == (f"{DEV}: Failed to detect drift on resource [Api]",)


def test_a_drift_shows_each_property_and_never_a_secret(nested: FakeFormation) -> None:
    nested.drifts[DEV] = [
        changed(
            "SendFunction",
            ("/Timeout", "NOT_EQUAL", "29", "900"),
            ("/Environment/Variables/DEBUG", "ADD", "", "1"),
            ("/SecretString", "NOT_EQUAL", "KEYold", "KEYnew"),
        ),
        changed("SendQueue", status="DELETED"),
    ]
    result = run("drift", "--stack", DEV)

    words = " ".join(result.stdout.split())
    assert result.exit_code == 1
    assert "SendFunction (AWS::Lambda::Function) in long-code-sms-dev was changed" in words
    assert "/Timeout 29 900" in words
    assert "/Environment/Variables/DEBUG nothing 1" in words
    assert "SendQueue (AWS::Lambda::Function) in long-code-sms-dev was deleted by somebody else" in words
    assert "KEY" not in result.stdout


def test_a_stack_as_its_template_says_is_exit_code_0(nested: FakeFormation) -> None:
    result = run("drift", "--stack", DEV, "--json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["in_sync"] is True


def test_a_comparison_that_never_ends_is_not_waited_for_for_ever(nested: FakeFormation) -> None:
    nested.endless = True
    with pytest.raises(Problem, match="does not come to an end"):
        look()


@pytest.mark.parametrize("command", ["drift", "destroy", "rollback-alarms"])
def test_a_command_about_a_stack_on_aws_needs_to_know_which(command: str) -> None:
    result = run(command)
    assert result.exit_code == 1
    assert "Which stack on AWS?" in result.stderr


# ----------------------------------------------------------------------------------------- destroy


@pytest.fixture
def dev(account: FakeFormation) -> FakeFormation:
    """A stack as it is deployed, but for the protection of its table."""
    stack = account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "UPDATE_COMPLETE"}
    outputs = site.outputs_of(stack)
    account.template = {
        "Resources": {
            "MessagesTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"},
            "LimitsTable": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Delete"},
            "SendQueue": {"Type": "AWS::SQS::Queue"},
        }
    }
    account.nested[DEV] = [
        {"LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": kind}
        for logical, physical, kind in (
            ("MessagesTable", outputs["MessagesTableName"], "AWS::DynamoDB::Table"),
            ("LimitsTable", outputs["LimitsTableName"], "AWS::DynamoDB::Table"),
            ("SendQueue", outputs["SendQueueUrl"], "AWS::SQS::Queue"),
        )
    ]
    return account


def protect(on: bool = True) -> None:
    boto3.client("dynamodb", region_name=REGION).update_table(
        TableName="MessagesTable", DeletionProtectionEnabled=on
    )


def destroyed(account: FakeFormation) -> bool:
    return bool(account.asked("DeleteStack"))


def test_destroy_refuses_while_the_table_is_protected_and_says_how_to_save_and_to_unlock_it(
    dev: FakeFormation,
) -> None:
    protect()

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert result.exit_code == 1
    assert "aws dynamodb create-backup --table-name MessagesTable" in result.stderr
    assert (
        f"aws dynamodb update-table --table-name MessagesTable --no-deletion-protection-enabled --region {REGION}"
        in result.stderr
    )


def test_destroy_refuses_while_the_stack_itself_is_protected(dev: FakeFormation) -> None:
    dev.stacks[DEV]["EnableTerminationProtection"] = True

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert "--no-enable-termination-protection" in result.stderr


@pytest.mark.parametrize("where", ["table", "queue", "dead letters"])
def test_destroy_refuses_while_a_text_waits_that_would_never_leave(dev: FakeFormation, where: str) -> None:
    at = target.on_aws(DEV, None, REGION)
    if where == "table":
        assert at.messages.accept(text("00000000-0000-4000-8000-000000000001")) is None
    else:
        at.sqs.send_message(
            QueueUrl=at.queue_url if where == "queue" else at.dead_letter_queue_url,
            MessageBody="{}",
            MessageGroupId="+12025550123",
            MessageDeduplicationId="1",
        )

    result = run("destroy", "--stack", DEV, "--yes")

    assert not destroyed(dev)
    assert "Texts still wait" in result.stderr


def test_destroy_deletes_the_log_groups_that_came_back_and_no_others(dev: FakeFormation) -> None:
    logs = boto3.client("logs", region_name=REGION)
    others = {f"/aws/lambda/{DEV}-sendings", f"/aws/lambda/{PROD}-send", "/aws/lambda/send"}
    for name in (f"/aws/lambda/{DEV}-send", f"/aws/lambda/{DEV}-publisher", *others):
        logs.create_log_group(logGroupName=name)

    result = run("destroy", "--stack", DEV, "--yes")

    assert {row["logGroupName"] for row in logs.describe_log_groups()["logGroups"]} == others
    assert f"/aws/lambda/{DEV}-send (a log group" in result.stdout


def test_destroy_does_not_tell_of_versions_which_go_with_their_functions(dev: FakeFormation) -> None:
    assert isinstance(dev.template, dict)
    dev.template["Resources"]["SendFunctionVersion1"] = {
        "Type": "AWS::Lambda::Version",
        "DeletionPolicy": "Retain",
    }
    version = f"arn:aws:lambda:{REGION}:123456789012:function:{DEV}-send:1"
    dev.nested[DEV].append(
        {
            "LogicalResourceId": "SendFunctionVersion1",
            "PhysicalResourceId": version,
            "ResourceType": "AWS::Lambda::Version",
        }
    )

    result = run("destroy", "--stack", DEV, "--yes")

    assert "MessagesTable" in result.stdout
    assert "AWS::Lambda::Version:" not in result.stdout.split("What stays:")[1]
    assert version not in result.stdout.split("What stays:")[1]


def test_destroy_deletes_the_rest_and_tells_what_stays_and_costs(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 0, result.output
    assert dev.stacks[DEV]["StackStatus"] == "DELETE_COMPLETE"
    assert "gone: SendQueue (AWS::SQS::Queue)" in result.stdout
    ending = result.stdout.split("is gone. What stays:")[1]
    assert "MessagesTable: the messages and opt-outs" in ending
    assert "a month" in ending
    assert "aws dynamodb delete-table --table-name MessagesTable" in ending
    assert "LimitsTable" not in ending


@pytest.mark.parametrize("typed", ["", "yes", "long-code-sms", "long-code-sms-prod"])
def test_destroy_takes_nothing_but_the_stacks_own_name(dev: FakeFormation, typed: str) -> None:
    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{typed}\n")

    assert not destroyed(dev)
    assert result.exit_code == 1


def test_destroy_goes_ahead_when_the_name_is_typed(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{DEV}\n")

    assert destroyed(dev), result.output


def test_destroy_looks_again_for_texts_when_the_name_has_been_typed(dev: FakeFormation) -> None:
    at = target.on_aws(DEV, None, REGION)
    dev.meanwhile = lambda: at.messages.accept(text("00000000-0000-4000-8000-000000000001"))

    result = run("destroy", "--stack", DEV, env={"TTY_COMPATIBLE": "1"}, typed=f"{DEV}\n")

    assert not destroyed(dev)
    assert "Texts still wait" in result.stderr


def test_destroy_asks_nobody_where_there_is_no_terminal(dev: FakeFormation) -> None:
    result = run("destroy", "--stack", DEV)

    assert not destroyed(dev)
    assert "Nobody is there to be asked" in result.stderr


@pytest.mark.parametrize("said_by", ["its name", "its parameter", "its tag"])
def test_prod_is_never_destroyed_without_its_name_being_typed(dev: FakeFormation, said_by: str) -> None:
    stack = dev.stacks[DEV]
    if said_by == "its name":
        stack = dev.stacks[PROD] = {**stack, "StackName": PROD, "Tags": []}
    elif said_by == "its parameter":
        stack["Parameters"].append({"ParameterKey": "Environment", "ParameterValue": "prod"})
    else:
        stack["Tags"] = [{"Key": "environment", "Value": "prod"}]

    result = run("destroy", "--stack", stack["StackName"], "--yes")

    assert not destroyed(dev)
    assert "--yes is not for prod" in result.stderr


def test_what_holds_a_stack_is_told_with_its_reason(dev: FakeFormation) -> None:
    dev.fails = {"SendQueue": "somebody's rule still points at it"}

    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 1
    assert "SendQueue: somebody's rule still points at it" in result.stderr


def test_a_stack_that_never_came_up_can_be_destroyed(account: FakeFormation) -> None:
    account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}
    account.template = "AWSTemplateFormatVersion: as it was given"
    account.nested[DEV] = [
        {
            "LogicalResourceId": "MessagesTable",
            "PhysicalResourceId": "MessagesTable",
            "ResourceType": "AWS::DynamoDB::Table",
        }
    ]

    result = run("destroy", "--stack", DEV, "--yes")

    assert result.exit_code == 0, result.output
    assert destroyed(account)
    assert "MessagesTable: the messages and opt-outs" in result.stdout


def test_of_a_first_deployment_that_failed_the_table_that_stays_is_told_with_what_deletes_it(
    account: FakeFormation,
) -> None:
    made = plan(KEYS)
    account.stacks[DEV] = {**stack_of(DEV), **create(), "StackStatus": "ROLLBACK_COMPLETE", "Outputs": []}
    account.template = "AWSTemplateFormatVersion: as it was given"
    table = {"LogicalResourceId": "MessagesTable", "PhysicalResourceId": "MessagesTable"}
    account.nested[DEV] = [{**table, "ResourceType": "AWS::DynamoDB::Table"}]
    protect()

    assert "A messages table that it made stays, empty, protected" in deploy.failed(made)
    result = run("destroy", "--stack", DEV, "--yes")

    words = " ".join(result.stdout.split())
    unlock = (
        f"aws dynamodb update-table --table-name MessagesTable --no-deletion-protection-enabled --region {REGION}"
    )
    assert f"{unlock} && aws dynamodb delete-table --table-name MessagesTable" in words
