"""The program `longcode`: its commands, and how it says what went wrong."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from longcode_cli import __version__, problems
from longcode_cli.commands import (
    cancel,
    deploy,
    destroy,
    drift,
    find,
    inbox,
    pause,
    queue,
    redrive,
    republish,
    requeue,
    restore,
    resume,
    rollback_alarms,
    schedule,
    set_parameter,
    status,
    tags,
    watch,
)
from longcode_cli.commands.doctor import command as doctor
from longcode_cli.commands.keys import allow, create, disallow, listing, revoke, rotate
from longcode_cli.commands.optouts import add, dismiss, import_list, review, sync
from longcode_cli.commands.send import command as send
from longcode_cli.commands.smoke import command as smoke
from longcode_cli.commands.webhooks import create as create_webhook
from longcode_cli.commands.webhooks import delete, deliveries, disable, enable, replay
from longcode_cli.commands.webhooks import listing as list_webhooks
from longcode_cli.commands.webhooks import rotate as rotate_webhook
from longcode_cli.stack import capitalized
from longcode_cli.terminal import warn


class OneLineErrors(TyperGroup):
    """A group of commands in which what goes wrong on AWS is one line and exit code 1."""

    # Any: click's context and whatever a command returns.
    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as exc:
            problem = problems.of(exc)
            if problem is None:
                raise
            warn(capitalized(f"{problem} {problem.hint}"))
            raise typer.Exit(1) from exc

    # Any: click's context.
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click hands it over
        """The names in the order of `COMMANDS`."""
        return list(COMMANDS)


_SETTINGS: dict[str, Any] = {
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(
    cls=OneLineErrors,
    help="Operates a Long Code SMS stack: sends files of texts; what became of them, who waits and why, what is "
    "broken; pause, resume, redrive.\n\n"
    "Without --stack they work on the local stack; deploy, rollback-alarms, drift and destroy work on AWS alone.",
    add_completion=False,
    pretty_exceptions_enable=False,
    **_SETTINGS,
)


# Any: a module of a command, which has its function and its examples.
def _group(words: str, commands: dict[str, Any]) -> typer.Typer:
    """A command with commands of its own."""
    made = typer.Typer(help=words, **_SETTINGS)
    for name, module in commands.items():
        made.command(name, epilog=module.EXAMPLES)(module.command)
    return made


optouts = _group(
    "Record who wants no texts, one by one or by whole lists.",
    {"review": review, "add": add, "dismiss": dismiss, "import": import_list, "sync": sync},
)
keys = _group(
    "API keys for programs: what each may do, and whom it may text.",
    {
        "create": create,
        "list": listing,
        "rotate": rotate,
        "revoke": revoke,
        "allow": allow,
        "disallow": disallow,
    },
)
webhooks = _group(
    "Have events delivered to URLs of yours, and see how that goes.",
    {
        "create": create_webhook,
        "list": list_webhooks,
        "rotate": rotate_webhook,
        "enable": enable,
        "disable": disable,
        "delete": delete,
        "deliveries": deliveries,
        "replay": replay,
    },
)

# In the order in which --help lists them.
COMMANDS: dict[str, Any] = {
    "send": send,
    "watch": watch,
    "inbox": inbox,
    "status": status,
    "find": find,
    "queue": queue,
    "schedule": schedule,
    "tags": tags,
    "doctor": doctor,
    "pause": pause,
    "resume": resume,
    "optouts": optouts,
    "keys": keys,
    "webhooks": webhooks,
    "cancel": cancel,
    "redrive": redrive,
    "requeue": requeue,
    "republish": republish,
    "restore": restore,
    "smoke": smoke,
    "deploy": deploy,
    "set": set_parameter,
    "rollback-alarms": rollback_alarms,
    "drift": drift,
    "destroy": destroy,
}
for name, module in COMMANDS.items():
    if isinstance(module, typer.Typer):
        app.add_typer(module, name=name)
    else:
        app.command(name, epilog=module.EXAMPLES)(module.command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"longcode {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The options of the program itself."""


def main() -> None:
    """Run the program with the arguments of this process."""
    app(prog_name="longcode")
