"""What `longcode deploy` plans and hands to SAM."""

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest

from devtools.local_stack.layout import ROOT
from longcode_cli import rollback
from longcode_cli.commands import deploy
from longcode_cli.problems import Problem
from longcode_cli.samconfig import Settings
from tests.longcode_cli.deployments import (
    ALARMS,
    DEV,
    KEYS,
    PROD,
    PUBLIC_KEY,
    arn,
    parameter_rows,
    plan,
    set_alarm,
    stack_of,
    with_alarms,
)
from tests.longcode_cli.formation import FakeFormation
from tests.longcode_cli.world import REGION, Ok, hooked, run

pytestmark = pytest.mark.disable_socket


def test_a_first_deployment_without_a_terminal_takes_its_keys_from_the_environment(account: FakeFormation) -> None:
    made = plan(KEYS)

    assert made.parameters == {
        "Architecture": "arm64",
        "Environment": "dev",
        "TelnyxApiKey": "KEYsecret",
        "TelnyxPublicKey": PUBLIC_KEY,
        "TelnyxLongCode": "+12025550100",
    }
    assert not made.guided
    assert made.before is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WebhookSourceRange", "192.76.120.192/27, 192.76.120.200/27"),
        ("AllowedDestinations", "+44,+44:500"),
        ("TelnyxPublicKey", "abc="),
        ("CarrierLimits", "verizon=6000,verizon=60"),
        ("RecipientLimits", "5/15min,20/8day"),
    ],
)
def test_a_setting_that_no_function_would_start_with_is_not_deployed(
    account: FakeFormation, name: str, value: str
) -> None:
    with pytest.raises(Problem, match=f"^{name} ") as raised:
        plan(KEYS if name != "TelnyxPublicKey" else KEYS | {"TELNYX_PUBLIC_KEY": value}, parameters={name: value})
    assert raised.value.hint == "No function would start with it."


def test_a_limit_that_another_one_of_the_stack_does_not_let_it_meet_is_not_deployed(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = stack_of(DEV, Parameters=parameter_rows({"AccountSegmentsPerSecond": "10"}))
    with pytest.raises(Problem) as raised:
        plan(KEYS, parameters={"AttSegmentsPerMinute": "6000"})
    assert str(raised.value) == (
        "AttSegmentsPerMinute can't be met: AccountSegmentsPerSecond comes to 600 a minute."
    )


def test_a_setting_that_functions_start_with_is_deployed(account: FakeFormation) -> None:
    wanted = {"WebhookSourceRange": "192.76.120.192/27,2001:db8::/32", "AllowedDestinations": "+1,+44:500"}
    assert plan(KEYS, parameters=wanted).parameters.items() >= wanted.items()


def test_a_first_deployment_without_its_keys_names_each_that_is_missing(account: FakeFormation) -> None:
    with pytest.raises(Problem, match="needs TELNYX_API_KEY, TELNYX_LONG_CODE") as raised:
        plan({"TELNYX_PUBLIC_KEY": PUBLIC_KEY, "TELNYX_API_KEY": ""})
    assert "YES=1" in raised.value.hint


def test_a_later_deployment_names_only_what_is_new_so_that_the_stack_keeps_the_rest(
    account: FakeFormation,
) -> None:
    account.stacks[DEV] = stack_of(DEV)

    assert plan().parameters == {"Architecture": "arm64", "Environment": "dev"}
    assert plan({"TELNYX_API_KEY": "KEYnew"}).parameters["TelnyxApiKey"] == "KEYnew"


def test_a_change_set_that_was_never_agreed_to_is_no_stack(account: FakeFormation) -> None:
    account.stacks[DEV] = stack_of(DEV, StackStatus="REVIEW_IN_PROGRESS")

    assert plan(KEYS).before is None


def test_no_question_is_asked_where_there_is_no_terminal(account: FakeFormation) -> None:
    result = run("deploy", "dev")

    assert result.exit_code == 1
    assert "There is no terminal to ask on" in result.stderr
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
def test_a_stack_that_takes_no_update_is_reported_before_anything_is_built(
    account: FakeFormation, status: str, hint: str
) -> None:
    account.stacks[PROD] = stack_of(PROD, StackStatus=status)

    with pytest.raises(Problem, match=status) as raised:
        plan(env="prod")
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    ("state", "words"), [("ALARM", "is in ALARM: ApiFailing"), ("MISSING", "is gone: ApiFailing")]
)
def test_an_alarm_that_would_take_the_deployment_back_is_reported_before_it(
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
        set_alarm("ApiFailing")
    else:
        boto3.client("cloudwatch", region_name=REGION).delete_alarms(AlarmNames=["ApiFailing"])

    with pytest.raises(Problem, match=words) as raised:
        plan(env="prod")
    assert "rollback-alarms --off" in raised.value.hint


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

    parameters = {"TelnyxPublicKey": PUBLIC_KEY, "TelnyxLongCode": "+12025550100", "StoreText": "always"}
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

    assert planned(53).stack.stack_name == "s" * 53
    with pytest.raises(Problem, match="too long for a stack's name by 1 characters"):
        planned(54)


@pytest.mark.parametrize(("have", "warned"), [(170, False), (169, True), (10, True)])
def test_an_account_that_is_too_small_is_reported_before_the_deployment(
    account: FakeFormation, have: int, warned: bool
) -> None:
    answer = {"AccountLimit": {"ConcurrentExecutions": have}}
    with hooked(("before-call.lambda.GetAccountSettings", lambda **_: (Ok(), answer))):
        assert bool(deploy.warning(plan(KEYS))) is warned
        assert bool(deploy.warning(plan(KEYS, parameters={"ConsumerConcurrency": str(max(2, have - 120))}))) is (
            have < 122
        )


def test_sam_works_in_the_region_that_was_looked_at(
    account: FakeFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    made = plan(KEYS)

    assert deploy.variables(made)["AWS_DEFAULT_REGION"] == REGION  # what samconfig.toml says goes first
    there = replace(made, stack=replace(made.settings, region=None).stack())
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

    assert outcome.stack.stack_name == "elsewhere-dev"
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
def test_a_deployment_that_sam_gave_up_is_reported_with_what_it_left(
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
