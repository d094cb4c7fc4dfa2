"""What a delivery says: the event's detail, and where whom it is about is put in."""

# Neither the queue nor the log of deliveries has a number or what its sender said of a text. They have the rest of
# the event, and this is read from the text as each attempt is made. So a person who was erased is not in them.

import json
from collections.abc import Mapping

from longcode.domain.message import Message

_OF_THE_TEXT = ("from", "to", "metadata")


def kept(detail: Mapping[str, object]) -> str:
    """The detail of an event about a text as JSON, without whom it is about."""
    return _json({name: None if name in _OF_THE_TEXT else value for name, value in detail.items()})


def whole(detail: Mapping[str, object]) -> str:
    """The detail of any other event as JSON."""
    return _json(detail)


def body(kind: str, data: str, message: Message | None) -> bytes:
    """The body of a delivery; `message` is the text that the event is about, None where it is about none."""
    detail: dict[str, object] = json.loads(data)
    if message:
        said = {"from": message.sender, "to": message.recipient, "metadata": message.metadata}
        detail |= {name: value for name, value in said.items() if name in detail}
    return _json({"type": kind, "timestamp": detail["at"], "data": detail}).encode()


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
