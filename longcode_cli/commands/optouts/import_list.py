"""`longcode optouts import`: a list of opt-outs from a file."""

import sys
from pathlib import Path
from typing import Annotated

import phonenumbers
import typer
from rich.progress import TextColumn

from longcode.domain.message import iso
from longcode.domain.opt_outs import ALL, is_scope
from longcode_cli import terminal
from longcode_cli.commands.optouts import reading, recording
from longcode_cli.commands.optouts.reading import Listed, Terms
from longcode_cli.options import ANYWHERE, AsJson, DryRun, Where, Yes, examples, moment, stack_options
from longcode_cli.stack import Stack
from longcode_cli.terminal import ROWS_SHOWN, count, now_ms, plain, say_json, warn

EXAMPLES = examples(
    "optouts import old.csv --dry-run",
    "optouts import old.csv",
    "optouts import old.csv --as-of 2026-11-01T00:00:00Z --yes --stack long-code-sms-prod --profile ops",
    "optouts import - --country GB --as-of 2026-11-01T00:00:00Z --yes < numbers.txt",
)

# Rows between two steps of the progress that is shown.
_STEP = 1000
_STANDARD_INPUT = "-"

_File = Annotated[str, typer.Argument(metavar="FILE", help="A CSV file, or - for the standard input.")]
_Country = Annotated[
    str | None,
    typer.Option(
        metavar="XX", help="The country of numbers without a plus.  [default: that of the number we send from]"
    ),
]
_AsOf = Annotated[
    str | None,
    typer.Option(
        metavar="TIME", help="When rows without a date were said.  [default: when the file was last changed]"
    ),
]
_Scope = Annotated[
    str, typer.Option(metavar="NAME", help="Of which texts; an opt-out of any scope stops all for now.")
]


@stack_options(*ANYWHERE)
def command(
    where: Where,
    file: _File,
    country: _Country = None,
    as_of: _AsOf = None,
    scope: _Scope = ALL,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record a list of people who want no texts. One number a line, or CSV: number, date and note.

    A first row may name the columns, in any order. Dates are as 2026-11-23 or 2026-11-23T15:48:14Z, in UTC
    without a zone. The whole file is checked first. Nothing is recorded if a row is no number, is cut off, or has
    the number of another row.

    A person who has opted in after the date of their row stays opted in. It may be stopped at any moment and run
    again: what is recorded is not recorded twice.

    The exit code is 1 if the file has flaws, or something fails.
    """
    if file == _STANDARD_INPUT and not (yes or dry_run):
        raise typer.BadParameter("The standard input is the list, so no question can be asked: add --yes.")
    if not is_scope(scope):
        raise typer.BadParameter("must be of a-z, 0-9, - and _, up to 64.", param_hint="--scope")
    content, changed_ms = _content(file)
    as_of_ms = changed_ms if as_of is None else _past(as_of)
    stack = where.open()
    terms = Terms(_region(country, stack), as_of_ms, now_ms(), _name(file), scope)
    listed = _read(content, terms, as_json=as_json)
    recording.run(stack, listed.changes, recording.How(yes=yes, dry_run=dry_run, as_json=as_json))


def _past(as_of: str) -> int:
    at_ms = moment(as_of, "--as-of")
    if at_ms > now_ms():
        raise typer.BadParameter("is in the future.", param_hint="--as-of")
    return at_ms


def _region(country: str | None, stack: Stack) -> str:
    if country is None:
        return reading.region_of(stack.sender)
    if country.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise typer.BadParameter("must be the two letters of a country, as US.", param_hint="--country")
    return country.upper()


def _content(file: str) -> tuple[bytes, int | None]:
    """What a file holds, and when it was last changed; None of the standard input."""
    if file == _STANDARD_INPUT:
        return sys.stdin.buffer.read(), None
    try:
        path = Path(file)
        return path.read_bytes(), min(path.stat().st_mtime_ns // 1_000_000, now_ms())
    except OSError as exc:
        raise typer.BadParameter(f"{plain(file)} can't be read: {exc.strerror}.", param_hint="FILE") from exc


def _name(file: str) -> str:
    return "" if file == _STANDARD_INPUT else Path(file).name


def _read(content: bytes, terms: Terms, *, as_json: bool) -> Listed:
    """What the file lists. Raises Exit where it has flaws, after they were named."""
    listed = Listed()
    with terminal.progress(TextColumn("Reading"), terminal.Rate()) as show:
        for rows in reading.read(content, terms, listed):
            if rows % _STEP == 0:
                show(completed=rows)
    if listed.flaws:
        _refuse(listed, as_json=as_json)
    if listed.undated and terms.as_of_ms is None:
        raise typer.BadParameter(
            f"{count(listed.undated, 'row')} without a date: say when the list was made.", param_hint="--as-of"
        )
    _warn_of_what_is_guessed(listed, terms)
    return listed


def _refuse(listed: Listed, *, as_json: bool) -> None:
    """Say what is wrong with the file, and end."""
    flaws = listed.flaws
    if as_json:
        say_json({"flaws": [{"row": one.row, "column": one.column, "why": one.why} for one in flaws]})
    else:
        for flaw in flaws[:ROWS_SHOWN]:
            warn(plain(str(flaw)))
        if len(flaws) > ROWS_SHOWN:
            warn(f"… and {count(len(flaws) - ROWS_SHOWN, 'more flaw')}; --json has them all.")
    warn("Nothing was recorded. Fix the file and run it again.")
    raise typer.Exit(1)


def _warn_of_what_is_guessed(listed: Listed, terms: Terms) -> None:
    if listed.ignored:
        warn(f"Not read: {count(len(listed.ignored), 'column')} ({plain(', '.join(listed.ignored))}).")
    if listed.undated and terms.as_of_ms is not None:
        at = iso(terms.as_of_ms)
        warn(f"{count(listed.undated, 'row')} without a date: as said at {at}; --as-of says otherwise.")
