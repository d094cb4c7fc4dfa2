"""`longcode redrive`: dead letters back into the queue."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from rich.console import Group, RenderableType
from rich.progress import BarColumn, TextColumn

from longcode.aws import queue
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode_cli import terminal
from longcode_cli.brakes import say_what_holds_texts
from longcode_cli.options import ANYWHERE, DryRun, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.queues import depth, receive, released_afterwards
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, say, warn

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

EXAMPLES = examples("redrive --dry-run", "redrive", "redrive --stack long-code-sms-prod --profile ops")

POLL_S = 1.0
# AWS lists a new task within seconds.
_POLLS_UNTIL_LISTED = 30
# Long enough for ten sends, short enough for the next try after one that was killed.
_HIDDEN_S = 60
_MOVING = ("RUNNING", "CANCELLING")


@stack_options(*ANYWHERE)
def command(where: Where, dry_run: DryRun = False) -> None:
    """Put the dead letters back into the queue. Their texts leave in order; none is sent a second time.

    Each takes its place in its recipient's queue, before what was accepted later. It may be stopped at any point
    and run again. On AWS the move goes on without this command; run again, it follows the one that is under way.
    """
    stack = where.open()
    letters = depth(stack.sqs, stack.dead_letter_queue_url)
    if letters.hidden:
        warn(
            f"{count(letters.hidden, 'dead letter')} in flight: another program looks at them, or a redrive "
            "was killed. They show again within a minute or so."
        )
    if dry_run:
        if not letters.visible:
            say("There are no dead letters to put back.")
            return
        say(f"{count(letters.visible, 'dead letter')} in {stack.name}. Nothing was moved.")
        say(_table(preview(stack, at_most=200)))
        return
    moved = _redrive(stack)
    if not moved:
        say("There are no dead letters to put back.")
        return
    say(f"{count(moved, 'dead letter')} put back.")
    say_what_holds_texts(stack)


def _redrive(stack: Stack) -> int:
    moved = 0
    with terminal.progress(TextColumn("Putting back"), BarColumn()) as show:
        for step in redrive(stack, time.sleep):
            moved = step.moved
            show(completed=step.moved, total=step.total)
    return moved


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a redrive has come; both numbers are SQS's, so about right."""

    moved: int
    total: int


def redrive(stack: Stack, sleep: Callable[[float], None]) -> Iterator[Progress]:
    """Move all dead letters back, saying after each step how far it is. Raises Problem if it was stopped.

    It can't cause a second text: the consumer sends only what it can claim, and a text that ever left can't be
    claimed again. The table has the order in which a recipient's texts leave. So a redrive may be stopped at any
    point and run again.
    """
    source = stack.dead_letter_queue_url
    try:
        yield from _by_aws(stack.sqs, _arn(stack.sqs, source), sleep)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("InvalidAction", "UnknownOperationException"):
            raise
        # The emulator has no such call. It is the first that is made, so nothing has moved yet.
        yield from _by_hand(stack, source)


def _arn(sqs: "SQSClient", url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _by_aws(sqs: "SQSClient", source: str, sleep: Callable[[float], None]) -> Iterator[Progress]:
    """By SQS's own task, which keeps a FIFO's order and goes on without us; one that runs already is followed."""
    known = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])
    before = None
    if not known or known[0]["Status"] not in _MOVING:
        before = known[0]["StartedTimestamp"] if known else None
        # Without a destination each goes back to the queue that it came from.
        sqs.start_message_move_task(SourceArn=source)
        known = []
    unlisted = 0
    while True:
        if not known or known[0]["StartedTimestamp"] == before:
            unlisted += 1
            if unlisted > _POLLS_UNTIL_LISTED:
                raise Problem("AWS took the order but lists no such task.", "longcode queue shows what moved.")
        else:
            task = known[0]
            moved = task.get("ApproximateNumberOfMessagesMoved", 0)
            yield Progress(moved, max(moved, task.get("ApproximateNumberOfMessagesToMove", 0)))
            if task["Status"] == "COMPLETED":
                return
            if task["Status"] not in _MOVING:
                why = task.get("FailureReason", task["Status"].lower())
                raise Problem(f"AWS stopped after {moved} dead letters: {why}.", "longcode redrive goes on.")
        sleep(POLL_S)
        known = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])


def _queue_of(stack: Stack, body: str) -> str:
    """The queue that a dead letter came from."""
    ident, timer = queue.read_body(body), queue.read_timer(body)
    message = stack.messages.get(ident) if ident else None
    found = message or timer
    return stack.bulk_queue_url if found and found.priority is Priority.BULK else stack.queue_url


def _by_hand(stack: Stack, source: str) -> Iterator[Progress]:
    """By receive, send, delete, one after the other; what can't be sent goes back to where it was."""
    sqs = stack.sqs
    total = depth(sqs, source).visible
    moved = 0
    yield Progress(moved, total)
    # Bounded, so that letters which die again meanwhile are not moved in a circle.
    while moved < total:
        letters = receive(sqs, source, hidden_s=_HIDDEN_S)
        if not letters:
            return
        with released_afterwards(sqs, source, letters):
            while letters:
                letter = letters[0]
                sqs.send_message(
                    QueueUrl=_queue_of(stack, letter["Body"]),
                    MessageBody=letter["Body"],
                    MessageGroupId=letter["Attributes"]["MessageGroupId"],
                    # Not the original's, which SQS may have seen within its five minutes; and the same when a
                    # redrive that was killed right here is run again. A letter that dies again has a new id.
                    MessageDeduplicationId=f"{letter['MessageId']}:redrive",
                )
                sqs.delete_message(QueueUrl=source, ReceiptHandle=letter["ReceiptHandle"])
                del letters[0]
                moved += 1
                yield Progress(moved, max(moved, total))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a redrive would find: dead letters by the status of their text, and whether some were not looked at.

    `newer`: so many that only a later release can read.
    """

    by_status: Counter[Status | None]
    newer: int
    more: bool


def preview(stack: Stack, at_most: int) -> Preview:
    """Look at up to `at_most` dead letters and leave them where they are."""
    sqs, url = stack.sqs, stack.dead_letter_queue_url
    total = depth(sqs, url).visible
    letters: list[MessageTypeDef] = []
    found: Counter[Status | None] = Counter()
    with released_afterwards(sqs, url, letters):
        while len(letters) < min(at_most, total):
            received = receive(sqs, url, hidden_s=_HIDDEN_S)
            if not received:
                break
            letters += received
        newer = sum(queue.is_newer(letter["Body"]) for letter in letters)
        for letter in letters:
            if queue.is_newer(letter["Body"]):
                continue
            ident = queue.read_body(letter["Body"])
            message = stack.messages.get(ident) if ident else None
            found[message.status if message else None] += 1
    return Preview(found, newer, total > len(letters))


def _table(found: Preview) -> RenderableType:
    """What a redrive would do with the dead letters there are."""
    table = terminal.table("letters", "text is", "a redrive", right=("letters",))
    for status, letters in sorted(found.by_status.items(), key=lambda row: row[0].rank if row[0] else -1):
        table.add_row(f"{letters:,}", status.value if status else "not known", _effect(status))
    if found.newer:
        table.add_row(f"{found.newer:,}", "of a later release", "puts it back, where it waits for that release")
    return Group(table, *(["More lie there than were looked at."] if found.more else []))


def _effect(status: Status | None) -> str:
    if status is None:
        return "takes it off: the consumer finds no text to send"
    if status.waiting:
        return "puts it back into its recipient's queue"
    if status is Status.SENDING:
        return "has the consumer settle it by evidence, not send it again"
    return "takes it off: nothing is sent again"
