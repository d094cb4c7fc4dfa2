"""`longcode smoke`: proves a deployed stack end to end with two real texts."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

from longcode.domain import phone
from longcode_cli.api import http_of
from longcode_cli.commands.smoke.run import Left, Smoke, Step
from longcode_cli.options import ANYWHERE_OR_ENV, AsJson, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import capitalized
from longcode_cli.terminal import ask, plain, say, say_json, spinner, without_numbers

EXAMPLES = examples(
    "smoke",
    "smoke --to +12025550123 --env dev",
    "smoke --to +12025550123 --stack long-code-sms-prod --yes --json",
)

# The simulated provider delivers to it, and no other program texts it.
EXAMPLE_NUMBER = "+12025550119"


@stack_options(*ANYWHERE_OR_ENV)
def command(
    where: Where,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="NUMBER",
            help="Whom to text: a second number of yours. The local stack has an example number for it.",
        ),
    ] = None,
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long the texts may take to arrive.")
    ] = 120,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before sending.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prove a deployed stack end to end with two real texts.

    They go to a number of yours. What it sends is erased afterwards, unless there are other messages with that
    number.
    """
    stack = where.open()
    number = _number(to, on_this_machine=stack.local is not None, sender=stack.sender)
    if stack.local is None and not yes:
        ask(
            f"This sends two texts from {phone.mask(stack.sender)} to {phone.mask(number)}. The provider bills "
            "them. Go on?"
        )
    with http_of(stack) as api:
        run = Smoke(stack, api, number, patience, watched=spinner)
        steps = run.run(lambda step: None if as_json else say(_line(step)))
    if as_json:
        say_json(_report_json(steps, run.left, stack.name))
    else:
        say(_report(steps, run.left, stack.name))
    if not all(step.ok for step in steps):
        raise typer.Exit(1)


def _number(given: str | None, *, on_this_machine: bool, sender: str) -> str:
    """The number to text. Raises Problem where there is none, where it is no number, or it is the sender's."""
    if given is None:
        if on_this_machine:
            return EXAMPLE_NUMBER
        raise Problem(
            "Which number shall be texted?",
            "Give a second Telnyx number of yours: --to +12025550123, or make smoke TO=+12025550123.",
        )
    if not phone.is_e164(given):
        raise Problem("--to must be one number in E.164 format, as +12025550100.", "Nothing was sent.")
    if given == sender:
        raise Problem("--to is the number that texts leave from.", "Give a second number of yours.")
    return given


def _line(made: Step) -> RenderableType:
    """A step as a line, and if it failed what to do on another."""
    line = Text.assemble(("✓ ", "green") if made.ok else ("✗ ", "red"), made.name)
    if made.said:
        line.append(f": {plain(without_numbers(made.said, full=False))}")
    line.append(f" {made.took_s:.1f} s", "dim")
    if made.hint:
        line.append(f"\n  What to do: {made.hint}", "yellow")
    return line


def _report(steps: Sequence[Step], left: Left | None, where: str) -> RenderableType:
    """What a smoke test comes to, and what it left behind."""
    failed = [made.name for made in steps if not made.ok]
    verdict = f"{capitalized(where)} works: {len(steps)} steps, two texts."
    if failed:
        verdict = f"{capitalized(where)} does not pass: {', '.join(failed)}."
    words = Text(verdict, "red" if failed else "green")
    if left:
        words.append(f"\nThese stay until RetentionDays are over: {', '.join(left.ids)}.", "default")
        words.append("\nDELETE /sms/recipients/{number} erases everything with that number.", "default")
    return words


# Any: JSON.
def _report_json(steps: Sequence[Step], left: Left | None, where: str) -> dict[str, Any]:
    """The same for a script; durations in seconds."""
    return {
        "stack": where,
        "ok": all(made.ok for made in steps),
        "steps": [
            {
                "name": made.name,
                "ok": made.ok,
                "took_s": round(made.took_s, 3),
                "said": without_numbers(made.said, full=False),
                "hint": made.hint or None,
            }
            for made in steps
        ],
        "left": left.ids if left else [],
        "left_because": left.why if left else None,
    }
