"""The options that name a stack, declared once for all commands."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from longcode.domain.message import epoch_ms
from longcode.domain.priority import Priority
from longcode_cli import samconfig, stack
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
OfPriority = Annotated[
    Priority | None,
    typer.Option("--priority", help="Only the texts of this priority; the others stay as they are."),
]
Full = Annotated[bool, typer.Option("--full", help="Show whole phone numbers.")]

_ENV = Annotated[
    str | None,
    typer.Option("--env", metavar="dev|prod", help="The stack of make deploy ENV=…, where samconfig.toml has it."),
]
_NAME = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        envvar="LONGCODE_STACK",
        help="A CloudFormation stack on AWS; without it, the one of this machine.",
    ),
]
_PROFILE = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="The AWS profile for --stack.")]
_REGION = Annotated[str | None, typer.Option("--region", metavar="NAME", help="The AWS region for --stack.")]
_HOME = Annotated[
    Path | None, typer.Option("--dir", metavar="PATH", help="The directory of the local stack.  [default: .local]")
]
_OPTIONS = {"env": _ENV, "stack_name": _NAME, "profile": _PROFILE, "region": _REGION, "home": _HOME}

# What a command takes: the stack of this machine or one on AWS; the same, also by --env; or only one on AWS.
ANYWHERE = ("stack_name", "profile", "region", "home")
ANYWHERE_OR_ENV = ("env", *ANYWHERE)
ON_AWS = ("env", "stack_name", "profile", "region")


@dataclass(frozen=True, slots=True)
class Where:
    """Which stack a person asked for."""

    env: str | None = None
    stack_name: str | None = None
    profile: str | None = None
    region: str | None = None
    home: Path | None = None

    def open(self) -> Stack:
        """The stack. Raises Problem if it is not there, or not one of this service."""
        return self.stack().complete()

    def stack(self) -> Stack:
        """The stack, whether it is there or not. Raises Problem if no local one was started."""
        if self.env is not None:
            if self.home is not None:
                raise typer.BadParameter("--dir is for the local stack, --env for one on AWS: give one of them.")
            return samconfig.load(self.env).stack(self.profile, self.region)
        if self.stack_name is None:
            if self.profile or self.region:
                raise typer.BadParameter("--profile and --region go with --stack (or LONGCODE_STACK).")
            return stack.on_this_machine(self.home)
        if self.home is not None:
            raise typer.BadParameter(
                "--dir is for the local stack, --stack (or LONGCODE_STACK) for one on AWS: give one of them."
            )
        return stack.on_aws(self.stack_name, self.profile, self.region)

    def on_aws(self) -> Stack:
        """The same. Raises Problem if neither --env nor --stack was given."""
        if self.env is None and self.stack_name is None:
            raise Problem(
                "Which stack on AWS?",
                "--env dev, --env prod or --stack NAME. This command has no use for a local one.",
            )
        return self.stack()


# Any: a command takes whatever options it declares.
def stack_options(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options `names`, in place of `where`, its first parameter."""

    def declare(command: Callable[..., None]) -> Callable[..., None]:
        declared = inspect.signature(command, eval_str=True)
        _, *own = declared.parameters.values()
        parameters = [
            *own,
            *(
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_OPTIONS[name])
                for name in names
            ),
        ]

        @wraps(command)
        def with_where(**given: Any) -> None:
            where = Where(**{name: given.pop(name) for name in names})
            command(where, **given)

        # typer reads these two.
        with_where.__signature__ = declared.replace(parameters=parameters)  # type: ignore[attr-defined]
        with_where.__annotations__ = {one.name: one.annotation for one in parameters}
        return with_where

    return declare


def moment(text: str, option: str) -> int:
    """A time that says of which zone it is, as epoch milliseconds."""
    found = epoch_ms(text)
    if found is None or not re.search(r"(Z|[+-]\d\d:?\d\d)$", text, re.ASCII):
        raise typer.BadParameter("must be a time with its zone, as 2026-11-23T15:48:14Z.", param_hint=option)
    return found


def examples(*lines: str) -> str:
    """The examples below a command's help."""
    # \b keeps click from filling the lines.
    return "\b\nExamples:\n" + "\n".join(f"  longcode {line}" for line in lines)
