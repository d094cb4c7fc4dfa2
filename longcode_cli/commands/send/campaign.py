"""Sends a file: its preview, the question, its texts, and what it came to."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from longcode_cli import terminal
from longcode_cli.api import Api
from longcode_cli.commands.send import preview
from longcode_cli.commands.send.asked import OfFile
from longcode_cli.commands.send.columns import Columns, Header
from longcode_cli.commands.send.preview import Preview
from longcode_cli.commands.send.results import NOT_YET, OPTED_OUT, PROBLEM, REFUSED, Results
from longcode_cli.commands.send.sending import Sending
from longcode_cli.commands.send.sheet import STANDARD_INPUT, Sheet, Source, open_source
from longcode_cli.commands.send.texts import Run
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, plain, say, say_json, warn

# What rows are that are no accepted texts, in a sentence.
_OTHERS = {OPTED_OUT: "opted out", REFUSED: "refused", PROBLEM: "no texts", NOT_YET: "not yet"}


@dataclass(frozen=True, slots=True)
class How:
    """How a person wants it done."""

    yes: bool
    dry_run: bool
    skip_problems: bool
    as_json: bool


# Any: JSON.
@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the file is to be sent. `common` are the fields that all of its texts have."""

    text: str | None
    region: str
    common: dict[str, Any]
    of_file: OfFile


def send(stack: Stack, api: Api, wanted: Wanted, how: How) -> None:
    """Send a file, or only show what would be sent. Raises Problem where it can't be, or is stopped."""
    of_file = wanted.of_file
    file = of_file.expect_whole(wanted.text)
    if file == STANDARD_INPUT and not (how.yes or how.dry_run):
        raise typer.BadParameter("The standard input is the file, so no question can be asked: add --yes.")
    with open_source(file) as source:
        run = _run_of(stack, source, wanted)
        with Results(of_file.results or _beside(file, source, of_file.again), run.ident) as results:
            _run(run, api, results, how)


def _run_of(stack: Stack, source: Source, wanted: Wanted) -> Run:
    of_file = wanted.of_file
    sheet = Sheet(source, of_file.encoding, of_file.delimiter)
    columns = Columns.find(Header(sheet.header), of_file.to_column, wanted.text, of_file.text_column)
    # A tag of the content's, not of the name's: a file that is renamed is the same campaign.
    tag = "-".join(filter(None, ("send", source.digest[:8], of_file.again)))
    common = {"metadata": {"tag": tag}} | wanted.common
    return Run(sheet, columns, wanted.region, common, _identity(stack), of_file.again, wanted.text or "")


def _identity(stack: Stack) -> str:
    """Which stack a run is of: its results are no other's."""
    return str(stack.local.home) if stack.local else stack.api_url


def _beside(file: str, source: Source, again: str) -> Path:
    """Where the results of a file are."""
    name = "".join(f".{part}" for part in (again, "results.csv") if part)
    if file == STANDARD_INPUT:
        return Path(f"standard-input-{source.digest[:8]}{name}")
    path = Path(file)
    return path.with_name(f"{path.stem}{name}")


def _run(run: Run, api: Api, results: Results, how: How) -> None:
    found = _looked_at(run, api, results, how)
    if how.dry_run:
        if how.as_json:
            say_json({"dry_run": True, **preview.fields(found)})
        else:
            say("Nothing was sent.")
        if found.has_problems and not how.skip_problems:
            raise typer.Exit(1)
        return
    if found.has_problems and not how.skip_problems:
        raise Problem(
            f"{count(found.flawed + found.refused, 'row')} can't be sent, so nothing was sent.",
            "Fix the file, or send the others with --skip-problems.",
        )
    if not found.texts and not results.begun:
        raise Problem(f"{run.sheet.source.name} has no row that can be sent.", "Nothing was sent.")
    if found.texts or found.flawed:
        if not how.yes:
            terminal.ask(f"Send {count(found.sendable, 'text')}?")
        _send(run, api, results, found.rows)
    _report(run, results, how)


def _looked_at(run: Run, api: Api, results: Results, how: How) -> Preview:
    """What the file would send, which is shown. Raises Problem where it has no rows."""
    if results.begun and not how.dry_run:
        # It was shown, and got its yes, when it was begun.
        found = Preview()
        for batch in run.batches():
            found.look(batch, results)
        if not how.as_json:
            left = found.rows - found.texts - found.flawed
            say(f"{left:,} of {count(found.rows, 'row')} are done, by {plain(str(results.path))}.")
            if left == found.rows:
                say("To send the same texts once more on purpose: --again NAME.")
        return found
    with terminal.progress(TextColumn("Checking"), terminal.Rate()) as show:
        found = preview.look(run, api, results, lambda rows: show(completed=rows))
    if not found.rows:
        raise Problem(f"{run.sheet.source.name} has no rows below its first.", "That one names the columns.")
    if not how.as_json:
        say(preview.shown(found, run))
    elif found.has_problems and not how.skip_problems and not how.dry_run:
        say_json({"dry_run": True, **preview.fields(found)})
    return found


def _send(run: Run, api: Api, results: Results, rows: int) -> None:
    """Send it. Raises Problem where it is stopped, with what is done by then."""
    bar = (TextColumn("{task.description}"), BarColumn(), terminal.Rate(), TimeRemainingColumn())
    try:
        with terminal.progress(*bar, total=rows) as show:
            show(description="Sending")
            Sending(run, api, results, lambda done: show(completed=done)).send()
    except (KeyboardInterrupt, Problem) as exc:
        known = sum(results.counts().values())
        said, hint = (str(exc), f"{exc.hint} ") if isinstance(exc, Problem) else ("Stopped.", "")
        raise Problem(
            f"{said} {known:,} of {count(rows, 'row')} have results.",
            f"{hint}The same command goes on where it was, and sends nothing twice.",
        ) from None


def _report(run: Run, results: Results, how: How) -> None:
    """Say what it came to. Raises Exit where something is left to do."""
    counts, tag = results.counts(), str(run.common["metadata"]["tag"])
    if how.as_json:
        others = {name: counts[name] for name in (OPTED_OUT, REFUSED, PROBLEM, NOT_YET)}
        say_json({"accepted": results.accepted, **others, "tag": tag, "results": str(results.path)})
    else:
        rest = [f"{counts[name]:,} {words}" for name, words in _OTHERS.items() if counts[name]]
        say(f"{count(results.accepted, 'text')} accepted{''.join(f', {part}' for part in rest)}.")
        say(f"Each row: {plain(str(results.path))}")
        say(f"How they go: longcode watch {plain(shlex.quote(tag))}")
    if counts[NOT_YET]:
        warn("The same command sends what is not yet accepted, once there is room; the result file says why.")
        raise typer.Exit(1)
    if counts[REFUSED] and not how.skip_problems:
        warn("Texts were refused: the result file says why.")
        raise typer.Exit(1)
