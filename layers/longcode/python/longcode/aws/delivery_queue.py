"""The queue of events for webhook subscriptions: what its messages look like, both ways, and the calls to SQS."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from longcode.aws.clients import TRIES, Sleep, pause_s, translated
from longcode.domain.deliveries import QueuedEvent, is_event_id
from longcode.domain.errors import Unavailable
from longcode.domain.events import PublishResult
from longcode.use_cases.delivery_ports import Received

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_WHAT = "The delivery queue"
_VERSION = 1
# What one batch call takes.
_BATCH = 10
_MOST_BYTES = 256 * 1024


def body(event: QueuedEvent) -> str:
    """The queue message for an event. Its group is the queue's own field."""
    fields = {
        "v": _VERSION,
        "subscription": event.subscription_id,
        "event": event.event_id,
        "type": event.type,
        "message": event.message_id,
        "data": event.data,
        "replay": event.replay,
    }
    return json.dumps(fields, separators=(",", ":"))


# Any: a record of a Lambda event, as SQS writes it.
def received(record: Mapping[str, Any]) -> Received:
    """A record of a Lambda event."""
    attributes = record["attributes"]
    fields = _fields(record["body"])
    group = attributes["MessageGroupId"]
    return Received(
        event=_event(fields, group),
        group=group,
        queue_id=record["messageId"],
        receipt_handle=record["receiptHandle"],
        receives=int(attributes["ApproximateReceiveCount"]),
        sent_ms=int(attributes["SentTimestamp"]),
        newer=type(version := fields.get("v")) is int and version > _VERSION,
    )


# Any: what JSON holds.
def _fields(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _event(fields: Mapping[str, Any], group: str) -> QueuedEvent | None:
    names = ("subscription", "event", "type", "data", "replay")
    if fields.get("v") != _VERSION or not all(isinstance(fields.get(name), str) for name in names):
        return None
    if not is_event_id(fields["event"]) or not isinstance(fields.get("message"), str | None):
        return None
    return QueuedEvent(
        subscription_id=fields["subscription"],
        event_id=fields["event"],
        type=fields["type"],
        group=group,
        data=fields["data"],
        message_id=fields["message"],
        replay=fields["replay"],
    )


class SqsDeliveryQueue:
    """delivery_ports.DeliveryQueue over SQS FIFO."""

    def __init__(self, client: "SQSClient", queue_url: str, *, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._url = queue_url
        self._sleep = sleep

    def put(self, events: Sequence[QueuedEvent]) -> PublishResult:
        taken = 0
        for portion in _portions(events):
            try:
                failed = self._send([_entry(event, number) for number, event in enumerate(portion)])
            except Unavailable:
                return PublishResult(taken, _WHAT)
            if failed:
                # What was taken behind the first that was not comes again with it, and is dropped as a duplicate.
                return PublishResult(taken + min(failed), _WHAT)
            taken += len(portion)
        return PublishResult(taken)

    def _send(self, entries: "Sequence[SendMessageBatchRequestEntryTypeDef]") -> list[int]:
        """Send entries of different groups; the numbers of those that fail however often they are sent."""
        return self._batch(self._client.send_message_batch, entries)

    def hide(self, received: Sequence[Received], delay_s: int) -> None:
        for some in batched(received, _BATCH, strict=False):
            entries = [
                {"Id": str(number), "ReceiptHandle": one.receipt_handle, "VisibilityTimeout": delay_s}
                for number, one in enumerate(some)
            ]
            # One that fails all the same, as of an old handle, shows up when its first hiding ends.
            self._batch(self._client.change_message_visibility_batch, entries)

    # Any: the two batch calls of SQS, which differ in the entries that they take.
    def _batch(self, call: Callable[..., Any], entries: Sequence[Any]) -> list[int]:
        """Make a batch call, and again for those that failed by no fault of ours; the numbers of those left."""
        left = list(entries)
        ours: list[int] = []
        for tries in range(1, TRIES + 1):
            with translated(_WHAT):
                answer = call(QueueUrl=self._url, Entries=left)
            failed = {row["Id"]: bool(row.get("SenderFault")) for row in answer.get("Failed", [])}
            ours += [int(ident) for ident, is_ours in failed.items() if is_ours]
            left = [entry for entry in left if failed.get(entry["Id"]) is False]
            if not left or tries == TRIES:
                break
            self._sleep(pause_s(tries))
        return [*ours, *(int(entry["Id"]) for entry in left)]


def deduplication_id(event: QueuedEvent) -> str:
    """What makes two queue messages the same one."""
    return f"{event.subscription_id}:{event.event_id}:{event.replay}"


def _entry(event: QueuedEvent, number: int) -> "SendMessageBatchRequestEntryTypeDef":
    return {
        "Id": str(number),
        "MessageBody": body(event),
        "MessageGroupId": event.group,
        "MessageDeduplicationId": deduplication_id(event),
    }


def _portions(events: Sequence[QueuedEvent]) -> Iterator[list[QueuedEvent]]:
    """As many at a time as one call takes, and never two of one group: the first might fail, the second not."""
    portion: list[QueuedEvent] = []
    size = 0
    for event in events:
        # In ASCII, so that its length is its size.
        own = len(body(event))
        of_one_group = any(event.group == other.group for other in portion)
        if portion and (of_one_group or len(portion) == _BATCH or size + own > _MOST_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(event)
        size += own
    if portion:
        yield portion
