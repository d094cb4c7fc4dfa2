"""Shows a person what is happening and how long it took: a spinner on a terminal, lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console


class Progress(Protocol):
    """What the steps of `up` and `down` need."""

    @contextmanager
    def step(self, what: str) -> Iterator["Step"]:
        """Announce `what`, and say how long it took, or that it failed."""
        ...


class Step:
    """A running step. Set `result` to add words to its line."""

    def __init__(self) -> None:
        self.result = ""


class ConsoleProgress:
    """Steps on a rich console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        step, began = Step(), time.monotonic()
        try:
            if self._console.is_terminal:
                with self._console.status(what):
                    yield step
            else:
                yield step
        except BaseException:
            self._console.print(f"[red]✗[/red] {what} [dim]{time.monotonic() - began:.1f} s[/dim]")
            raise
        took = f"[dim]{time.monotonic() - began:.1f} s[/dim]"
        words = f": {step.result}" if step.result else ""
        self._console.print(f"[green]✓[/green] {what}{words} {took}", highlight=False)
