"""Dead letters back into the queue.

It can't cause a second text: the consumer sends only what it can claim, and a text that ever left can't be
claimed again. In which order a recipient's texts leave, the table says. So a redrive may be stopped at any point
and run again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from longcode.aws import queue
from longcode.domain.status import Status
from longcode_cli.problems import Problem
from longcode_cli.target import Target

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

POLL_S = 1.0
# AWS lists a new task within seconds.
_POLLS_UNTIL_LISTED = 30
# Long enough for ten sends, short enough for the next try after one that was killed.
_HIDDEN_S = 60
_MOVING = ("RUNNING", "CANCELLING")


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages a queue holds: ready to be received, and in flight or hidden."""

    visible: int
    hidden: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.hidden


def depth(sqs: "SQSClient", url: str) -> Depth:
    """How full the queue at `url` is."""
    found = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return Depth(int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"]))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a redrive has come; both numbers are SQS's, so about right."""

    moved: int
    total: int


def redrive(target: Target, sleep: Callable[[float], None]) -> Iterator[Progress]:
    """Move all dead letters back, saying after each step how far it is. Raises Problem if it was stopped."""
    source, destination = target.dead_letter_queue_url, target.queue_url
    try:
        yield from _by_aws(target.sqs, _arn(target.sqs, source), _arn(target.sqs, destination), sleep)
    except ClientError as exc:
        if exc.response["Error"]["Code"] not in ("InvalidAction", "UnknownOperationException"):
            raise
        # The emulator has no such call. It is the first that is made, so nothing has moved yet.
        yield from _by_hand(target.sqs, source, destination)


def _arn(sqs: "SQSClient", url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def _by_aws(sqs: "SQSClient", source: str, destination: str, sleep: Callable[[float], None]) -> Iterator[Progress]:
    """By SQS's own task, which keeps a FIFO's order and goes on without us; one that runs already is followed."""
    known = sqs.list_message_move_tasks(SourceArn=source, MaxResults=1).get("Results", [])
    before = None
    if not known or known[0]["Status"] not in _MOVING:
        before = known[0]["StartedTimestamp"] if known else None
        sqs.start_message_move_task(SourceArn=source, DestinationArn=destination)
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


def _by_hand(sqs: "SQSClient", source: str, destination: str) -> Iterator[Progress]:
    """By receive, send, delete, one after the other; what can't be sent goes back to where it was."""
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
                    QueueUrl=destination,
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


def receive(sqs: "SQSClient", url: str, *, hidden_s: int) -> "list[MessageTypeDef]":
    """Up to ten messages with their groups, hidden from everybody else for so long; none if there are none."""
    return sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=hidden_s,
        MessageSystemAttributeNames=["MessageGroupId"],
        # A short poll may miss what is there.
        WaitTimeSeconds=1,
    ).get("Messages", [])


def released_afterwards(sqs: "SQSClient", url: str, letters: "list[MessageTypeDef]") -> ExitStack:
    """A context that at its end shows again what is left in `letters`, whatever ended it."""

    def release() -> None:
        # What fails here shows again by itself, and must not hide why we stopped.
        with suppress(ClientError, BotoCoreError):
            for letter in letters:
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
                )

    stack = ExitStack()
    stack.callback(release)
    return stack


@dataclass(frozen=True, slots=True)
class Preview:
    """What a redrive would find: dead letters by the status of their text, and whether some were not looked at.

    `newer`: so many that only a later release can read.
    """

    by_status: Counter[Status | None]
    newer: int
    more: bool


def preview(target: Target, at_most: int) -> Preview:
    """Look at up to `at_most` dead letters and leave them where they are."""
    sqs, url = target.sqs, target.dead_letter_queue_url
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
            message = target.messages.get(ident) if ident else None
            found[message.status if message else None] += 1
    return Preview(found, newer, total > len(letters))
