"""What a file would send: a dry run of its batches, as tables."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from longcode.client import DryRun, DryRunRow, Totals
from longcode.domain.message import iso
from longcode_cli import terminal
from longcode_cli.api import Api
from longcode_cli.commands.send.results import Results
from longcode_cli.commands.send.sending import in_words, is_opted_out
from longcode_cli.commands.send.texts import Batch, Flaw, Item, Run
from longcode_cli.terminal import ROWS_SHOWN, ahead, count, moment, now_ms, plain

FIRST_ROWS = 10
# So much of a text is shown, and of a number as the file has it.
_TEXT, _WRITTEN = 60, 24
# Counts that are those of all batches together.
_SUMS = ("segments", "held_by_quiet_hours", "expired_unsent")
_COUNTED = (*_SUMS, "opted_out", "duplicates", "accepted")


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
    # From when on the first of the texts is out of date.
    until_ms: int | None = None
    _seen: set[int] = field(default_factory=set)

    @property
    def has_problems(self) -> bool:
        """Whether any row is a problem."""
        return bool(self.flawed or self.refused)

    @property
    def sendable(self) -> int:
        """How many texts without a result the API does not refuse, but for an opt-out."""
        return self.texts - self.refused

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

    def add(self, whole: Batch, answer: DryRun, results: Results) -> None:
        """Count what a dry run says of a batch, of whose rows some may have a result."""
        for item, one in zip(whole.items, answer.messages, strict=True):
            if not results.has(item.row):
                self._take(item, one)
        totals = answer.totals
        self.totals.update({name: getattr(totals, name) for name in _SUMS})
        self.by_carrier.update(_texts_of(totals.by_carrier))
        self.into_tomorrow.update(_texts_of(totals.into_tomorrow))
        self._add_cost(totals)
        if totals.valid_until is not None:
            until_ms = _ms(totals.valid_until)
            self.until_ms = min(self.until_ms or until_ms, until_ms)

    def _take(self, item: Item, one: DryRunRow) -> None:
        words = hash((item.number, item.fields["message"]))
        if one.message_id:
            # Its key is known: the result file is lost, or the row has the key of another text.
            self.totals["accepted"] += 1
        elif words in self._seen or one.duplicate_of is not None:
            # A batch knows its own, and what was accepted of late; here are those of the batches before it.
            self.totals["duplicates"] += 1
        self._seen.add(words)
        if is_opted_out(one.code):
            self.totals["opted_out"] += 1
        elif not one.valid:
            self.refused += 1
            self._name([Flaw(item.row, item.line, item.written, in_words(one.code, one.error))])
        elif len(self.first) < FIRST_ROWS:
            self.first.append((item, one.segments))

    def _add_cost(self, totals: Totals) -> None:
        if totals.cost is not None and self.cost is not None:
            self.cost += totals.cost
            self.currency = totals.currency or ""
        elif totals.segments:
            self.cost = None


# Any: JSON of the API.
def _texts_of(by_name: Mapping[str, Any]) -> dict[str, int]:
    """How many texts each carrier has. Beside the texts the API may count their segments."""
    counts = {name: many.get("messages") if isinstance(many, Mapping) else many for name, many in by_name.items()}
    return {name: int(many or 0) for name, many in counts.items()}


def look(run: Run, api: Api, results: Results, done: Callable[[int], object]) -> Preview:
    """A dry run of all texts without a result. `done` is called with how many rows were looked at.

    Raises Problem where the API does not answer, or refuses a batch as a whole.
    """
    found, spans = Preview(), _Spans()
    for whole in run.batches():
        if found.look(whole, results).items:
            # With its key the API knows what it has accepted already.
            answer = _dry_run(run, api, whole, run.key(whole.number))
            found.add(whole, answer, results)
            spans.add(answer)
            if spans.lack_the_wait:
                spans.wait_ms = _span_ms(_dry_run(run, api, Batch(0, whole.items[:1]), None)) or 0
        done(found.rows)
    found.finishes_ms = spans.finish_ms()
    return found


@dataclass
class _Spans:
    """In how many milliseconds the last text of each batch would leave, if it were the only batch.

    `wait_ms` is what a single text would wait for all the same: it is in each of them, and counts once.
    """

    found: list[int] = field(default_factory=list)
    wait_ms: int | None = None
    known: bool = True

    @property
    def lack_the_wait(self) -> bool:
        return len(self.found) == 2 and self.wait_ms is None

    def add(self, answer: DryRun) -> None:
        span_ms = _span_ms(answer)
        if span_ms is not None:
            self.found.append(span_ms)
        elif answer.totals.segments:
            # While sending is paused.
            self.known = False

    def finish_ms(self) -> int | None:
        """When the last text of all would leave; None if that is not known."""
        if not self.known or not self.found:
            return None
        all_ms = sum(self.found) - (self.wait_ms or 0) * (len(self.found) - 1)
        return now_ms() + max(*self.found, all_ms)


def _dry_run(run: Run, api: Api, batch: Batch, key: str | None) -> DryRun:
    # Any: JSON of the API.
    common: dict[str, Any] = run.common
    return api.ask(api.client.dry_run, [item.fields for item in batch.items], idempotency_key=key, **common)


def _span_ms(answer: DryRun) -> int | None:
    finishes = answer.totals.finishes_at
    return None if finishes is None else max(0, _ms(finishes) - now_ms())


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


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
    terminal.fold(table, -1)
    for item, segments in found.first:
        words = _cut(item.fields["message"], _TEXT)
        table.add_row(str(item.row), _cut(item.written, _WRITTEN), item.number, str(segments or "?"), words)
    return table


def _cut(text: str, length: int) -> str:
    words = plain(text)
    return words if len(words) <= length else f"{words[: length - 1]}…"


def _totals(found: Preview, run: Run) -> RenderableType:
    now, totals = now_ms(), found.totals
    cost = "not known" if found.cost is None else f"about {found.cost} {found.currency}".rstrip()
    finishes = "not known"
    if found.finishes_ms is not None:
        finishes = f"about {moment(found.finishes_ms, now)} ({ahead(found.finishes_ms, now)})"
    rows = [
        ("texts", f"{found.sendable:,}"),
        ("segments", f"{totals['segments']:,}"),
        ("cost", cost),
        ("finished", finishes),
        ("opted out", f"{totals['opted_out']:,}"),
        ("duplicates", f"{totals['duplicates']:,}"),
        ("wait for quiet hours", f"{totals['held_by_quiet_hours']:,}"),
        ("by carrier", _by_name(found.by_carrier) or "not known"),
    ]
    if totals["accepted"]:
        rows.insert(1, ("accepted before", f"{totals['accepted']:,}, which are not sent again"))
    if +found.into_tomorrow:
        rows.append(("into tomorrow", f"at least {_by_name(found.into_tomorrow)}"))
    if totals["expired_unsent"] or (found.finishes_ms or 0) > (found.until_ms or found.finishes_ms or 0):
        until = moment(found.until_ms or now, now)
        rows.append(("out of date", f"what has not left by about {until} is not sent (ValidityMinutes)"))
    rows += [("priority", str(run.common["priority"])), ("tag", plain(run.common["metadata"]["tag"]))]
    return terminal.facts(rows)


def _by_name(counts: Counter[str]) -> str:
    return ", ".join(f"{plain(name)} {many:,}" for name, many in counts.most_common() if many)


def _problems(found: Preview) -> RenderableType:
    many = found.flawed + found.refused
    table = terminal.table("row", "line", "as written", "why not", right=("row", "line"))
    terminal.fold(table, -1)
    for flaw in found.problems:
        table.add_row(str(flaw.row), str(flaw.line), _cut(flaw.written, _WRITTEN), plain(flaw.why))
    parts: list[RenderableType] = [Text(f"{count(many, 'row')} can't be sent:", "red"), table]
    if many > len(found.problems):
        parts.append(f"… and {many - len(found.problems):,} more.")
    return Group(*parts)


# ----------------------------------------------------------------------------------------- for a program


# Any: JSON.
def fields(found: Preview) -> dict[str, Any]:
    """The same for a script."""
    return {
        "texts": found.sendable,
        **{name: found.totals[name] for name in _COUNTED},
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
