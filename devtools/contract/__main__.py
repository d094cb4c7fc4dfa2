"""`python -m devtools.contract`: tries the API by its document, on a stack that is brought up for it."""

import random
from typing import Annotated

import typer
from rich.console import Console

from devtools.contract.attempt import attempt
from devtools.local_stack import stack as stacks
from devtools.local_stack.layout import ROOT, Layout
from devtools.local_stack.progress import ConsoleProgress


def main(
    examples: Annotated[int, typer.Option(help="Requests of each route and phase, at most.")] = 200,
    time: Annotated[int, typer.Option(help="Seconds, about.")] = 300,
    seed: Annotated[int | None, typer.Option(help="Repeats a run.")] = None,
) -> None:
    """Try the API of a local stack by its OpenAPI document."""
    layout, progress = Layout.of(ROOT / ".local/contract"), ConsoleProgress(Console(highlight=False))
    seed = random.randrange(10**6) if seed is None else seed
    try:
        stack = stacks.up(layout, progress, environment={}, enforce_iam=True)
        with progress.step(f"Try the API, seed {seed}"):
            found = attempt(layout, stack, ROOT / "docs/openapi.json", examples=examples, seconds=time, seed=seed)
    finally:
        stacks.down(layout, progress, forget=True)
    print(found.output)
    raise typer.Exit(0 if found.good else 1)


if __name__ == "__main__":
    typer.run(main)
