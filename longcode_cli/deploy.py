"""Deploys the service: asks the first time, keeps every answer, shows the change set, sets rollback on alarm."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from devtools.local_stack import sam_template
from longcode.domain import destinations
from longcode.telnyx import signature
from longcode_cli import ROOT, concurrency, rollback, samconfig
from longcode_cli.problems import Problem
from longcode_cli.rollback import Watch
from longcode_cli.samconfig import Settings
from longcode_cli.site import Site, outputs_of, stack_at

SAM = ROOT / ".local" / "venv-sam" / "bin" / "sam"
TEMPLATE = ROOT / "template.yaml"
# Where `sam build` puts what `sam deploy` takes.
BUILT = ROOT / ".aws-sam" / "build"

# Where nobody is there to be asked, as in CI. The names are those of the example that this service follows.
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What one deployment is about to do. `taken`: the parameters that come from the environment."""

    settings: Settings
    place: Site
    guided: bool
    yes: bool
    architecture: str
    parameters: dict[str, str]
    tags: dict[str, str]
    taken: tuple[str, ...]
    # Any: the stack as it is now, as DescribeStacks tells of it; None before the first deployment.
    before: dict[str, Any] | None


def plan(
    settings: Settings, *, guided: bool, yes: bool, architecture: str, environment: Mapping[str, str]
) -> Plan:
    """Look at the account and say what a deployment would do. Raises Problem where it could not end well."""
    if guided and yes:
        raise Problem("GUIDED=1 asks, YES=1 does not.", "Give one of them.")
    if not yes and not sys.stdin.isatty():
        raise Problem("Nobody is there to be asked.", "YES=1 deploys without asking: see docs/deploy.md.")
    place = settings.place()
    stack = stack_at(place)
    _check_name(place.stack_name)
    if stack and stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        # A change set that nobody has agreed to yet: there is nothing behind it.
        stack = None
    if stack:
        _refuse(place, stack)
    parameters = settings.parameters | {"Architecture": architecture, "Environment": settings.env}
    taken: dict[str, str] = {}
    if yes:
        taken = {
            parameter: environment[name] for name, parameter in FROM_ENVIRONMENT.items() if environment.get(name)
        }
        parameters |= taken
        if stack is None:
            _require(parameters)
    _check(parameters)
    tags = dict(settings.tags)
    if stack:
        # sam deploy puts its own tags in the place of all that there are.
        tags |= {row["Key"]: row["Value"] for row in stack.get("Tags", []) if row["Key"] == rollback.TAG}
    return Plan(
        settings,
        place,
        guided or (stack is None and not yes),
        yes,
        architecture,
        parameters,
        tags,
        tuple(taken),
        stack,
    )


def _check_name(stack_name: str) -> None:
    if (over := len(stack_name) - NAME_MOST) > 0:
        raise Problem(
            f"{stack_name} is too long for a stack's name by {over} characters.",
            "Its functions are named after it, and theirs have 64 at most. Set another one in samconfig.toml.",
        )


def warning(made: Plan) -> str | None:
    """What the account is too small for, in sentences; nothing where it can't be seen either."""
    before = {row["ParameterKey"]: row["ParameterValue"] for row in (made.before or {}).get("Parameters", [])}
    try:
        have = concurrency.limit(made.place.client("lambda"))
    except (BotoCoreError, ClientError):
        # lambda:GetAccountSettings is nothing that a deployment needs.
        return None
    found = concurrency.short(have, before | made.parameters)
    return " ".join(found) if found else None


def _refuse(place: Site, stack: dict[str, Any]) -> None:
    status = stack["StackStatus"]
    if status in _STUCK:
        raise Problem(f"{place.name} is {status}.", _STUCK[status])
    if status.endswith("_IN_PROGRESS"):
        raise Problem(
            f"{place.name} is {status}: somebody deploys, or CloudFormation still watches after the last time.",
            "Wait for its end: aws cloudformation describe-stack-events says what it does.",
        )
    rollback.refuse_if_ringing(place, stack)


def _check(parameters: Mapping[str, str]) -> None:
    """Refuse what the template's patterns let through and no function would start with."""
    ranges = filter(None, map(str.strip, parameters.get("WebhookSourceRange", "").split(",")))
    read: list[tuple[str, str, Callable[[str], object]]] = [
        *(("WebhookSourceRange", one, signature.source_range) for one in ranges),
    ]
    if listed := parameters.get("AllowedDestinations", "").strip():
        read.append(("AllowedDestinations", listed, destinations.parse))
    for name, value, parse in read:
        try:
            parse(value)
        except ValueError as exc:
            raise Problem(f"{name} can't be {value!r}: {exc}.", "No function would start with it.") from exc


def _require(parameters: Mapping[str, str]) -> None:
    declared = sam_template.load(TEMPLATE)["Parameters"]
    missing = [name for name, row in declared.items() if "Default" not in row and not parameters.get(name)]
    if missing:
        variables = {parameter: name for name, parameter in FROM_ENVIRONMENT.items()}
        named = ", ".join(variables.get(name, name) for name in missing)
        raise Problem(
            f"The first deployment needs {named}.", "Set them in the environment, or leave YES=1 out to be asked."
        )


def run(made: Plan) -> int:
    """Build and deploy with SAM, on this terminal. Answers SAM's exit code."""
    if not SAM.exists():
        raise Problem("The SAM CLI is not installed.", "make install")
    environment = os.environ | variables(made)
    built = _sam(["build", "--parameter-overrides", f"Architecture={made.architecture}"], environment)
    if built:
        return built
    parameters = made.parameters | {"Release": release_of(made, BUILT, datetime.now(UTC))}
    with tempfile.TemporaryDirectory(prefix="longcode-deploy-") as private:
        # A file that is nobody else's to read: an argument would show the key in `ps`. JSON is YAML.
        values = Path(private) / "parameters.yaml"
        with os.fdopen(os.open(values, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(parameters, file)
        return _sam(arguments(made, values), environment)


def release_of(made: Plan, built: Path, now: datetime) -> str:
    """What to call this build with these parameters: as the stack calls it, if it is what the stack runs.

    Otherwise it is a new name even if such a build was deployed before: a version of a function that was published
    for it and taken back may still be there, and Lambda publishes the same one only once.
    """
    before = made.before or {}
    declared = sam_template.load(TEMPLATE)["Parameters"]
    values = {name: str(row["Default"]) for name, row in declared.items() if "Default" in row}
    values |= {
        row["ParameterKey"]: row["ParameterValue"] for row in before.get("Parameters", [])
    } | made.parameters
    running = values.pop("Release", "")
    # It is in no function's settings, and a hash of it would be told with the release.
    values.pop("TelnyxApiKey", None)
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    template = built / "template.yaml"
    for file in sorted(path for path in built.rglob("*") if path.is_file()):
        # The dashboard and the alarms, a template in the template, are no part of any function.
        if file == template or file.name != template.name:
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
    if region := made.place.session.region_name:
        # It does not heed AWS_REGION, which may have led us there.
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


def _sam(words: list[str], environment: Mapping[str, str]) -> int:
    return subprocess.run([SAM, *words], cwd=ROOT, env=environment, check=False).returncode  # noqa: S603


def failed(made: Plan) -> str:
    """In what state a deployment that SAM gave up has left the stack, and what to do, in sentences."""
    stack = stack_at(made.place)
    status = stack["StackStatus"] if stack else "REVIEW_IN_PROGRESS"
    name = f"{made.place.name[:1].upper()}{made.place.name[1:]}"
    if status == "REVIEW_IN_PROGRESS":
        return f"{name} was not deployed."
    if status in _STUCK:
        return f"{name} is {status}. {_STUCK[status]}"
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"{name} has gone back to what ran before; the events above say what failed, or which alarm rang."
    return f"{name} is {status}."


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deployment came to. `alarms` is what became of rollback on alarm, in a sentence."""

    place: Site
    changed: bool
    outputs: dict[str, str]
    alarms: str


def finish(made: Plan) -> Outcome:
    """Look at what SAM left, and have its alarms watched from now on. Raises Problem if it came to nothing."""
    # A guided deployment may have put the stack elsewhere, which the file then says.
    place = samconfig.load(made.settings.env, made.settings.file).place()
    stack = stack_at(place)
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        raise Problem("Nothing was deployed.", "make deploy asks again.")
    before = made.before or {}
    changed = _when(stack) != _when(before)
    minutes = rollback.WATCH_MINUTES[made.settings.env]
    return Outcome(place, changed, outputs_of(stack), watch(place, stack, minutes))


def _when(stack: Mapping[str, Any]) -> Any:
    return stack.get("LastUpdatedTime") or stack.get("CreationTime")


def watch(place: Site, stack: dict[str, Any], minutes: int, *, exactly: bool = False) -> str:
    """See that CloudFormation watches the stack's alarms; what came of it, in sentences.

    For how many minutes may be somebody's own choice already, which stays unless this one is `exactly` so.
    """
    want, have = rollback.wanted(stack, minutes), rollback.saved(stack)
    if not want.alarms:
        return "Rollback on alarm: the stack has no alarms to watch. Is it on an emulator?"
    if want == have or (want.alarms == have.alarms and not exactly):
        return f"Rollback on alarm: {watched(have)}"
    found = rollback.states(place, want.alarms)
    loud = [rollback.name_of(arn) for arn, state in found.items() if state in ("ALARM", "MISSING")]
    if loud:
        return (
            f"Rollback on alarm is not set, as {', '.join(loud)} rings or is gone. "
            "Once that is over: longcode rollback-alarms."
        )
    rollback.put(place, stack, want)
    after = f" It watches for {minutes} minutes now, and takes no other update until then." if minutes else ""
    return f"Rollback on alarm is being set: {watched(want)}{after}"


def watched(found: Watch) -> str:
    """What CloudFormation does with these alarms."""
    names = ", ".join(rollback.name_of(arn) for arn in found.alarms)
    after = f" and for {found.minutes} minutes after it" if found.minutes else ""
    return f"CloudFormation watches {names} during each update{after}, and takes it back if one rings."
