"""Prints rows as tables, and what the project promises beside what was measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.figures import Figures
from bench.virtual import CONTROL, Row

MISSING = "-"


def _number(value: float | None, digits: int = 2) -> str:
    return MISSING if value is None else f"{value:,.{digits}f}"


def _seconds(ms: float | None, digits: int = 0) -> str:
    return MISSING if ms is None else _number(ms / 1000, digits)


def _receives(f: Figures) -> str:
    if f.receives_mean is None or f.receives_p99 is None or f.receives_max is None:
        return MISSING
    return f"{f.receives_mean:.2f} / {f.receives_p99:.0f} / {f.receives_max:.0f}"


def table(title: str, rows: Sequence[tuple[str, Figures]]) -> Table:
    """One scenario. Columns that apply to no row are left out."""
    shared = any(f.shared_load is not None for _, f in rows)
    waits = any(f.wait_p99_ms is not None for _, f in rows)
    written = any(f.recipient_writes is not None for _, f in rows)
    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", padding=(0, 0, 0, 1))
    made.add_column("strategy", no_wrap=True)
    heads = ["sent", "drained s", "x ideal", "least gap ms", "short", "receives", "dead", "overtaken"]
    heads += ["writes"] if written else []
    heads += ["shared writes", "load"] if shared else []
    heads += ["others wait s"] if waits else []
    for head in heads:
        made.add_column(head, justify="right", no_wrap=head != "least gap ms")
    for name, f in rows:
        cells = [
            name,
            f"{f.sent:,}" if f.sent == f.texts else f"{f.sent:,} of {f.texts:,}",
            _seconds(f.drain_ms, 1),
            _number(f.ratio, 3),
            _number(f.least_gap_ms, 0),
            f"{f.short_gaps:,}",
            _receives(f),
            f"{f.dead:,}",
            f"{f.overtaken:,}",
        ]
        cells += [_number(f.recipient_writes)] if written else []
        cells += [_number(f.shared_writes), _number(f.shared_load)] if shared else []
        if waits:
            both = f"{_seconds(f.wait_p50_ms, 2)} / {_seconds(f.wait_p99_ms, 2)}"
            cells.append(MISSING if f.wait_p50_ms is None else both)
        made.add_row(*cells, style="bold" if name in ("longcode", "local stack") else "")
    return made


def virtual(console: Console, rows: Sequence[Row]) -> None:
    """A table a scenario."""
    for scenario in dict.fromkeys(row.scenario.name for row in rows):
        mine = [row for row in rows if row.scenario.name == scenario]
        title = f"{scenario}: {mine[0].scenario.title}"
        console.print(table(title, [(row.strategy, row.figures) for row in mine]))
        console.print()


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing that must be reached."""

    words: str
    measured: str
    kept: bool


def promises(rows: Sequence[Row]) -> list[Promise]:
    """What the project promises of its pacing, and what the rows say."""
    ours = {row.scenario.name: row.figures for row in rows if row.strategy == "longcode"}
    control = {row.scenario.name: row.figures for row in rows if row.strategy == CONTROL}
    return [*_on_time(ours), *_on_writes(ours), *_on_waits(ours, control), *_on_every_text(list(ours.values()))]


def _on_time(ours: Mapping[str, Figures]) -> Iterator[Promise]:
    if f := ours.get("sixty"):
        yield Promise("60 among 200 x 3 sent within 1.10 x the ideal", f"{f.ratio:.3f}", f.ratio <= 1.10)
        yield Promise("at most 2 receives for 99 % of them", f"{f.receives_p99:.0f}", (f.receives_p99 or 0) <= 2)
    if f := ours.get("sender"):
        words = "at most 3 receives a text behind a sender at 1/s"
        yield Promise(words, f"{f.receives_max:.0f}", (f.receives_max or 0) <= 3)
    if f := ours.get("campaign"):
        late = f.late_max_ms or 0.0
        yield Promise("a campaign behind 5/s sent within 1.02 x the ideal", f"{f.ratio:.3f}", f.ratio <= 1.02)
        yield Promise("another sender's text leaves within 2 s of its slot", f"{late / 1000:.2f} s", late <= 2000)


def _on_writes(ours: Mapping[str, Figures]) -> Iterator[Promise]:
    for name in ("shared-full", "shared-trickle"):
        if f := ours.get(name):
            writes = f.shared_writes or 0
            words = f"at most 1.1 limiter writes a text at 50/s ({name})"
            yield Promise(words, f"{writes:.2f}", writes <= 1.1)


def _on_waits(ours: Mapping[str, Figures], control: Mapping[str, Figures]) -> Iterator[Promise]:
    if f := ours.get("backlog"):
        p99, alone = f.wait_p99_ms or 0.0, control["backlog"].wait_p99_ms or 0.0
        words = f"{p99 / 1000:.2f} s; {alone / 1000:.2f} s without the backlog"
        yield Promise("others' p99 wait behind one backlog at most 2 s", words, p99 <= 2000)
    if f := ours.get("backlog-among"):
        # All at once at a cold start is slow with and without the backlog: Lambda begins with five at a time.
        more = (f.wait_p99_ms or 0.0) - (control["backlog-among"].wait_p99_ms or 0.0)
        words = "others' p99 wait in the rush of the start, at most 2 s more for the backlog"
        yield Promise(words, f"{more / 1000:+.2f} s", more <= 2000)


def _on_every_text(every: Sequence[Figures]) -> Iterator[Promise]:
    short, gaps = sum(f.short_gaps for f in every), sum(f.gaps for f in every)
    least = min((f.least_gap_ms for f in every if f.least_gap_ms is not None), default=0.0)
    overtaken, dead = sum(f.overtaken for f in every), sum(f.dead for f in every)
    missing, doubled = sum(f.texts - f.sent for f in every), sum(f.doubled for f in every)
    yield Promise("no gap under the interval", f"{short:,} of {gaps:,}, the least {least:.0f} ms", short == 0)
    yield Promise("none overtaken", f"{overtaken}", not overtaken)
    yield Promise("none in the dead letters", f"{dead}", not dead)
    sent = all(f.sent == f.texts and not f.doubled for f in every)
    yield Promise("every text sent, and once", f"{missing} missing, {doubled} twice", sent)


def verdicts(console: Console, found: Sequence[Promise]) -> None:
    """Promise by promise."""
    made = Table(title="What must be reached", title_justify="left", title_style="bold", header_style="dim")
    made.add_column("")
    made.add_column("promise")
    made.add_column("measured", justify="right")
    for promise in found:
        made.add_row("[green]✓[/green]" if promise.kept else "[red]✗[/red]", promise.words, promise.measured)
    console.print(made)
