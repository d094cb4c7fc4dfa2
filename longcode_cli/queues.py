"""Queues as a command needs them: how full one is, and letters that are looked at and put back."""

from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from longcode.domain.priority import Priority

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from longcode_cli.stack import Stack


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages a queue holds: ready to be received, and in flight or hidden."""

    visible: int
    hidden: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.hidden


def by_priority(stack: "Stack") -> dict[Priority, Depth]:
    """How full the queue of each priority is."""
    urls = {Priority.TRANSACTIONAL: stack.queue_url, Priority.BULK: stack.bulk_queue_url}
    return {priority: depth(stack.sqs, url) for priority, url in urls.items()}


def together(depths: Iterable[Depth]) -> Depth:
    """Several of them as one."""
    found = list(depths)
    return Depth(sum(one.visible for one in found), sum(one.hidden for one in found))


def both(stack: "Stack") -> Depth:
    """How full the queues of both priorities are together."""
    return together(by_priority(stack).values())


def depth(sqs: "SQSClient", url: str) -> Depth:
    """How full the queue at `url` is."""
    found = sqs.get_queue_attributes(
        QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    return Depth(int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"]))


def receive(sqs: "SQSClient", url: str, *, hidden_s: int) -> "list[MessageTypeDef]":
    """Up to ten messages with their groups, hidden from other receivers for `hidden_s`; none if there are none."""
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
