"""The stack itself: its state, its functions' settings, and what the account lets run side by side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from longcode.domain.errors import ConfigurationError
from longcode.entrypoints.config import Settings
from longcode_cli import concurrency, template
from longcode_cli.commands.doctor.case import Case, Outcome, fail, ok, warn
from longcode_cli.stack import ALIAS

_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_ROLLED_BACK = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
_BACK_BY_HAND = (
    "CloudFormation does not see an alias that was moved by hand, and a deployment without a change leaves it: "
    "set a parameter to another value and back."
)


def _stack(case: Case) -> Outcome:
    status = case.stack.status
    if status in _SETTLED:
        return ok(status)
    if status in _ROLLED_BACK:
        return warn(
            f"{status}: the last deployment failed, and the one before it is back.",
            "CloudFormation's events of the stack say why; fix that and deploy again: " + case.redeploy,
        )
    if status.endswith("_IN_PROGRESS"):
        return warn(f"{status}: a deployment is under way.", "Wait for its end and run the doctor again.")
    return fail(
        status,
        "CloudFormation's events of the stack say why; fix that and deploy again: " + case.redeploy,
    )


@dataclass(slots=True)
class _Settings:
    """What is wrong with the settings of functions, by what it is: the functions."""

    invalid: dict[str, list[str]] = field(default_factory=dict)
    other: dict[str, list[str]] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


def _settings(case: Case) -> Outcome:
    functions = sorted(template.functions() & case.resources.keys())
    if not functions:
        return fail("The stack has no functions.", f"Deploy it to its end: {case.redeploy}")
    found = _read(case, functions)
    if found.invalid:
        return fail(
            " ".join(f"{_some(names)}: {what}." for what, names in found.invalid.items()),
            f"They do not start. Fix these parameters: {case.redeploy}. {_BACK_BY_HAND}",
        )
    if found.other:
        return fail(
            " ".join(f"{_some(names)}: {name} is not the stack's own." for name, names in found.other.items()),
            "A parameter that was changed without make deploy reaches no function: "
            f"{case.redeploy}. {_BACK_BY_HAND}",
        )
    if found.waiting:
        return fail(
            f"{_some(found.waiting)}: what was deployed last is not what is called.",
            f"It was deployed without another value of the parameter Release: {case.redeploy}. {_BACK_BY_HAND}",
        )
    return ok(f"{len(functions)} functions, valid, and as the stack's parameters say")


def _read(case: Case, functions: Iterable[str]) -> _Settings:
    """The settings of each function that is called, against what they have to be."""
    found, client = _Settings(), case.stack.client("lambda")
    for logical_id in functions:
        name = case.resources[logical_id]
        deployed = client.get_function_configuration(FunctionName=name, Qualifier=ALIAS)
        env = deployed.get("Environment", {}).get("Variables", {})
        short = name.removeprefix(f"{case.stack.stack_name}-")
        if _content(deployed) != _content(client.get_function_configuration(FunctionName=name)):
            found.waiting.append(short)
        try:
            settings = Settings.from_env(env)
            if logical_id == "ConsumerFunction":
                case.settings = settings
        except ConfigurationError as exc:
            found.invalid.setdefault("; ".join(exc.problems), []).append(short)
        for variable, value in _wanted(case, logical_id).items():
            if env.get(variable) != value:
                found.other.setdefault(variable, []).append(short)
    return found


# Any: a function's configuration, as Lambda returns it.
def _content(configuration: Any) -> object:
    """What a version of a function consists of, as far as an invocation can tell."""
    layers = [layer["Arn"] for layer in configuration.get("Layers", [])]
    return configuration.get("CodeSha256"), layers, configuration.get("Environment")


def _wanted(case: Case, function: str) -> dict[str, str]:
    """What each function's environment has to hold, where the template takes it from the stack."""
    known = {**case.resources, **case.stack.parameters}
    return {name: known[ref] for name, ref in template.variables(function).items() if ref in known}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _concurrency(case: Case) -> Outcome:
    have = concurrency.limit(case.stack.client("lambda"))
    found = concurrency.short(have, case.stack.parameters)
    if found:
        return warn(*found)
    return ok(f"the account may run {have:,} functions side by side")


CHECKS = {"stack": _stack, "settings": _settings, "concurrency": _concurrency}
