"""From the messages table's stream to its changes, and back to a partial batch response."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from longcode.aws import brake_codec, heartbeat, message_codec, opt_outs, pause_notices
from longcode.aws.attributes import untyped_item
from longcode.domain.events import Beat, Change
from longcode.domain.events import Item as Changed
from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.use_cases.ports import Logger, Metrics

# Any: Lambda's DynamoDB event and its partial batch response are JSON.
Event = Mapping[str, Any]
# A sequence number has up to 40 digits; filled up with zeros they sort as text.
_DIGITS = 40
# What is published and counted. The mapping's filter in the template asks for the same, and for the heartbeat.
KINDS = ("M#", "O#")
HEARD = (*KINDS, heartbeat.PREFIX)


# Any: one record as the stream has it.
def concerns(record: Mapping[str, Any]) -> bool:
    """Whether a record is about a message or an opt-out. The others would only wake the publisher."""
    key: str = record["dynamodb"]["Keys"]["pk"]["S"]
    return key.startswith(KINDS)


def relay(
    event: Event, publish: Callable[[Sequence[Change]], int], metrics: Metrics, logger: Logger
) -> dict[str, Any]:
    """Hand the changes of a Lambda DynamoDB event to `publish`, and name the first that is not done with.

    Lambda sends everything from there on again.
    """
    records = event.get("Records", [])
    changes = [_change(record, metrics, logger) for record in records]
    done = publish(changes)
    ids = {item.id for change in changes if isinstance(item := change.after or change.before, Message)}
    logger.info("publish", records=len(records), done=done, message_ids=sorted(ids))
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in records[done : done + 1]
        ]
    }


# Any: one record as the stream has it.
def _change(record: Mapping[str, Any], metrics: Metrics, logger: Logger) -> Change:
    fields = record["dynamodb"]
    event_id, sequence = record["eventID"], fields["SequenceNumber"].zfill(_DIGITS)
    try:
        return Change(event_id, sequence, _item(fields.get("OldImage")), _item(fields.get("NewImage")))
    except (KeyError, ValueError, TypeError, ArithmeticError):
        # An item of another version of this code. It would stop every later change until it is a day old.
        metrics.count(Metric.STREAM_UNREADABLE)
        logger.exception("stream.unreadable", sequence=sequence)
        return Change(event_id, sequence)


def _item(image: Mapping[str, Any] | None) -> Changed | None:
    """A message, an opt-out, a heartbeat or a notice of a pause; None for anything else that the table holds."""
    if image is None:
        return None
    kind = image["pk"]["S"][:2]
    if kind == "M#":
        return message_codec.image(image)
    if image["pk"]["S"].startswith(brake_codec.NOTICE):
        return pause_notices.notice(untyped_item(image))
    if kind == heartbeat.PREFIX:
        return Beat(int(image["at_ms"]["N"]))
    return opt_outs.image(image) if kind == "O#" else None
