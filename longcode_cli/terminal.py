"""What a person reads and answers: tables, times, masked numbers, progress and questions."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from longcode.domain import phone, test_mode
from longcode.domain.message import utc
from longcode.domain.status import Status
from longcode_cli.problems import Problem

# Of many rows, as many as fit on a screen.
ROWS_SHOWN = 20

_STYLE = {
    Status.DELIVERED: "green",
    Status.RECEIVED: "green",
    Status.UNKNOWN: "yellow",
    Status.DELIVERY_UNCONFIRMED: "yellow",
}


class PlainConsole(Console):
    """A console that shows what could steer a terminal, where the caller did not make it visible."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            # What rich itself steers with, as in a progress bar, is marked as such.
            if segment.control or segment.text.replace("\n", "").isprintable():
                yield segment
            else:
                yield Segment("\n".join(map(plain, segment.text.split("\n"))), segment.style)


def console(*, errors: bool = False) -> Console:
    """A console that prints what it is given: no markup, no emoji, no guessing."""
    return PlainConsole(stderr=errors, markup=False, emoji=False, highlight=False, soft_wrap=True)


_out = console()
_errors = console(errors=True)


def say(words: RenderableType) -> None:
    """Print a result."""
    _out.print(words)


def warn(words: RenderableType) -> None:
    """Print what is no result to stderr: a warning, an error."""
    _errors.print(words)


# Any: JSON.
def say_json(fields: Mapping[str, Any]) -> None:
    """Print a result for a script."""
    typer.echo(json.dumps(fields, indent=2))


def now_ms() -> int:
    """This machine's time, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


# ------------------------------------------------------------------------------------- words and times


def plain(text: str) -> str:
    """`text` with what could steer a terminal made visible: people we do not know wrote it."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def number(e164: str, *, full: bool) -> str:
    """A phone number, or a recipient queue by it, as far as it may be shown."""
    shown = test_mode.unmarked(e164)
    shown = shown if full else phone.mask(shown)
    return f"{shown} (test)" if test_mode.is_marked(e164) else shown


def without_numbers(text: str, *, full: bool) -> str:
    """`text` with the numbers in it masked."""
    return text if full else phone.masked(text)


# Any: JSON.
def masked_fields(shown: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    """The API's fields about a message: unless `full`, with numbers masked, and what people wrote null."""
    fields = dict(shown)
    if full:
        return fields
    for name in ("from", "to", "recipient"):
        if name in fields:
            fields[name] = phone.mask(str(fields[name]))
    for name in ("text", "metadata", "media", "media_urls"):
        if name in fields:
            fields[name] = None
    return {name: _masked(value) if name in ("errors", "history") else value for name, value in fields.items()}


# Any: JSON of any depth.
def _masked(value: Any) -> Any:
    match value:
        case str():
            return without_numbers(value, full=False)
        case dict():
            return {name: _masked(inner) for name, inner in value.items()}
        case list():
            return [_masked(inner) for inner in value]
    return value


def status(of: Status) -> Text:
    """A message's status in its colour."""
    return Text(of.value.replace("_", " "), _STYLE.get(of, "red" if of.final else "cyan"))


def moment(at_ms: int, now_ms: int) -> str:
    """A time in UTC, with its date if that is not today's."""
    at, now = utc(at_ms), utc(now_ms)
    return f"{at:%H:%M:%S} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(duration_ms: int) -> str:
    """A duration in its one or two largest units: `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    seconds = abs(duration_ms) / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, size, part, part_size in (("min", 60, "s", 1), ("h", 3600, "min", 60), ("d", 86_400, "h", 3600)):
        if seconds < {"min": 3600, "h": 86_400}.get(unit, float("inf")):
            rest = int(seconds % size) // part_size
            return f"{int(seconds // size)} {unit}" + (f" {rest} {part}" if rest else "")
    raise AssertionError("unreachable")


def relative(at_ms: int, now_ms: int) -> str:
    """How long ago, or in how long."""
    return f"in {span(at_ms - now_ms)}" if at_ms > now_ms else f"{span(now_ms - at_ms)} ago"


def ahead(at_ms: int, now_ms: int) -> str:
    """In how long; `at once` of what is due within a second, or is past."""
    return relative(at_ms, now_ms) if at_ms >= now_ms + 1000 else "at once"


def count(many: int, what: str) -> str:
    """`1 text`, `2 texts`."""
    return f"{many:,} {what}" if many == 1 else f"{many:,} {what}s"


# --------------------------------------------------------------------------------------------- tables


def table(*headings: str, right: Iterable[str] = ()) -> Table:
    """A table without lines; the columns in `right` are numbers."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for heading in headings:
        made.add_column(heading, justify="right" if heading in right else "left", no_wrap=True)
    return made


def fold(table: Table, place: int) -> Table:
    """Let the texts of one column take more than one line, so that the other columns are whole."""
    table.columns[place].no_wrap, table.columns[place].overflow = False, "fold"
    return table


def facts(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names and values, a row each."""
    made = Table.grid(padding=(0, 3, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(name, value)
    return made


# ------------------------------------------------------------------------------------------ progress


class Rate(ProgressColumn):
    """How many are done in a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


@contextmanager
def progress(*first: ProgressColumn, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Show on a terminal how far it is; call what this gives with `completed`, `total` or `description`.

    `first` are the columns before the count and the time. The total may be known later.
    """
    columns = (*first, MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_errors, transient=True, disable=not _errors.is_terminal) as shown:
        yield partial(shown.update, shown.add_task("", total=total))


@contextmanager
def spinner(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is waited for; call what this gives with what comes after it.

    Without a terminal only the latter is printed.
    """
    if not _errors.is_terminal:
        yield warn
        return
    with _errors.status(what) as shown:
        yield shown.update


# ----------------------------------------------------------------------------------------- questions


def is_watched() -> bool:
    """Whether there is a terminal to ask on."""
    return _errors.is_terminal


def ask(question: str) -> None:
    """Go on only after a yes. Raises Problem without one, or without a terminal."""
    if not is_watched():
        raise Problem("There is no terminal to ask on.", "Add --yes.")
    if not typer.confirm(question, err=True):
        raise Problem("Nothing was done.", "")


def ask_for(name: str) -> None:
    """Go on only after `name` was typed. Raises Problem if it was not, or without a terminal."""
    if not is_watched():
        raise Problem("There is no terminal to ask on.", "Run it on a terminal; if it is not prod, --yes will do.")
    if typer.prompt(f"Type {name} to delete it", err=True).strip() != name:
        raise Problem("That is not its name. Nothing was deleted.", "Run it again if it is the one.")
