"""`longcode restore`: what the messages table has lost, put back from a restored copy of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.progress import TextColumn

from longcode.aws import message_codec
from longcode.aws.restore import TableRestore
from longcode.domain.status import Status
from longcode_cli import terminal
from longcode_cli.options import ANYWHERE, DryRun, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, now_ms, say

EXAMPLES = examples(
    "restore messages-at-0200 --dry-run --stack long-code-sms-prod",
    "restore messages-at-0200 --stack long-code-sms-prod --profile ops",
)

_WORKERS = 10
_BATCH = 200
# Counters and what they stand for: the publisher counts anew what is put back.
_COUNTED = ("S#", "B#", "H#")


@stack_options(*ANYWHERE)
def command(
    where: Where,
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A restored copy of the messages table.")],
    dry_run: DryRun = False,
) -> None:
    """Put back what the messages table has lost. From a restored copy; overwrites nothing, and sends nothing.

    A text that waited at the time of the copy may have left since: it comes back as unknown, for evidence to
    settle. It may be stopped at any point and run again.
    """
    stack = where.open()
    if not dry_run and stack.limits.read_gate("", stack.sender).control.paused_since_ms is None:
        raise Problem(
            "Sending is not paused.", "longcode pause first, and resume when you have seen what came back."
        )
    done = Restored()
    with terminal.progress(TextColumn("Reading")) as show:
        for done in restore(stack, table, now_ms(), dry_run=dry_run):
            show(completed=done.read)
    say(_report(done, dry_run=dry_run))


@dataclass(slots=True)
class Restored:
    """How far a restore has come: items read, those that were there, and those put back by what they are."""

    read: int = 0
    there: int = 0
    expired: int = 0
    texts: Counter[Status] = field(default_factory=Counter)
    others: int = 0

    @property
    def put_back(self) -> int:
        """Items of all kinds."""
        return sum(self.texts.values()) + self.others

    @property
    def in_doubt(self) -> int:
        """Texts that had not left, as far as the copy knows."""
        return sum(many for status, many in self.texts.items() if status.rank < Status.SUBMITTED.rank)


def restore(stack: Stack, table: str, now_ms: int, *, dry_run: bool) -> Iterator[Restored]:
    """Put back what only `table` has, and say after each batch how far it is. It may be run again.

    Nothing newer is overwritten, and nothing that is written is ever sent: whether a text that waited at the time
    of the copy left afterwards is not known.
    """
    done, restoring = Restored(), TableRestore(stack.messages.table)
    act: Callable[[Any], bool] = restoring.lacks if dry_run else (lambda item: restoring.put_back(item, now_ms))
    items = (item for item in restoring.copies(table) if not item["pk"]["S"].startswith(_COUNTED))
    with ThreadPoolExecutor(_WORKERS) as pool:
        while batch := list(islice(items, _BATCH)):
            done.read += len(batch)
            alive = [item for item in batch if not _expired(item)]
            done.expired += len(batch) - len(alive)
            for item, missing in zip(alive, pool.map(act, alive), strict=True):
                message = message_codec.image(item)
                if not missing:
                    done.there += 1
                elif message:
                    done.texts[message.status] += 1
                else:
                    done.others += 1
            yield done


def _expired(item: dict[str, Any]) -> bool:
    """Whether DynamoDB would remove it again."""
    return "expires_at" in item and int(item["expires_at"]["N"]) <= time.time()


def _report(done: Restored, *, dry_run: bool) -> RenderableType:
    """What came back from a copy of the table, or would."""
    would = "would be " if dry_run else ""
    words = [
        f"{count(done.read, 'item')} read, {done.there:,} of them still there, {done.expired:,} past their time.",
        f"{count(done.put_back, 'item')} {would}put back.",
    ]
    table = terminal.table("texts", "were", "come back as", right=("texts",))
    for status, many in sorted(done.texts.items(), key=lambda row: row[0].rank):
        after = Status.UNKNOWN if status.rank < Status.SUBMITTED.rank else status
        table.add_row(f"{many:,}", status.value, after.value)
    return Group(*words, *([table] if done.texts else []))
