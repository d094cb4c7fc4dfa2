"""`longcode deploy`: asks the first time, keeps every answer, shows the change set, sets rollback on alarm."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Group, RenderableType
from rich.text import Text

from longcode_cli import checkout, concurrency, rollback, samconfig, template
from longcode_cli.options import examples
from longcode_cli.parameters import refused
from longcode_cli.problems import Problem
from longcode_cli.samconfig import Settings
from longcode_cli.stack import Stack, outputs_of, parameters_of, tags_of
from longcode_cli.terminal import say, warn

EXAMPLES = examples("deploy dev", "deploy prod --guided", "deploy prod --yes")

# Where there is no terminal to ask on, as in CI. The names are those of the example that this service follows.
FROM_ENVIRONMENT = {
    "TELNYX_API_KEY": "TelnyxApiKey",
    "TELNYX_PUBLIC_KEY": "TelnyxPublicKey",
    "TELNYX_LONG_CODE": "TelnyxLongCode",
    "WEBHOOK_URL": "WebhookUrl",
}

_NEVER_CAME_UP = (
    "Its first deployment failed, and it takes no update: make destroy, then deploy again. A messages table that "
    "it made stays, empty, protected and unused by the next one: make destroy names it, with the commands that "
    "delete it."
)
# The longest name of a function, which begins with it, is <stack>-recipients, and has 64 characters at most.
NAME_MOST = 53
_STUCK = {
    "ROLLBACK_COMPLETE": _NEVER_CAME_UP,
    "ROLLBACK_FAILED": _NEVER_CAME_UP,
    "CREATE_FAILED": _NEVER_CAME_UP,
    "DELETE_FAILED": "Its deletion did not come to an end: make destroy again.",
    "UPDATE_ROLLBACK_FAILED": "aws cloudformation continue-update-rollback first; its events say what failed.",
}


def command(
    env: Annotated[str, typer.Argument(metavar="dev|prod", help="Which of the stacks in samconfig.toml.")],
    guided: Annotated[
        bool, typer.Option("--guided", help="Ask for every parameter, as the first deployment does anyway.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            help=f"Ask nothing, as in CI. Takes {', '.join(FROM_ENVIRONMENT)} from the environment.",
        ),
    ] = False,
    architecture: Annotated[str, typer.Option(metavar="NAME", help="arm64 or x86_64.")] = "arm64",
) -> None:
    """Build and deploy to AWS with SAM. Shows the change set, asks, has CloudFormation watch the alarms.

    A parameter that is not given keeps the value that the stack has. make deploy ENV=dev is the same.
    """
    checkout.needed_for("longcode deploy")
    made = plan(samconfig.load(env), guided=guided, yes=yes, architecture=architecture, environment=os.environ)
    if made.taken:
        warn(f"From the environment: {', '.join(made.taken)}.")
    if words := warning(made):
        warn(Text(words, "yellow"))
    if code := run(made):
        warn(f"sam ended with {code}. {failed(made)}")
        raise typer.Exit(code)
    say(_report(finish(made), env))


def _report(outcome: "Outcome", env: str) -> RenderableType:
    """What a deployment came to, and what to do next."""
    verdict = "is deployed." if outcome.changed else "is as it was: nothing changed, or you did not agree."
    key = outcome.outputs.get("ApiKeyId", "<ApiKeyId>")
    region = outcome.stack.region
    return Group(
        f"{outcome.stack.title} {verdict}",
        "",
        outcome.alarms,
        "",
        "Next: all it depends on, the key of the API, the proof that it works (TO is a second number of yours).",
        f"  ./longcode doctor --stack {outcome.stack.stack_name} --region {region}",
        f"  aws apigateway get-api-key --include-value --query value --region {region} --api-key {key}",
        f"  make smoke ENV={env} TO=+1…",
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What one deployment is about to do. `taken`: the parameters that come from the environment."""

    settings: Settings
    stack: Stack
    guided: bool
    yes: bool
    architecture: str
    parameters: dict[str, str]
    tags: dict[str, str]
    taken: tuple[str, ...]
    # Any: the stack as it is now, as DescribeStacks returns it; None before the first deployment.
    before: dict[str, Any] | None


def plan(
    settings: Settings, *, guided: bool, yes: bool, architecture: str, environment: Mapping[str, str]
) -> Plan:
    """Look at the account and say what a deployment would do. Raises Problem where it could not end well."""
    if guided and yes:
        raise Problem("GUIDED=1 asks, YES=1 does not.", "Give one of them.")
    if not yes and not sys.stdin.isatty():
        raise Problem("There is no terminal to ask on.", "YES=1 deploys without asking: see docs/deploy.md.")
    stack = settings.stack()
    before = stack.find()
    _check_name(stack.stack_name)
    if before and before["StackStatus"] == "REVIEW_IN_PROGRESS":
        # A change set that was never agreed to: there is nothing behind it.
        before = None
    if before:
        _refuse(stack, before)
    taken = _taken(environment) if yes else {}
    parameters = settings.parameters | {"Architecture": architecture, "Environment": settings.env} | taken
    if yes and before is None:
        _require(parameters)
    if wrong := refused(parameters, parameters_of(before or {})):
        raise Problem(wrong, "No function would start with it.")
    return Plan(
        settings=settings,
        stack=stack,
        guided=guided or (before is None and not yes),
        yes=yes,
        architecture=architecture,
        parameters=parameters,
        tags=settings.tags | _kept_tags(before),
        taken=tuple(taken),
        before=before,
    )


def _taken(environment: Mapping[str, str]) -> dict[str, str]:
    """The parameters that the environment has."""
    return {parameter: environment[name] for name, parameter in FROM_ENVIRONMENT.items() if environment.get(name)}


def _kept_tags(before: dict[str, Any] | None) -> dict[str, str]:
    """Ours among the stack's tags: sam deploy puts its own in the place of all that there are."""
    return {name: value for name, value in tags_of(before or {}).items() if name == rollback.TAG}


def _check_name(stack_name: str) -> None:
    if (over := len(stack_name) - NAME_MOST) > 0:
        raise Problem(
            f"{stack_name} is too long for a stack's name by {over} characters.",
            "Its functions are named after it, and theirs have 64 at most. Set another one in samconfig.toml.",
        )


def warning(made: Plan) -> str | None:
    """What the account is too small for, in sentences; nothing where it can't be seen either."""
    before = parameters_of(made.before or {})
    try:
        have = concurrency.limit(made.stack.client("lambda"))
    except (BotoCoreError, ClientError):
        # lambda:GetAccountSettings is nothing that a deployment needs.
        return None
    found = concurrency.short(have, before | made.parameters)
    return " ".join(found) if found else None


def _refuse(stack: Stack, before: dict[str, Any]) -> None:
    status = before["StackStatus"]
    if status in _STUCK:
        raise Problem(f"{stack.name} is {status}.", _STUCK[status])
    if status.endswith("_IN_PROGRESS"):
        raise Problem(
            f"{stack.name} is {status}: a deployment runs, or CloudFormation still watches after the last one.",
            "Wait for its end: aws cloudformation describe-stack-events says what it does.",
        )
    rollback.refuse_in_alarm(stack, before)


def _require(parameters: Mapping[str, str]) -> None:
    missing = [name for name in template.required_parameters() if not parameters.get(name)]
    if missing:
        variables = {parameter: name for name, parameter in FROM_ENVIRONMENT.items()}
        named = ", ".join(variables.get(name, name) for name in missing)
        raise Problem(
            f"The first deployment needs {named}.", "Set them in the environment, or leave YES=1 out to be asked."
        )


def run(made: Plan) -> int:
    """Build and deploy with SAM, on this terminal. Answers SAM's exit code."""
    root = checkout.needed_for("longcode deploy")
    environment = os.environ | variables(made)
    built = _sam(root, ["build", "--parameter-overrides", f"Architecture={made.architecture}"], environment)
    if built:
        return built
    # Where `sam build` puts what `sam deploy` takes.
    release = release_of(made, root / ".aws-sam" / "build", datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="longcode-deploy-") as private:
        # A file that only this user can read: an argument would show the key in `ps`. JSON is YAML.
        values = Path(private) / "parameters.yaml"
        with os.fdopen(os.open(values, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made.parameters | {"Release": release}, file)
        return _sam(root, arguments(made, values), environment)


def release_of(made: Plan, built: Path, now: datetime) -> str:
    """What to call this build with these parameters: as the stack calls it, if it is what the stack runs.

    Otherwise it is a new name even if such a build was deployed before: a version of a function that was published
    for it and taken back may still be there, and Lambda publishes the same one only once.
    """
    values = template.defaults() | parameters_of(made.before or {}) | made.parameters
    running = values.pop("Release", "")
    # It is in no function's settings, and a hash of it would be published with the release.
    values.pop("TelnyxApiKey", None)
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    root_template = built / "template.yaml"
    for file in sorted(path for path in built.rglob("*") if path.is_file()):
        # The dashboard and the alarms, a template in the template, are no part of any function.
        if file == root_template or file.name != root_template.name:
            digest.update(f"{file.relative_to(built)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    name = digest.hexdigest()[:12]
    # The answers of a guided deployment are not known yet.
    if running.endswith(name) and not made.guided:
        return str(running)
    # Ten digits, which are all that SAM looks at.
    return f"{now.timestamp():.0f}{name}"


def variables(made: Plan) -> dict[str, str]:
    """What SAM needs in its environment, besides the person's own."""
    found = {
        "ARCHITECTURE": made.architecture,
        "PYTHON": sys.executable,
        "UV": os.environ.get("UV") or shutil.which("uv") or str(Path(sys.executable).with_name("uv")),
        "SAM_CLI_TELEMETRY": os.environ.get("SAM_CLI_TELEMETRY", "0"),
    }
    if region := made.stack.session.region_name:
        # SAM ignores AWS_REGION, which may have led us there.
        found["AWS_DEFAULT_REGION"] = region
    return found


def arguments(made: Plan, values: Path) -> list[str]:
    """What `sam` is called with; `values` is the file with the parameters."""
    found = ["deploy", "--config-env", made.settings.section, "--parameter-overrides", f"file://{values}"]
    if made.tags:
        found += ["--tags", *(f"{name}={value}" for name, value in made.tags.items())]
    if made.guided:
        found.append("--guided")
    if made.yes:
        found.append("--no-confirm-changeset")
    return found


def _sam(root: Path, words: list[str], environment: Mapping[str, str]) -> int:
    sam = root / ".local" / "venv-sam" / "bin" / "sam"
    if not sam.exists():
        raise Problem("The SAM CLI is not installed.", "make install")
    return subprocess.run([sam, *words], cwd=root, env=environment, check=False).returncode  # noqa: S603


def failed(made: Plan) -> str:
    """In what state a deployment that SAM gave up has left the stack, and what to do, in sentences."""
    found = made.stack.find()
    status = found["StackStatus"] if found else "REVIEW_IN_PROGRESS"
    name = made.stack.title
    if status == "REVIEW_IN_PROGRESS":
        return f"{name} was not deployed."
    if status in _STUCK:
        return f"{name} is {status}. {_STUCK[status]}"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return (
            f"{name} has gone back to what ran before; the events above say what failed, or which alarm went off."
        )
    return f"{name} is {status}."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deployment came to. `alarms` is what became of rollback on alarm, in a sentence."""

    stack: Stack
    changed: bool
    outputs: dict[str, str]
    alarms: str


def finish(made: Plan) -> Outcome:
    """Look at what SAM left, and have its alarms watched from now on. Raises Problem if it came to nothing."""
    # A guided deployment may have put the stack elsewhere, which the file then says.
    stack = samconfig.load(made.settings.env, made.settings.file).stack()
    found = stack.find()
    if found is None or found["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise Problem("Nothing was deployed.", "make deploy asks again.")
    changed = _when(found) != _when(made.before or {})
    minutes = rollback.WATCH_MINUTES[made.settings.env]
    return Outcome(stack, changed, outputs_of(found), rollback.watch(stack, found, minutes))


def _when(described: Mapping[str, Any]) -> Any:
    return described.get("LastUpdatedTime") or described.get("CreationTime")
