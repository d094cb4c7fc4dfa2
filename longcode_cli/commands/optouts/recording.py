"""A list of opt-outs: compared with the ledger, shown, and recorded in it."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched

from rich.progress import BarColumn, TextColumn

from longcode.domain.errors import Unavailable
from longcode.domain.opt_outs import OptOutChange
from longcode.use_cases import opt_outs
from longcode.use_cases.opt_outs import Comparison
from longcode_cli import problems, terminal
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, now_ms, say

# Each writes one number after the other. All opt-outs are in one list of the table's index, which takes 1,000
# writes a second, and texts that are sent meanwhile write to the same table.
_WORKERS = 8
# As many as the ledger reads at once.
_CHUNK = 100


@dataclass(frozen=True, slots=True)
class How:
    """How a person wants it done."""

    yes: bool
    dry_run: bool
    as_json: bool


def run(stack: Stack, changes: Mapping[str, OptOutChange], how: How) -> None:
    """Say what these opt-outs do to the ledger, ask, and record them.

    Raises Problem without a yes, and where the ledger does not answer: what is recorded by then is named.
    """
    found = compare(stack, changes)
    if not how.as_json:
        say(_preview(stack, len(changes), found))
    written = 0
    if found.to_write and not how.dry_run:
        if not how.yes:
            terminal.ask(f"Record {count(len(found.to_write), 'opt-out')} in {stack.name}?")
        written = record(stack, found.to_write)
    if how.as_json:
        terminal.say_json(
            {
                "numbers": len(changes),
                "new": found.new,
                "known": found.known,
                "opted_in_since": found.later,
                "to_record": len(found.to_write),
                "recorded": written,
            }
        )
    elif how.dry_run:
        say("Nothing was recorded.")
    elif found.to_write:
        say(f"{count(written, 'opt-out')} recorded: no more texts go to these numbers.")
    else:
        say("There is nothing to record.")


def _preview(stack: Stack, many: int, found: Comparison) -> str:
    rows = [
        f"{count(many, 'number')}. In the ledger of {stack.name}",
        f"  {found.new:,} will be opted out,",
        f"  {found.known:,} are opted out already,",
        f"  {found.later:,} have opted in since, and stay so.",
    ]
    return "\n".join(rows)


def compare(stack: Stack, changes: Mapping[str, OptOutChange]) -> Comparison:
    """What recording them would do. Nothing is written."""
    now, ledger = now_ms(), stack.optouts
    new = known = later = 0
    to_write: dict[str, OptOutChange] = {}
    for found in _in_chunks("Comparing", changes, lambda chunk: opt_outs.compare(ledger, chunk, now)):
        new, known, later = new + found.new, known + found.known, later + found.later
        to_write |= found.to_write
    return Comparison(new, known, later, to_write)


def record(stack: Stack, changes: Mapping[str, OptOutChange]) -> int:
    """Record them; how many there were. It may be killed at any moment: another run records the rest.

    Raises Problem where the ledger does not answer.
    """
    now, ledger, done = now_ms(), stack.optouts, 0

    def write(chunk: Mapping[str, OptOutChange]) -> int:
        opt_outs.apply_all(ledger, chunk, now)
        return len(chunk)

    try:
        for written in _in_chunks("Recording", changes, write):
            done += written
    except Unavailable as exc:
        problem = problems.of(exc) or Problem(f"{exc}.", "Try again in a minute.")
        raise Problem(
            f"{problem} At least {done:,} of {count(len(changes), 'opt-out')} are recorded.",
            f"{problem.hint} Another run goes on where this one ended.",
        ) from exc
    return done


def _in_chunks[R](
    what: str, changes: Mapping[str, OptOutChange], work: Callable[[Mapping[str, OptOutChange]], R]
) -> Iterator[R]:
    """What `work` gives for each chunk, in their order, while a progress bar shows how far it is."""
    chunks = [dict(rows) for rows in batched(changes.items(), _CHUNK, strict=False)]
    pool = ThreadPoolExecutor(_WORKERS)
    try:
        with terminal.progress(TextColumn(what), BarColumn(), terminal.Rate(), total=len(changes)) as show:
            for place, result in enumerate(pool.map(work, chunks), 1):
                show(completed=min(place * _CHUNK, len(changes)))
                yield result
    finally:
        # What has not begun is left out, where a person has stopped it or the ledger fails.
        pool.shutdown(cancel_futures=True)
