"""`python -m devtools.clients`: generates a client in each language, and has each send a text to a local stack."""

import time
import uuid
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from devtools.clients.languages import LANGUAGES, Language, run
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout, Stack
from devtools.local_stack.problems import LocalError
from devtools.local_stack.progress import ConsoleProgress

HOME = ROOT / ".local/clients"
# A text that is queued leaves by itself, within a second on an idle machine.
PATIENCE_S = 60.0
TO = {"python": "+12025550161", "typescript": "+12025550162", "go": "+12025550163"}


app = typer.Typer(add_completion=False)


@app.command()
def main(
    *,
    every: Annotated[bool, typer.Option("--every", help="Fail where a language is not on this machine.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="A language, as go. May be repeated.")] = None,
) -> None:
    """Generate a client in each language that this machine has, and send a text with it."""
    console = Console(highlight=False)
    wanted = [language for language in LANGUAGES if not only or language.name in only]
    there = [language for language in wanted if not language.missing]
    for language in wanted:
        if language.missing:
            words = " and no ".join(language.missing)
            console.print(f"{language.name}: left out, as this machine has no {words}.", soft_wrap=True)
    if every and there != wanted:
        raise typer.Exit(1)
    if there:
        _try_all(there, console)


def _try_all(languages: list[Language], console: Console) -> None:
    layout, progress = Layout.of(HOME), ConsoleProgress(console)
    try:
        stack = stacks.up(layout, progress, environment={}, enforce_iam=True)
        for language in languages:
            with progress.step(f"Generate the client in {language.name}, and send a text with it"):
                _try(language, HOME / language.name, stack)
    except LocalError as exc:
        console.print(str(exc), markup=False)
        raise typer.Exit(1) from exc
    finally:
        stacks.down(layout, progress, forget=True)


def _try(language: Language, folder: Path, stack: Stack) -> None:
    """Raises LocalError unless the provider has got the text that the client says it sent."""
    language.build(folder)
    to = TO[language.name]
    ident = run(
        language.command, folder, API_URL=stack.api_url, API_KEY=stack.api_key, TO=to, KEY=str(uuid.uuid4())
    ).strip()
    deadline = time.monotonic() + PATIENCE_S
    while ident not in _arrived(stack):
        if time.monotonic() > deadline:
            raise LocalError(f"The provider has not got the text {ident} of the client in {language.name}.")
        time.sleep(0.2)


def _arrived(stack: Stack) -> str:
    """What the provider has been asked so far."""
    return httpx.get(f"{stack.simulator_url}/_provider/requests", trust_env=False, timeout=10).text


if __name__ == "__main__":
    app()
