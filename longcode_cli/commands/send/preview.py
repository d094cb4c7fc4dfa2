"""What a file would send: a dry run of its batches, as tables."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from longcode.domain.message import epoch_ms, iso
from longcode_cli import terminal
from longcode_cli.api import Api
from longcode_cli.commands.send.results import Results
from longcode_cli.commands.send.sending import PATH, answers_of, in_words, is_opted_out
from longcode_cli.commands.send.texts import Batch, Flaw, Item, Run
from longcode_cli.terminal import ROWS_SHOWN, count, moment, now_ms, plain, relative

FIRST_ROWS = 10
# So much of a text is shown.
_TEXT = 60
# Counts that are those of all batches together.
_SUMS = ("segments", "opted_out", "duplicates", "held_by_quiet_hours")


@dataclass
class Preview:
    """What a dry run found. `rows` are all of the file's, `texts` those without a result. `problems` are the first
    rows that are no texts, or that the API would refuse.

    A recipient who has opted out is no problem: the API sends them nothing, and a campaign always has some.
    `flawed` and `refused` count the problems that the file has by itself, and those that the API has with it.
    """

    rows: int = 0
    texts: int = 0
    flawed: int = 0
    refused: int = 0
    # A row that goes, as the API would take it, with its segments.
    first: list[tuple[Item, int | None]] = field(default_factory=list)
    problems: list[Flaw] = field(default_factory=list)
    totals: Counter[str] = field(default_factory=Counter)
    by_carrier: Counter[str] = field(default_factory=Counter)
    into_tomorrow: Counter[str] = field(default_factory=Counter)
    # None once a batch has no known cost.
    cost: Decimal | None = Decimal(0)
    currency: str = ""
    finishes_ms: int | None = None
    _seen: set[int] = field(default_factory=set)

    @property
    def has_problems(self) -> bool:
        """Whether any row is a problem."""
        return bool(self.flawed or self.refused)

    def look(self, whole: Batch, results: Results) -> Batch:
        """Count a batch by what is known without the API; what of it has no result yet."""
        missing = results.missing(whole)
        self.rows += len(whole.items) + len(whole.flaws)
        self.texts += len(missing.items)
        self.flawed += len(missing.flaws)
        self._name(missing.flaws)
        return missing

    def _name(self, flaws: list[Flaw]) -> None:
        self.problems = sorted([*self.problems, *flaws], key=lambda flaw: flaw.row)[:ROWS_SHOWN]

    # Any: JSON of the API.
    def add(self, batch: Batch, answer: Mapping[str, Any]) -> None:
        """Count what a dry run says of a batch."""
        answers = answers_of(answer, batch)
        for item, one in zip(batch.items, answers, strict=True):
            if not one.get("valid"):
                self._refuse(item, one)
            elif len(self.first) < FIRST_ROWS:
                self.first.append((item, one.get("segments")))
            self._count_twice(item, one)
        totals: Mapping[str, Any] = answer.get("totals") or {}
        self.totals.update({name: int(totals.get(name) or 0) for name in _SUMS})
        self.by_carrier.update({str(name): int(many) for name, many in (totals.get("by_carrier") or {}).items()})
        self.into_tomorrow.update(
            {str(name): int(many) for name, many in (totals.get("into_tomorrow") or {}).items()}
        )
        self._add_cost(totals)

    # Any: JSON of the API.
    def _refuse(self, item: Item, one: Mapping[str, Any]) -> None:
        if not is_opted_out(one):
            self.refused += 1
            self._name([Flaw(item.row, item.line, item.written, in_words(one))])

    # Any: JSON of the API.
    def _count_twice(self, item: Item, one: Mapping[str, Any]) -> None:
        """A batch knows its own duplicates; here are those of the batches before it."""
        words = hash((item.number, item.fields["message"]))
        if words in self._seen and one.get("duplicate_of") is None:
            self.totals["duplicates"] += 1
        self._seen.add(words)

    # Any: JSON of the API.
    def _add_cost(self, totals: Mapping[str, Any]) -> None:
        cost = totals.get("cost")
        if isinstance(cost, Mapping):
            cost = cost.get("amount")
        if cost is None:
            self.cost = None
        elif self.cost is not None:
            self.cost += Decimal(str(cost))
            self.currency = str(totals.get("currency") or "")


def look(run: Run, api: Api, results: Results, done: Callable[[int], object]) -> Preview:
    """A dry run of all texts without a result. `done` is called with how many rows were looked at.

    Raises Problem where the API does not answer, or refuses a batch as a whole.
    """
    found, spans, alone_ms = Preview(), list[int](), None
    for whole in run.batches():
        batch = found.look(whole, results)
        if batch.items:
            answer, took_ms = _asked(run, api, batch)
            found.add(batch, answer)
            if took_ms is not None:
                spans.append(took_ms)
            if len(spans) == 2 and alone_ms is None:
                _, alone_ms = _asked(run, api, Batch(0, batch.items[:1]))
        done(found.rows)
    if spans:
        # Each batch is looked at as if it were alone: what waits for it is counted once.
        waits_ms = alone_ms or 0
        found.finishes_ms = now_ms() + max(max(spans), sum(spans) - waits_ms * (len(spans) - 1))
    return found


# Any: JSON of the API.
def _asked(run: Run, api: Api, batch: Batch) -> tuple[dict[str, Any], int | None]:
    """What a dry run says of a batch, and in how many milliseconds its last text would leave, if that is known."""
    answer = api.post(PATH, run.body(batch.items) | {"dry_run": True})
    finishes = (answer.get("totals") or {}).get("finishes_at")
    at_ms = epoch_ms(finishes) if isinstance(finishes, str) else None
    return answer, None if at_ms is None else max(0, at_ms - now_ms())


# ------------------------------------------------------------------------------------------ for a person


def shown(found: Preview, run: Run) -> RenderableType:
    """The tables of a preview."""
    parts: list[RenderableType] = []
    if found.first:
        parts += [_first_rows(found), ""]
    parts.append(_totals(found, run))
    if found.problems:
        parts += ["", _problems(found)]
    return Group(*parts)


def _first_rows(found: Preview) -> RenderableType:
    table = terminal.table("row", "as written", "goes to", "segments", "text", right=("row", "segments"))
    for item, segments in found.first:
        words = plain(item.fields["message"])
        cut = words if len(words) <= _TEXT else f"{words[: _TEXT - 1]}…"
        table.add_row(str(item.row), plain(item.written), item.number, str(segments or "?"), cut)
    return table


def _totals(found: Preview, run: Run) -> RenderableType:
    now, totals = now_ms(), found.totals
    cost = "not known" if found.cost is None else f"about {found.cost} {found.currency}".rstrip()
    finishes = "not known"
    if found.finishes_ms is not None:
        finishes = f"about {moment(found.finishes_ms, now)} ({relative(found.finishes_ms, now)})"
    rows = [
        ("texts", f"{found.texts:,}"),
        ("segments", f"{totals['segments']:,}"),
        ("cost", cost),
        ("finished", finishes),
        ("opted out", f"{totals['opted_out']:,}"),
        ("duplicates", f"{totals['duplicates']:,}"),
        ("wait for quiet hours", f"{totals['held_by_quiet_hours']:,}"),
        ("by carrier", _by_name(found.by_carrier) or "not known"),
    ]
    if +found.into_tomorrow:
        rows.append(("into tomorrow", f"at least {_by_name(found.into_tomorrow)}"))
    rows += [("priority", str(run.common["priority"])), ("tag", plain(run.common["metadata"]["tag"]))]
    return terminal.facts(rows)


def _by_name(counts: Counter[str]) -> str:
    return ", ".join(f"{plain(name)} {many:,}" for name, many in counts.most_common() if many)


def _problems(found: Preview) -> RenderableType:
    many = found.flawed + found.refused
    table = terminal.table("row", "line", "as written", "why not", right=("row", "line"))
    for flaw in found.problems:
        table.add_row(str(flaw.row), str(flaw.line), plain(flaw.written), plain(flaw.why))
    parts: list[RenderableType] = [Text(f"{count(many, 'row')} can't be sent:", "red"), table]
    if many > len(found.problems):
        parts.append(f"… and {many - len(found.problems):,} more.")
    return Group(*parts)


# ----------------------------------------------------------------------------------------- for a program


# Any: JSON.
def fields(found: Preview) -> dict[str, Any]:
    """The same for a script."""
    return {
        "texts": found.texts,
        **{name: found.totals[name] for name in _SUMS},
        "cost": None if found.cost is None else str(found.cost),
        "currency": found.currency or None,
        "finishes_at": None if found.finishes_ms is None else iso(found.finishes_ms),
        "by_carrier": dict(found.by_carrier),
        "into_tomorrow": dict(+found.into_tomorrow),
        "problems": found.flawed + found.refused,
        "first_problems": [
            {"row": flaw.row, "line": flaw.line, "to": flaw.written, "why": flaw.why} for flaw in found.problems
        ],
    }
