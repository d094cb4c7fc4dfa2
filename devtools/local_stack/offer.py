"""What `make demo` ends with: the console, opened in the browser of who sits at the terminal."""

import os
import sys
import webbrowser
from collections.abc import Callable

from rich.console import Console


def console_of(
    url: str,
    console: Console,
    *,
    stays: bool,
    up: str = "make up",
    ask: Callable[[], str] = input,
    browse: Callable[[str], bool] | None = None,
) -> None:
    """Offer the console at `url`. On a terminal, ask, open it, and answer when the stack may be stopped.

    `stays` says that the stack was up before, so that there is nothing to wait for; `up` is the command that keeps
    one. Elsewhere than on a terminal this only says how to get there.
    """
    if not (console.is_terminal and sys.stdin.isatty()):
        where = f"These texts are in the console: {url}/" if stays else f"Texts like these in the console: {up}"
        console.print(where, markup=False)
        return
    console.print(f"\n[bold]These texts are in the console:[/bold] {url}/")
    browse = browse or _browser()
    if browse is not None and _answer(ask, console, "Enter opens it in your browser, n leaves it. ") == "":
        browse(f"{url}/")
    if stays:
        console.print("It stays up; make down stops it.")
    else:
        _answer(ask, console, f"It runs until you press Enter. To have it for longer: {up}. ")


def _answer(ask: Callable[[], str], console: Console, question: str) -> str | None:
    """What was typed, or None for Ctrl-C and Ctrl-D."""
    console.print(question, end="")
    try:
        return ask().strip()
    except (EOFError, KeyboardInterrupt):
        console.print()
        return None


def _browser() -> Callable[[str], bool] | None:
    """What opens a page in a window. None without windows: a text browser would take the terminal."""
    if sys.platform != "darwin" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return webbrowser.open
