"""The queue: what a queue message looks like, both ways, and the calls to SQS.

The body is `{"v": 1, "id": "<message id>"}` and nothing else: no text ever lies in a queue or among the dead
letters. The group is the recipient's number, which gives order and one at a time.

During a deploy, and after going back to the release before, a body was not always written by the release that
reads it. So what is read is one version ahead of what is written: see "The queue's message format" in
docs/architecture.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from longcode.aws import translated
from longcode.message import Message, is_message_id
from longcode.ports import Envelope

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_WHAT = "The queue"
# What `body` writes.
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
    )


class SqsOutbox:
    """ports.Outbox over SQS."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def put(self, message: Message) -> None:
        self._send(message.id, message.recipient, message.id)

    def put_again(self, message_id: str, recipient: str, mark: str) -> None:
        """Append what SQS may have seen within its five minutes, and must not drop for that.

        For the operator's command, where the first may be gone. Twice with the same `mark` is once.
        """
        self._send(message_id, recipient, f"{message_id}:{mark}")

    def _send(self, message_id: str, recipient: str, deduplication_id: str) -> None:
        with translated(_WHAT):
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=body(message_id),
                MessageGroupId=recipient,
                MessageDeduplicationId=deduplication_id,
            )

    def receive(self) -> list[Envelope]:
        with translated(_WHAT):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=10,
                # Without a wait only some of SQS's servers are asked, and may have nothing where others have.
                WaitTimeSeconds=1,
                MessageSystemAttributeNames=["MessageGroupId", "ApproximateReceiveCount"],
            )
        return [envelope(record) for record in answer.get("Messages", [])]

    def defer(self, envelopes: Sequence[Envelope], delays_s: Sequence[int]) -> None:
        for start in range(0, len(envelopes), 10):
            with translated(_WHAT):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(number),
                            "ReceiptHandle": envelope.receipt_handle,
                            "VisibilityTimeout": delay,
                        }
                        for number, (envelope, delay) in enumerate(
                            zip(envelopes[start : start + 10], delays_s[start : start + 10], strict=True)
                        )
                    ],
                )

    def done(self, envelopes: Sequence[Envelope]) -> None:
        for start in range(0, len(envelopes), 10):
            with translated(_WHAT):
                self._client.delete_message_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": envelope.receipt_handle}
                        for number, envelope in enumerate(envelopes[start : start + 10])
                    ],
                )

    def size(self) -> int:
        with translated(_WHAT):
            attributes = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return sum(int(value) for value in attributes.values())
