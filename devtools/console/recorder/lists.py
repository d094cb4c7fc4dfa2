"""The latest texts of a stack, by a filter."""

from collections.abc import Mapping
from typing import Any

from longcode.domain.message import Message, iso
from longcode.use_cases import search
from longcode_cli.stack import Stack

FILTERS = ("to", "tag", "status")
# Where nothing is asked for: the texts of a week.
_RECENT_MS = 7 * 86_400_000
_SHOWN = "50"


# Any: JSON.
def latest(stack: Stack, asked: Mapping[str, str], now_ms: int) -> dict[str, Any]:
    """The newest texts that fit. Raises InvalidRequest, with the field, for a filter that can't be."""
    wanted = {name: value.strip() for name, value in asked.items() if name in FILTERS and value.strip()}
    query = search.query({"since": iso(now_ms - _RECENT_MS), "limit": _SHOWN, **wanted}, test=None)
    found = search.page(query, stack.finder, stack.messages, now_ms)
    return {"texts": [_row(message) for message in found.messages], "more": found.cursor is not None}


# Any: JSON.
def _row(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "at_ms": message.accepted_ms,
        "direction": message.direction,
        "number": message.peer,
        "status": message.status.value,
        "final": message.status.final,
        "held_by": message.held_by.value if message.held_by and message.status.waiting else None,
        "text": message.text,
        "tag": message.shown_tag,
        "code": message.faults[0].code if message.faults else None,
    }
