"""The queue: what a queue message looks like, both ways, and the calls to SQS.

The body is `{"v": 1, "id": "<message id>"}` and nothing else: no text ever lies in a queue or among the dead
letters. The group is the recipient's number, which gives order and one at a time.
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
VERSION = 1


def body(message_id: str) -> str:
    """The queue message for one of our messages."""
    return json.dumps({"v": VERSION, "id": message_id}, separators=(",", ":"))


def read_body(text: str) -> str | None:
    """The message id in a queue message, None where it can't be read."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("v") != VERSION:
        return None
    found = fields.get("id")
    return found if isinstance(found, str) and is_message_id(found) else None


# Any: a record of a Lambda event or of ReceiveMessage, as SQS writes it.
def envelope(record: Mapping[str, Any]) -> Envelope:
    """A record of a Lambda event or of ReceiveMessage, which differ in the case of their names."""
    lower = {name[:1].lower() + name[1:]: value for name, value in record.items()}
    attributes = lower.get("attributes") or {}
    return Envelope(
        message_id=read_body(lower.get("body") or ""),
        recipient=attributes.get("MessageGroupId", ""),
        queue_id=lower.get("messageId", ""),
        receipt_handle=lower.get("receiptHandle", ""),
        receives=int(attributes.get("ApproximateReceiveCount", "1")),
    )


class SqsOutbox:
    """ports.Outbox over SQS."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._url = queue_url

    def put(self, message: Message) -> None:
        with translated(_WHAT):
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=body(message.id),
                MessageGroupId=message.recipient,
                MessageDeduplicationId=message.id,
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
