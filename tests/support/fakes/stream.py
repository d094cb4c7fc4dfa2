"""What Lambda hands to the publisher: records of the messages table's stream."""

import json
from collections.abc import Sequence
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from longcode.aws import message_codec
from longcode.aws.attributes import typed_item
from longcode.domain.message import Message
from longcode.domain.opt_outs import OptOut

# Any: an item or a record as DynamoDB has it.
Image = dict[str, Any]

_serialize = TypeSerializer().serialize


def image(item: Message | OptOut | Image | None) -> Image | None:
    """An item as the stream has it; a plain dict is one already."""
    if isinstance(item, Message):
        return typed_item(
            message_codec.to_item(item) | ({"cost": str(item.cost)} if item.cost is not None else {})
        )
    if isinstance(item, OptOut):
        fields = {
            "pk": f"O#{item.number}",
            "phone": item.number,
            "opted_out": item.opted_out,
            "changed_ms": item.said_ms,
            "revision": item.revision,
            "history": [
                {
                    "at_ms": c.at_ms,
                    "opted_out": c.opted_out,
                    "source": c.source,
                    "note": c.note,
                    "scope": c.scope,
                }
                for c in item.changes
            ],
            "unclear": [{"at_ms": one.at_ms, "message_id": one.message_id} for one in item.unclear],
        }
        return {name: _serialize(value) for name, value in fields.items()}
    return item


def record(
    before: Message | OptOut | Image | None, after: Message | OptOut | Image | None, number: int = 1
) -> Image:
    """The stream's record of one write; `number` is its place in the stream."""
    old, new = image(before), image(after)
    kind = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    fields: Image = {
        "Keys": {"pk": (new or old or {})["pk"]},
        "SequenceNumber": str(10**20 + number),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    fields |= {name: found for name, found in (("OldImage", old), ("NewImage", new)) if found is not None}
    made = {"eventID": f"e-{number}", "eventName": kind, "eventSource": "aws:dynamodb", "dynamodb": fields}
    # As JSON, which is how it comes.
    decoded: Image = json.loads(json.dumps(made, default=list))
    return decoded


def event(
    *writes: tuple[Message | OptOut | Image | None, Message | OptOut | Image | None], first: int = 1
) -> Image:
    """A Lambda event of these writes (before, after), in their order."""
    return {"Records": [record(old, new, number) for number, (old, new) in enumerate(writes, first)]}


def failures(answer: Image) -> Sequence[str]:
    """The sequence numbers that a partial batch response names."""
    return [row["itemIdentifier"] for row in answer["batchItemFailures"]]
