"""The queue: what a queue message looks like, both ways, and the calls to SQS."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from longcode.aws.clients import TRIES, Sleep, pause_s, translated
from longcode.domain.errors import Unavailable
from longcode.domain.message import held_shards, is_message_id
from longcode.domain.schedule import Timer
from longcode.use_cases.ports import Waiting
from longcode.use_cases.queue_ports import Envelope

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_WHAT = "The queue"
# As many entries as one batch call takes.
_BATCH = 10
# What `body` writes. During a deploy, and after going back to the release before, a body was not always written by
# the release that reads it. So what is read is one version ahead of what is written: see "The queue's message
# format" in docs/architecture.md.
VERSION = 1
# The highest that is read. All up to it name the message in `id`, and what else they hold may be left out.
READS = 2


def body(message_id: str) -> str:
    """The queue message for one of our messages."""
    return json.dumps({"v": VERSION, "id": message_id}, separators=(",", ":"))


def read_body(text: str) -> str | None:
    """The message id in a queue message, None where it can't be read."""
    fields = _fields(text)
    if not 1 <= _version(fields) <= READS:
        return None
    found = fields.get("id")
    return found if isinstance(found, str) and is_message_id(found) else None


def timer_body(timer: Timer) -> str:
    """The queue message of a timer."""
    return json.dumps({"v": VERSION, "held": timer.shard, "at": timer.at_ms}, separators=(",", ":"))


def read_timer(text: str) -> Timer | None:
    """The timer in a queue message, None where it is none."""
    fields = _fields(text)
    shard, at_ms = fields.get("held"), fields.get("at")
    if not 1 <= _version(fields) <= READS or type(shard) is not int or type(at_ms) is not int:
        return None
    return Timer(shard, at_ms) if shard in held_shards() else None


def is_newer(text: str) -> bool:
    """Whether a later release wrote this, in a version that only it understands."""
    return _version(_fields(text)) > READS


# Any: what JSON holds.
def _fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _version(fields: Mapping[str, Any]) -> int:
    found = fields.get("v")
    # JSON's true is an int to Python.
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


# Any: a record of a Lambda event or of ReceiveMessage, as SQS writes it.
def envelope(record: Mapping[str, Any]) -> Envelope:
    """A record of a Lambda event or of ReceiveMessage, which differ in the case of their names."""
    lower = {name[:1].lower() + name[1:]: value for name, value in record.items()}
    attributes = lower.get("attributes") or {}
    text = lower.get("body") or ""
    return Envelope(
        message_id=read_body(text),
        recipient=attributes.get("MessageGroupId", ""),
        queue_id=lower.get("messageId", ""),
        receipt_handle=lower.get("receiptHandle", ""),
        receives=int(attributes.get("ApproximateReceiveCount", "1")),
        newer=is_newer(text),
        sent_ms=int(attributes.get("SentTimestamp", "0")),
        body=text,
        timer=read_timer(text),
    )


class SqsQueue:
    """queue_ports.Queue over SQS.

    The body is `{"v": 1, "id": "<message id>"}` and nothing else: no text ever lies in a queue or among the dead
    letters. The group is the recipient's number, which gives one at a time; SQS encrypts bodies and no groups, so
    nothing else of a queue message has the number (decision 22). Whose text it is and the order are the table's: a
    queue message says that its recipient has something waiting, so a second copy of one does no harm, nor does one
    out of turn.

    A timer's body is `{"v": 1, "held": <part>, "at": <epoch milliseconds>}`, and it has a group of its own.
    """

    def __init__(self, client: "SQSClient", queue_url: str, *, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._url = queue_url

    def put(self, texts: Sequence[Waiting], mark: str = "") -> None:
        self._send(
            [
                (body(text.message_id), text.recipient, f"{text.message_id}:{mark or text.place.ready_ms}")
                for text in texts
            ]
        )

    def set_timers(self, timers: Sequence[Timer]) -> None:
        names = [f"held:{timer.shard}:{timer.at_ms}" for timer in timers]
        self._send([(timer_body(timer), name, name) for timer, name in zip(timers, names, strict=True)])

    def renew(self, envelopes: Sequence[Envelope]) -> None:
        # The id of the message that it replaces: twice is once.
        self._send([(old.body, old.recipient, f"renewed:{old.queue_id}") for old in envelopes])
        self.delete(envelopes)

    def _send(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Send bodies to groups, each under its deduplication id."""
        entries = [
            {"MessageBody": text, "MessageGroupId": group, "MessageDeduplicationId": deduplication_id}
            for text, group, deduplication_id in rows
        ]
        self._batches(self._client.send_message_batch, entries, forgive=False)

    # Any: the three batch calls of SQS, which differ in the entries that they take.
    def _batches(self, call: Callable[..., Any], entries: Sequence[dict[str, Any]], *, forgive: bool) -> None:
        """Make a batch call for all `entries`, and again for those that failed.

        `forgive`: one that is our fault (a handle that is no longer good) is left at that. Raises Unavailable.
        """
        for some in batched(entries, _BATCH, strict=False):
            left = [{"Id": str(number), **entry} for number, entry in enumerate(some)]
            tries = 0
            while left:
                if tries == TRIES:
                    raise Unavailable(_WHAT)
                if tries:
                    self._sleep(pause_s(tries))
                with translated(_WHAT):
                    answer = call(QueueUrl=self._url, Entries=left)
                failed = {
                    row["Id"] for row in answer.get("Failed", []) if not (forgive and row.get("SenderFault"))
                }
                left = [entry for entry in left if entry["Id"] in failed]
                tries += 1

    def receive(self) -> list[Envelope]:
        with translated(_WHAT):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                # Without a wait only some of SQS's servers are asked, and may have nothing where others have.
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["MessageGroupId", "ApproximateReceiveCount", "SentTimestamp"],
            )
        return [envelope(record) for record in answer.get("Messages", [])]

    def hide(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        entries = [
            {"ReceiptHandle": envelope.receipt_handle, "VisibilityTimeout": delay}
            for envelope, delay in zip(envelopes, delays_s, strict=True)
        ]
        self._batches(self._client.change_message_visibility_batch, entries, forgive=True)

    def delete(self, envelopes: Sequence[Envelope]) -> None:
        entries = [{"ReceiptHandle": envelope.receipt_handle} for envelope in envelopes]
        self._batches(self._client.delete_message_batch, entries, forgive=True)

    def size(self) -> int:
        with translated(_WHAT):
            attributes = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(int(value) for value in attributes.values())
