"""`longcode cancel`: texts that still wait taken back, one by one or by their tag."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.progress import BarColumn, TextColumn

from longcode.aws.carriers import DynamoCarriers
from longcode.domain.errors import InvalidRequest, NotFound, TooLate
from longcode.domain.message import Message, is_message_id
from longcode.domain.status import Status
from longcode.entrypoints.system_clock import SystemClock
from longcode.use_cases import cancel
from longcode.use_cases.search import Query
from longcode_cli import terminal
from longcode_cli.options import ANYWHERE, DryRun, Where, Yes, examples, stack_options
from longcode_cli.quiet import Uncounted, Unlogged
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, now_ms, plain, say, warn

EXAMPLES = examples(
    "cancel 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
    "cancel --tag spring --dry-run",
    "cancel --tag spring --yes --stack long-code-sms-prod --profile ops",
)

_WORKERS = 10
# So many messages are read at a time.
_PAGE = 100
_CANCELLED, _NOT_FOUND = Status.CANCELLED.value, "not found"


@stack_options(*ANYWHERE)
def command(
    where: Where,
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Our message ids, or Telnyx's.", show_default=False),
    ] = None,
    tag: Annotated[
        str | None, typer.Option(metavar="TAG", help="All texts with this tag that still wait.")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Take back texts that still wait, by their ids or their tag. What was cancelled is never sent.

    With --tag it counts them first, and asks. Texts that are under way already are too late; those whose status
    is final are left alone. It may be stopped at any point and run again.

    The exit code is 1 if a text was too late, or was not found.
    """
    if bool(ids) == (tag is not None):
        raise typer.BadParameter("Give the ids of texts, or --tag.")
    if tag is None and (yes or dry_run):
        raise typer.BadParameter("--yes and --dry-run go with --tag.")
    if tag is not None:
        wanted = _wanted(tag)
        _cancel_tag(where.open(), tag, wanted, yes=yes, dry_run=dry_run)
    else:
        asked = [_ident(text) for text in dict.fromkeys(ids or [])]
        _cancel_each(where.open(), asked)


def _ident(text: str) -> str:
    if not is_message_id(text.strip()):
        raise typer.BadParameter(f"{plain(text)} is not a message id.", param_hint="ID")
    return text.strip().lower()


def _wanted(tag: str) -> Query:
    try:
        return cancel.tag_query({"tag": tag})
    except InvalidRequest as exc:
        raise typer.BadParameter(str(exc), param_hint="--tag") from exc


def _canceller(stack: Stack) -> cancel.Canceller:
    carriers = DynamoCarriers(stack.client("dynamodb"), stack.outputs["LimitsTableName"])
    return cancel.Canceller(
        stack.messages, stack.finder, carriers, SystemClock(), Uncounted(), Unlogged(), source="operator"
    )


# ------------------------------------------------------------------------------------------ by their ids


def _cancel_each(stack: Stack, ids: Sequence[str]) -> None:
    canceller, table = _canceller(stack), terminal.table("id", "result")
    became = Counter[str]()
    for ident in ids:
        result = _cancel_one(canceller, ident)
        became[result] += 1
        table.add_row(ident, _words(result))
    say(table)
    _end(became)


def _cancel_one(canceller: cancel.Canceller, ident: str) -> str:
    """What became of a text: its status, or that there is none."""
    try:
        return canceller.by_id(ident).status.value
    except TooLate as exc:
        return exc.status
    except NotFound:
        return _NOT_FOUND


def _words(result: str) -> str:
    return result if result in (_CANCELLED, _NOT_FOUND) else f"too late: {result.replace('_', ' ')}"


def _end(became: Counter[str]) -> None:
    """Exit code 1 if a text was not cancelled."""
    if became[Status.SENDING.value]:
        warn("A text that is sending may come back into its recipient queue: run it again in a minute.")
    if became.keys() - {_CANCELLED}:
        raise typer.Exit(1)


# ------------------------------------------------------------------------------------------ by their tag


@dataclass(frozen=True, slots=True)
class _Found:
    """The texts of a tag that wait, the newest first, and how many are under way in which status."""

    waiting: list[Message]
    under_way: Counter[str]


def _cancel_tag(stack: Stack, tag: str, wanted: Query, *, yes: bool, dry_run: bool) -> None:
    found = _look(stack, wanted)
    many = len(found.waiting)
    say(f"{count(many, 'text')} with the tag {plain(tag)} in {stack.name} {'waits' if many == 1 else 'wait'}.")
    if dry_run:
        if found.under_way:
            say(_results(found.under_way))
        say("Nothing was cancelled.")
        return
    became = Counter(found.under_way)
    if many:
        if not yes:
            terminal.ask(f"Cancel {count(many, 'text')} in {stack.name}?")
        with terminal.progress(TextColumn("Cancelling"), BarColumn(), terminal.Rate(), total=many) as show:
            for done, result in enumerate(_cancel_all(stack, found.waiting), 1):
                became[result] += 1
                show(completed=done)
    if became:
        say(_results(became))
    _end(became)


def _look(stack: Stack, wanted: Query) -> _Found:
    """All texts of a tag that have not ended."""
    now, looked, after = now_ms(), 0, wanted.after
    found = _Found([], Counter())
    with terminal.progress(TextColumn("Looking"), terminal.Rate()) as show:
        while True:
            page = stack.finder.find(wanted.search, after, _PAGE, now)
            for message in stack.messages.get_all(page.ids):
                if not wanted.search.fits(message) or message.status.final:
                    continue
                if message.status.waiting:
                    found.waiting.append(message)
                else:
                    found.under_way[message.status.value] += 1
            looked, after = looked + len(page.ids), page.next
            show(completed=looked)
            if after is None:
                return found


def _cancel_all(stack: Stack, texts: Sequence[Message]) -> Iterator[str]:
    canceller = _canceller(stack)

    def end(message: Message) -> str:
        ended = canceller.cancel(message)
        return ended.status.value if ended else _NOT_FOUND

    with ThreadPoolExecutor(_WORKERS) as pool:
        yield from pool.map(end, texts)


def _results(became: Counter[str]) -> RenderableType:
    table = terminal.table("result", "texts", right=("texts",))
    for result, many in sorted(became.items(), key=lambda row: (row[0] != _CANCELLED, -row[1])):
        table.add_row(_words(result), f"{many:,}")
    return table
