"""The command line of the local stack."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import stack as stacks
from .layout import Layout
from .problems import LocalError, last_lines
from .progress import ConsoleProgress

app = typer.Typer(
    help="The whole service on this machine: real template, emulated AWS, simulated carrier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
console = Console(highlight=False, soft_wrap=True)
complaints = Console(stderr=True, highlight=False, soft_wrap=True)

Home = Annotated[
    Path | None,
    typer.Option("--dir", help="The stack's directory; another one is another, independent stack.  [.local]"),
]


def main() -> None:
    """Run a command; say what failed, what the log said last, and what to do."""
    try:
        app()
    except LocalError as exc:
        complaints.print(f"\n[red bold]{exc}[/red bold]")
        for line in last_lines(exc.log):
            complaints.print(f"  {line}", style="dim", markup=False)
        if exc.log:
            complaints.print(f"The whole log: {exc.log}", markup=False)
        if exc.hint:
            complaints.print(f"What to do: {exc.hint}", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def parse_parameters(pairs: list[str]) -> dict[str, str]:
    """`["RecipientIntervalMs=200"]` → the template's parameters."""
    parameters = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise LocalError(
                f"{pair!r} is not NAME=VALUE.", hint="For example: --set RecipientIntervalMs=200"
            )
        parameters[name] = value
    return parameters


@app.command()
def up(
    home: Home = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template. May be repeated."),
    ] = None,
    enforce_iam: Annotated[
        bool, typer.Option("--enforce-iam", help="Let the emulator enforce each function's policies.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no example commands.")] = False,
) -> None:
    """Build, start, deploy; or bring a running stack up to date. TELNYX_BASE_URL and TELNYX_PUBLIC_KEY
    in the environment put another carrier double in the simulator's place."""
    layout = Layout.of(home)
    stack = stacks.up(
        layout,
        ConsoleProgress(console),
        parameters=parse_parameters(parameters or []),
        enforce_iam=enforce_iam,
    )
    console.print(f"\nAPI      {stack.api_url}\nkey      {stack.api_key}")


@app.command()
def down(
    home: Home = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Also drop all messages, queues and keys.")
    ] = False,
) -> None:
    """Stop the stack. What it holds is there again at the next `up`."""
    if not stacks.down(Layout.of(home), ConsoleProgress(console), forget=forget):
        console.print("Nothing was running.")


@app.command()
def status(
    home: Home = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print stack.json.")] = False,
) -> None:
    """Say what runs. Exits with 1 unless all of it does."""
    found = stacks.state(Layout.of(home))
    if as_json and found.record is not None:
        print(json.dumps(json.loads(Layout.of(home).record.read_text()), indent=2))
    elif found.record is None:
        console.print("The stack is down.")
    else:
        for name, pid in found.record.pids.items():
            running = "[green]runs[/green]" if name in found.running else "[red]is gone[/red]"
            console.print(f"{name:<9}{running}, pid {pid}")
        console.print(f"API      {found.record.api_url}")
    if not found.up:
        raise typer.Exit(1)
