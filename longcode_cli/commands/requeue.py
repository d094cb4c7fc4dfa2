"""`longcode requeue`: texts put back into the queue: what it has lost, or what carriers have refused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, batched
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.progress import BarColumn, TextColumn

from longcode.domain import pacing
from longcode.domain.message import Message, iso
from longcode.use_cases import backlog
from longcode.use_cases.ports import Waiting
from longcode_cli import refused_texts, terminal
from longcode_cli.brakes import CARRIERS, say_what_holds_texts
from longcode_cli.options import ANYWHERE, DryRun, Full, Where, Yes, examples, moment, stack_options
from longcode_cli.problems import Problem
from longcode_cli.queues import both, depth
from longcode_cli.quiet import Uncounted
from longcode_cli.refused_texts import LATER, Found, LeftOut
from longcode_cli.stack import Stack
from longcode_cli.terminal import ROWS_SHOWN, count, now_ms, number, say, span, warn

EXAMPLES = examples(
    "requeue --dry-run",
    "requeue",
    "requeue --purged-at 2026-11-25T02:00:00Z --stack long-code-sms-prod --profile ops",
    "requeue --refused-by-cap --dry-run",
    "requeue --refused-by-cap --since 2026-11-25T08:00:00Z --yes --stack long-code-sms-prod --profile ops",
)

_WORKERS = 10
# So many between two steps of the progress that is shown.
_CHUNK = 100
# SQS goes on purging for up to a minute, and what is put in meanwhile may go too. Its counts can be as late. And a
# text that was accepted just now may not have come to the queue yet.
_SETTLED_MS = 60_000
_ALL = 2**31 - 2


_PurgedAt = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="When the queue was purged, in ISO 8601. Needed if it is not empty now."),
]
_RefusedByCap = Annotated[
    bool,
    typer.Option(
        "--refused-by-cap",
        help="Queue texts anew that carriers refused for how much they take (40011, 40014, 40016, 40018).",
    ),
]
_Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="With --refused-by-cap: those accepted at this time or later.  [default: ValidityMinutes ago]",
    ),
]


@stack_options(*ANYWHERE)
def command(
    where: Where,
    purged_at: _PurgedAt = None,
    refused_by_cap: _RefusedByCap = False,
    since: _Since = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    full: Full = False,
) -> None:
    """Put waiting texts that the queue has lost back into it. They leave in order; none is sent twice.

    It is for when the queue was purged. Wait a minute after that, for so long SQS goes on purging, also what
    is put back. It may be stopped at any point and run again, then with --purged-at.

    With --refused-by-cap it queues texts that carriers refused, and asks before. Each becomes a new text with an
    id of its own, which names the old one in metadata.requeued_from; the old one's status stays. It may be killed
    at any point and run again: none is queued twice. Ask your callers first whether they have sent them again
    themselves.

    The exit code is 1 if texts are left of which it is too early to say whether they are lost, or that could not
    be queued now.
    """
    purged_ms = None if purged_at is None else moment(purged_at, "--purged-at")
    since_ms = None if since is None else moment(since, "--since")
    if refused_by_cap:
        if purged_at is not None or full:
            raise typer.BadParameter("Of --purged-at, --full and --refused-by-cap give one.")
        _queue_refused(where.open(), since_ms, yes=yes, dry_run=dry_run)
        return
    if since is not None or yes:
        raise typer.BadParameter("--since and --yes go with --refused-by-cap.")
    _requeue_lost(where.open(), purged_ms, dry_run=dry_run, full=full)


def _requeue_lost(stack: Stack, purged_ms: int | None, *, dry_run: bool, full: bool) -> None:
    now = now_ms()
    found = lost(stack, now, purged_ms)
    # SQS goes on purging for a minute.
    before = "over a minute ago" if purged_ms is None else f"up to a minute after {iso(purged_ms)}"
    texts = [text for one in found.by_recipient for text in one]
    what = f"{count(len(texts), 'text')} to {count(len(found.by_recipient), 'recipient')}"
    if not texts:
        say(f"No text waits that was accepted {before}.")
    elif dry_run:
        say(f"{what} in {stack.name}, accepted {before}. Nothing was put back.")
        say(_table(found.by_recipient, now, full=full))
    else:
        _put_back(stack, texts, now)
        say(f"{what} put back, accepted {before}.")
        say_what_holds_texts(stack)
    _warn_of_the_rest(found, now)


def _table(by_recipient: Sequence[Sequence[Waiting]], now_ms: int, *, full: bool) -> RenderableType:
    """Whose texts would be put back into the queue."""
    table = terminal.table("to", "texts", "oldest", right=("texts", "oldest"))
    for texts in by_recipient[:ROWS_SHOWN]:
        table.add_row(
            number(texts[0].recipient, full=full), f"{len(texts):,}", span(now_ms - texts[0].place.ready_ms)
        )
    more = len(by_recipient) - ROWS_SHOWN
    return Group(table, *([f"… and {count(more, 'more recipient')}."] if more > 0 else []))


def _put_back(stack: Stack, texts: list[Waiting], now: int) -> None:
    with terminal.progress(TextColumn("Putting back"), BarColumn(), total=len(texts)) as show:
        for done in requeue(stack, texts, now):
            show(completed=done)


def _warn_of_the_rest(found: "Lost", now: int) -> None:
    if found.by_recipient and found.dead_letters:
        warn(
            f"{count(found.dead_letters, 'text')} among the dead letters may be in the queue as well now. "
            "A redrive later does no harm."
        )
    if found.younger:
        warn(
            f"{count(found.younger, 'text')} accepted in the last minute may be lost as well. Was the queue "
            f"purged in that time? Then, in a minute: longcode requeue --purged-at {iso(now)}"
        )
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Lost:
    """The texts that wait and that the queue has lost, recipient by recipient, the longest waiting first.

    `younger`: how many more wait of which it is too early to say. `dead_letters`: some of all these may be there.
    """

    by_recipient: list[list[Waiting]]
    younger: int
    dead_letters: int


def lost(stack: Stack, now_ms: int, purged_ms: int | None) -> Lost:
    """What the queue has lost: what was accepted before it was purged, and in the minute for which SQS goes on
    purging; or all, where it is not known when that was.

    Then it has to be empty now, and there may be no dead letters. Raises Problem where it can't be
    known, or is not to be put back yet.
    """
    if purged_ms is not None and now_ms < purged_ms:
        raise Problem("--purged-at is in the future.", "It is when the queue was purged.")
    if purged_ms is not None and now_ms < purged_ms + _SETTLED_MS:
        raise Problem(
            "SQS may still be purging, also what is put back now.",
            f"Run it again in {pacing.seconds_up(purged_ms + _SETTLED_MS - now_ms)} s.",
        )
    before_ms = now_ms - _SETTLED_MS if purged_ms is None else purged_ms + _SETTLED_MS
    waiting, _ = stack.messages.waiting(_ALL)
    by_recipient: dict[str, list[Waiting]] = {}
    younger = 0
    for text in waiting:
        if text.place.ready_ms > now_ms:
            # The queue never had it.
            continue
        if text.place.ready_ms < before_ms:
            by_recipient.setdefault(text.recipient, []).append(text)
        elif purged_ms is None:
            younger += 1
    letters = depth(stack.sqs, stack.dead_letter_queue_url).total
    if by_recipient and purged_ms is None:
        if letters:
            raise Problem(
                f"Texts among the dead letters ({letters:,}) wait as well, and would be in the queue twice.",
                "Fix the consumer and put them back first: longcode redrive. Was the queue purged besides? "
                "longcode requeue --purged-at TIME does not mind them.",
            )
        if there := both(stack).total:
            raise Problem(
                f"The queue holds about {there:,}, so it may have lost nothing.",
                "Was it purged? longcode requeue --purged-at TIME puts back what was accepted before then.",
            )
    return Lost(sorted(by_recipient.values(), key=lambda texts: texts[0].place), younger, letters)


def requeue(stack: Stack, texts: Sequence[Waiting], now_ms: int) -> Iterator[int]:
    """Put `texts` into the queue, and say after each chunk how many are in.

    Which of them the queue still has can't be asked of SQS, so some may get a second copy. That can't cause a
    second text: the consumer sends only what it can claim, and what was claimed waits no more. A copy costs a
    receive and a read.
    """
    queues = stack.queues

    def put(chunk: Sequence[Waiting]) -> int:
        # Another mark in each run: in between, the queue may have been emptied again.
        backlog.put_back(chunk, queues, Uncounted(), mark=f"requeue:{now_ms}")
        return len(chunk)

    with ThreadPoolExecutor(_WORKERS) as pool:
        yield from accumulate(pool.map(put, batched(texts, _CHUNK, strict=False)))


# ------------------------------------------------------------------------------------- refused by a carrier


def _queue_refused(stack: Stack, since_ms: int | None, *, yes: bool, dry_run: bool) -> None:
    """Say which texts carriers have refused, ask, and queue them anew."""
    now = now_ms()
    if since_ms is not None and since_ms > now:
        raise typer.BadParameter("is in the future.", param_hint="--since")
    if since_ms is None:
        since_ms = now - int(stack.parameters["ValidityMinutes"]) * 60_000
    with terminal.progress(TextColumn("Looking"), terminal.Rate()) as show:
        found = refused_texts.find(stack, since_ms, lambda looked: show(completed=looked))
    many = len(found.texts) + found.left_out.total()
    say(f"{count(many, 'text')} in {stack.name} accepted since {iso(since_ms)} and refused by a carrier.")
    if many:
        say(_refused(found))
    if not found.texts:
        say("There is nothing to put back.")
    elif dry_run:
        say("Nothing was queued.")
    else:
        if not yes:
            terminal.ask(f"Queue {_texts(found.texts)} as new ones in {stack.name}?")
        _say_what_became_of_them(stack, _put_back_refused(stack, found.texts))


def _texts(texts: Sequence[Message]) -> str:
    return f"{count(len(texts), 'text')} of {count(sum(text.segments for text in texts), 'segment')}"


def _refused(found: Found) -> RenderableType:
    """What would be queued, by carrier, and what is left out."""
    table = terminal.table("carrier", "texts", "segments", "to", right=("texts", "segments", "to"))
    by_carrier: dict[str, list[Message]] = {}
    for text in found.texts:
        carrier = refused_texts.carrier_of(text)
        by_carrier.setdefault(CARRIERS[carrier] if carrier else "not known", []).append(text)
    for name, texts in sorted(by_carrier.items(), key=lambda row: -len(row[1])):
        parts, people = sum(text.segments for text in texts), len({text.recipient for text in texts})
        table.add_row(name, f"{len(texts):,}", f"{parts:,}", f"{people:,}")
    left_out = [f"Left out: {count(many, 'text')} {why}." for why, many in sorted(found.left_out.items())]
    return Group(*([table] if by_carrier else []), *left_out)


def _put_back_refused(stack: Stack, texts: Sequence[Message]) -> Counter[LeftOut | None]:
    became = Counter[LeftOut | None]()
    with terminal.progress(TextColumn("Queueing"), BarColumn(), terminal.Rate(), total=len(texts)) as show:
        for theirs in refused_texts.put_back(stack, texts):
            became += theirs
            show(completed=became.total())
    return became


def _say_what_became_of_them(stack: Stack, became: Counter[LeftOut | None]) -> None:
    queued = became.pop(None, 0)
    say(f"{count(queued, 'text')} queued anew. Each names the old one in metadata.{refused_texts.FIELD}.")
    if queued:
        say_what_holds_texts(stack)
    for why, many in became.items():
        warn(f"Left out: {count(many, 'text')} {why}." + (" Run it again later." if why in LATER else ""))
    if LATER & became.keys():
        raise typer.Exit(1)
