"""`longcode rollback-alarms`: which alarms make CloudFormation take an update back."""

from collections.abc import Mapping
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from longcode_cli import rollback, terminal
from longcode_cli.commands.destroy import is_prod
from longcode_cli.options import ON_AWS, Where, examples, stack_options
from longcode_cli.terminal import say

EXAMPLES = examples("rollback-alarms --env prod", "rollback-alarms --env prod --off", "rollback-alarms --env dev")


@stack_options(*ON_AWS)
def command(
    where: Where,
    off: Annotated[
        bool, typer.Option("--off", help="Watch none, until the next deployment sets them again.")
    ] = False,
    minutes: Annotated[
        int | None,
        typer.Option(
            min=0, max=180, metavar="N", help="Watch for so long after an update.  [prod: 10, others: 0]"
        ),
    ] = None,
) -> None:
    """Which alarms make CloudFormation take an update back. Sets those of the stack where it watches others."""
    stack = where.on_aws()
    found = stack.describe()
    have = rollback.saved(found)
    if off:
        if not have.alarms:
            say("CloudFormation watches no alarm.")
            return
        rollback.put(stack, found, rollback.Watch((), 0))
        say("From now on CloudFormation watches no alarm, until the next deployment sets them again.")
        return
    default = rollback.WATCH_MINUTES["prod" if is_prod(stack, found) else "dev"]
    say(rollback.watch(stack, found, default if minutes is None else minutes, exactly=minutes is not None))
    if have.alarms:
        say(_table(rollback.states(stack, have.alarms)))


def _table(states: Mapping[str, str]) -> RenderableType:
    """The alarms that are watched, and how each stands."""
    table = terminal.table("alarm", "is")
    for arn, state in states.items():
        table.add_row(rollback.name_of(arn), Text(state, "" if state == "OK" else "yellow"))
    return table
