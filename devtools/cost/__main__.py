"""`python -m devtools.cost`: what a message and a month cost."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from devtools.cost import bill, document, journeys, report


def cost(
    texts: Annotated[
        list[int] | None, typer.Option(min=0, metavar="N", help="A month of N queued texts. May be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Write docs/cost.md.")] = False,
) -> None:
    """Count the calls of one text through the real handlers, and price them with devtools/cost/prices.toml."""
    prices = bill.Prices.read()
    settings = {name: bill.Deployed.read(name) for name in ("basic", "full")}
    run = journeys.run()
    months = texts or report.MONTHS
    if write:
        document.PAGE.write_text(document.render(run, prices))
        typer.echo("docs/cost.md is written.")
    elif as_json:
        found = {
            "date": prices.date,
            "region": prices.region,
            "counts": asdict(run),
            "text": bill.by_text(run, prices, settings["basic"]),
            "fixed": {
                name: {
                    "first stack": bill.fixed(run, prices, deployed),
                    "second stack": bill.fixed(run, prices, deployed, 2),
                }
                for name, deployed in settings.items()
            },
            "months": {
                name: {count: bill.month(run, prices, deployed, count) for count in months}
                for name, deployed in settings.items()
            },
        }
        typer.echo(json.dumps(found, indent=2))
    else:
        # Tables are wider than the 80 columns that a pipe is taken for.
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
        report.show(console, report.sheets(run, prices, months))
        console.print(f"USD, {prices.region}, prices of {prices.date}; docs/cost.md explains.")


if __name__ == "__main__":
    typer.run(cost)
