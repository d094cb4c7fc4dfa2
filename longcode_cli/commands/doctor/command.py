"""`longcode doctor`: each thing that a stack depends on is tried, and what is broken says what to do."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.progress import SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from longcode.domain import phone
from longcode_cli import problems, terminal
from longcode_cli.commands.doctor import (
    api,
    carrier_limits,
    clocks,
    deployment,
    provider,
    queues,
    registration,
    sending,
    subscriptions,
    webhooks,
)
from longcode_cli.commands.doctor.case import (
    Case,
    Finding,
    Limit,
    NotApplicable,
    Outcome,
    Skipped,
    State,
    client,
    fail,
)
from longcode_cli.options import ANYWHERE, AsJson, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, now_ms, plain, say, say_json, without_numbers

EXAMPLES = examples(
    "doctor",
    "doctor --to +12025550123",
    "doctor --json --stack long-code-sms-prod --profile ops | jq '.checks[] | select(.state == \"fail\")'",
)

# In the order in which to fix what they find; one that fails never stops the next.
CHECKS: dict[str, Callable[[Case], Outcome]] = {
    **deployment.CHECKS,
    **provider.CHECKS,
    **registration.CHECKS,
    **carrier_limits.CHECKS,
    **api.CHECKS,
    **webhooks.CHECKS,
    **clocks.CHECKS,
    **queues.CHECKS,
    **sending.CHECKS,
    **subscriptions.CHECKS,
}


@stack_options(*ANYWHERE)
def command(
    where: Where,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NUMBER", help="Also say whether this number may be texted.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try all that the stack depends on; say how to fix it.

    Settings, the provider's key, number and profile, its 10DLC campaign and what US carriers take, the API and its
    webhook, clocks, queues, brakes, opt-outs, webhook subscriptions. Nothing is changed, and no text is sent.

    The exit code is 0 if nothing fails (there may be warnings), 1 if something does.
    """
    if to is not None and not phone.is_e164(to):
        raise typer.BadParameter("must be one number in E.164 format, as +12025550123.", param_hint="--to")
    stack = where.open()
    found, limits = _examine(stack, to)
    if as_json:
        say_json(report_json(stack.stack_name, found, limits))
    else:
        say(_table(found))
        say("")
        if limits:
            say(carrier_limits.shown(limits))
            say("")
        say(_verdict(found))
    if any(one.state is State.FAIL for one in found):
        raise typer.Exit(1)


def _examine(stack: Stack, to: str | None) -> tuple[list[Finding], list[Limit]]:
    names = checks(to)
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with client(stack) as http, terminal.progress(*columns, total=len(names)) as show:
        case = Case(stack, http, now_ms, to)

        def looked(name: str) -> Finding | None:
            show(description=f"Looking at {name}")
            found = look(name, case)
            show(advance=1)
            return found

        return [found for name in names if (found := looked(name))], case.limits


def checks(to: str | None) -> list[str]:
    """The names of those that are made, in their order; `to` is a number that is asked after."""
    return [name for name in CHECKS if to is not None or name != "recipient"]


def look(check: str, case: Case) -> Finding | None:
    """Make one check. Whatever happens in it is its finding; None if it does not apply to this stack."""
    try:
        state, found, todo = CHECKS[check](case)
    except NotApplicable:
        return None
    except Skipped as exc:
        return Finding(check, State.SKIPPED, str(exc))
    except Exception as exc:
        problem = problems.of(exc)
        if problem is None:
            # Not its own words, which might hold a number or a key.
            problem = Problem(
                f"The check itself failed ({type(exc).__name__}).", "Report it as a fault of longcode."
            )
        state, found, todo = fail(without_numbers(plain(str(problem)), full=False), problem.hint)
    return Finding(check, state, found, todo)


# ----------------------------------------------------------------------------------------- what is printed

_STATES = {
    State.OK: Text("ok", "green"),
    State.WARN: Text("warn", "yellow"),
    State.FAIL: Text("FAIL", "red"),
    State.SKIPPED: Text("-", "dim"),
}


def _table(found: Sequence[Finding]) -> RenderableType:
    """A row for each check, and what to do below what was found."""
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    # A command in it is to be copied, so that it is folded nowhere but at the edge.
    table.add_column(overflow="fold")
    for one in found:
        words = Text(one.found, "dim" if one.state is State.SKIPPED else "")
        if one.todo:
            words.append(f"\n→ {one.todo}", "bold")
        table.add_row(_STATES[one.state], one.check, words)
    return table


# Any: JSON.
def report_json(stack: str, found: Sequence[Finding], limits: Sequence[Limit]) -> dict[str, Any]:
    """The same for a script. `healthy`: nothing fails; there may be warnings. `limits` are US carriers'."""
    return {
        "stack": stack,
        "healthy": all(one.state is not State.FAIL for one in found),
        "checks": [
            {"check": one.check, "state": one.state, "found": one.found, "todo": one.todo or None} for one in found
        ],
        "carrier_limits": carrier_limits.shown_json(limits),
    }


def _verdict(found: Sequence[Finding]) -> str:
    """All of it in a sentence."""
    many = {state: sum(one.state is state for one in found) for state in State}
    rest = [
        f"{many[state]} {word}"
        for state, word in (
            (State.FAIL, "failed"),
            (State.WARN, "to be looked at"),
            (State.SKIPPED, "could not be made"),
        )
        if many[state]
    ]
    checks = count(len(found), "check")
    return f"All of {checks} are well." if not rest else f"Of {checks} {', '.join(rest)}."
