"""The tables of `make cost`, for the terminal and for docs/cost.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from devtools.cost import bill, journeys
from devtools.cost.bill import Deployed, Prices
from devtools.cost.count import Counts
from devtools.cost.journeys import Run, Step

MONTHS = (1_000, 100_000, 1_000_000)
FIXED = ("basic", "basic, second stack", "full", "full, second stack")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table: its title, its heads, its rows."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    # How many of the first columns are words, and not numbers.
    words: int = 1


def sheets(run: Run, prices: Prices, months: Sequence[int] = MONTHS) -> list[Sheet]:
    """All tables."""
    return [units(run, prices), money(run, prices), by_month(run, prices, months), fixed(run, prices)]


def units(run: Run, prices: Prices) -> Sheet:
    """What one message is billed as, step by step."""
    heads = ["API calls", "invocations", "GB-s", "table writes", "index writes", "reads", "SQS", "events"]
    rows: list[list[str]] = []
    for title, steps in _routes(run):
        rows += [[step.name, *_counted([step.counts], prices)] for step in steps]
        if len(steps) > 1:
            rows.append([title, *_counted([step.counts for step in steps], prices)])
    return Sheet("What one message is billed as", ["step", *heads, "log bytes"], rows)


def money(run: Run, prices: Prices) -> Sheet:
    """USD a million messages, by service."""
    bills = [(title, prices.bill(step.counts for step in steps)) for title, steps in _routes(run)]
    heads = list(bills[0][1])
    rows = [
        [title, *(f"{one[head] * 1e6:,.2f}" for head in heads), f"{sum(one.values()) * 1e6:,.2f}"]
        for title, one in bills
    ]
    return Sheet("USD for a million", ["message", *heads, "all"], rows)


def by_month(run: Run, prices: Prices, months: Sequence[int]) -> Sheet:
    """USD a month: what is fixed, what the texts cost, and the provider's part beside it."""
    basic, full = Deployed.read("basic"), Deployed.read("full")
    heads = ["texts a month", "fixed", "texts", "AWS", "provider", "AWS beside the provider", "AWS with full"]
    rows = []
    for texts in months:
        one = bill.month(run, prices, basic, texts)
        larger = bill.month(run, prices, full, texts)
        share = f"{one['AWS'] / one['provider']:.1%}" if texts else "-"
        rows.append([f"{texts:,}", *(f"{one[head]:,.2f}" for head in heads[1:5]), share, f"{larger['AWS']:,.2f}"])
    return Sheet("USD a month, queued texts of one segment", heads, rows)


def fixed(run: Run, prices: Prices) -> Sheet:
    """USD a month in which no text is sent, of the first stack of an account and of the second."""
    bills = [
        bill.fixed(run, prices, Deployed.read(setting), stack) for setting in ("basic", "full") for stack in (1, 2)
    ]
    rows = [[part, *(f"{one[part]:,.2f}" for one in bills)] for part in bills[0]]
    rows.append(["all", *(f"{sum(one.values()):,.2f}" for one in bills)])
    return Sheet("USD a month without a text", ["", *FIXED], rows)


def _routes(run: Run) -> list[tuple[str, list[Step]]]:
    return [
        ("a queued text", run.queue),
        ("a scheduled text, alone", run.scheduled),
        ("a text that is cancelled", run.cancelled),
        ("a text sent at once", run.send),
        ("an inbound text", run.inbound),
        ("a look at a status", [run.status]),
        ("a minute of the reconciler", [run.reconcile, run.beat]),
    ]


def _counted(steps: Sequence[Counts], prices: Prices) -> list[str]:
    sums = journeys.summed(steps)
    log = sums.log_bytes + sums.log_lines * prices.assumed["log_line_bytes"]
    return [
        f"{sums.api_requests:g}",
        f"{sums.invocations:g}",
        f"{sum(map(prices.gb_seconds, steps)):.3f}",
        f"{sums.table_writes + sums.failed_writes:g}",
        f"{sums.index_writes:g}",
        f"{sums.reads:g}",
        f"{sums.queue_requests:g}",
        f"{sums.events:g}",
        f"{log:,.0f}",
    ]


def show(console: Console, found: Sequence[Sheet]) -> None:
    """Print the tables."""
    for sheet in found:
        made = Table(title=sheet.title, title_justify="left", title_style="bold", header_style="dim")
        for number, head in enumerate(sheet.heads):
            made.add_column(head, justify="right" if number else "left")
        for row in sheet.rows:
            made.add_row(*row, style="bold" if row[0].startswith(("a ", "an ", "all")) else "")
        console.print(made)


def markdown(sheet: Sheet) -> str:
    """The same table for a page."""
    line = "|---" * sheet.words + "|---:" * (len(sheet.heads) - sheet.words) + "|"
    rows = [f"| {' | '.join(row)} |" for row in ([*sheet.heads], *sheet.rows)]
    return "\n".join([rows[0], line, *rows[1:]])
