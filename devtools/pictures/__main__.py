"""Take the pictures: python -m devtools.pictures, or make pictures."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout
from devtools.local_stack.progress import ConsoleProgress

from . import console, terminal
from .browsers import found, opened

FILMS = ROOT / "docs"
STILLS = ROOT / ".local" / "pictures"
QUALITY = 60
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def take(
    home: Annotated[
        Path, typer.Option("--dir", help="The directory of a stack for this: what it holds is forgotten.")
    ] = ROOT / ".local" / "pictures-stack",
    films: Annotated[bool, typer.Option(help="Write docs/console.webp and docs/terminal.webp.")] = True,
    stills: Annotated[bool, typer.Option(help="Write a still of each page into .local/pictures/.")] = True,
) -> None:
    """Film the terminal and the console, and take a still of each page, on a stack of its own."""
    if found("chromium") is None:
        print("There is no Chromium here. On Debian: apt-get install chromium", file=sys.stderr)
        raise typer.Exit(1)
    # As a person would type it: the film shows it.
    shown = home.relative_to(ROOT) if home.is_relative_to(ROOT) else home
    layout, progress, written = Layout.of(home), ConsoleProgress(Console(highlight=False)), []
    stacks.down(layout, progress, forget=True)
    STILLS.mkdir(parents=True, exist_ok=True)
    try:
        with opened("chromium") as browser:
            if films:
                with progress.step("Film the terminal"):
                    command = [sys.executable, "-m", "devtools.local_stack", "demo", "--dir", str(shown)]
                    written.append(FILMS / "terminal.webp")
                    terminal.film(browser, command, "make demo", ROOT).write(written[-1], QUALITY)
            stack = stacks.up(layout, progress)
            if films:
                with progress.step("Film the console"):
                    written.append(FILMS / "console.webp")
                    console.film(browser, stack).write(written[-1], QUALITY)
            if stills:
                with progress.step("Take a still of each page"):
                    written += console.stills(browser, stack, STILLS)
    finally:
        stacks.down(layout, progress, forget=True)
    for path in written:
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    app(prog_name="python -m devtools.pictures")
