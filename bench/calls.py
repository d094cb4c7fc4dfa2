"""What a text takes of AWS: the counts of devtools/cost, by the names that the budgets have."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.table import Table

from devtools.cost import bill, journeys
from devtools.cost.count import Counts
from devtools.cost.journeys import Run

# Words in the tables and the budgets → field of the counts.
_FIELDS = {
    "table writes": "table_writes",
    "index writes": "index_writes",
    "failed writes": "failed_writes",
    "reads": "reads",
    "SQS requests": "queue_requests",
    "events": "events",
    "invocations": "invocations",
    "calls to AWS": "calls",
    "log bytes": "log_bytes",
}


def texts(run: Run) -> dict[str, Counts]:
    """What is counted, from the request to the last event."""
    return {
        "queued text": journeys.total(run.queue),
        "text sent at once": journeys.total(run.send),
        "inbound text": journeys.total(run.inbound),
        "look at a status": run.status.counts,
        "idle minute": journeys.summed([run.reconcile.counts, run.beat.counts]),
    }


def money(run: Run) -> dict[str, float]:
    """What a million queued texts cost, as docs/cost.md has it."""
    one = bill.Prices.read().bill(step.counts for step in run.queue)
    return {"a million queued texts: USD": sum(one.values()) * 1e6}


def figures(found: Mapping[str, Counts]) -> dict[str, float]:
    """`queued text: table writes` and so on."""
    return {
        f"{text}: {words}": value for text, counts in found.items() for words, value in _values(counts).items()
    }


def _values(counts: Counts) -> dict[str, float]:
    values: dict[str, float] = {words: getattr(counts, field) for words, field in _FIELDS.items()}
    # As docs/cost.md has them: with what CloudWatch adds to each line.
    values["log bytes"] += counts.log_lines * bill.Prices.read().assumed["log_line_bytes"]
    return values


def table(found: Mapping[str, Counts]) -> Table:
    """A line for each."""
    made = Table(title="Calls", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    for words in _FIELDS:
        made.add_column(words, justify="right")
    for text, counts in found.items():
        made.add_row(text, *(f"{value:,.10g}" for value in _values(counts).values()))
    return made


# Any: JSON.
def as_json(run: Run) -> dict[str, Any]:
    """Each text, and each step of it."""
    return {
        "texts": {text: asdict(counts) for text, counts in texts(run).items()},
        "steps": {
            name: [{"step": step.name, **asdict(step.counts)} for step in steps]
            for name, steps in (("queue", run.queue), ("send", run.send), ("inbound", run.inbound))
        },
    }
