"""The fields of a message that Telnyx's answers, records and events have in common."""

# Sources: Telnyx's messaging API (OpenAPI) and its page on message statuses.

import json
from collections.abc import Mapping
from typing import Any, TypedDict

from longcode.domain import untrusted
from longcode.domain.message import EVIDENCE_MS, LONGEST_VALIDITY_MS, Fault
from longcode.domain.status import Status

STATUSES = {
    "queued": Status.SUBMITTED,
    "scheduled": Status.SUBMITTED,
    "sending": Status.SUBMITTED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "sending_failed": Status.SENDING_FAILED,
    "delivery_failed": Status.DELIVERY_FAILED,
    "delivery_unconfirmed": Status.DELIVERY_UNCONFIRMED,
    "expired": Status.EXPIRED,
    "cancelled": Status.SENDING_FAILED,
    # The words of detail records for the same.
    "failed": Status.DELIVERY_FAILED,
    "gw_reject": Status.SENDING_FAILED,
    "gw_timeout": Status.DELIVERY_UNCONFIRMED,
    "dlr_timeout": Status.DELIVERY_UNCONFIRMED,
    "dlr_unconfirmed": Status.DELIVERY_UNCONFIRMED,
}

# A text may go out in at most 10 parts; the header that joins parts can count to 255.
_MOST_PARTS = 255

# Of all the errors that one event or answer carries: a message keeps up to 100 of its events, in 400 KB.
_MOST_OF_FAULTS = 2_400
_FAULT_SIZE = 40

# How old a receipt may be: its text waited, then the provider gave evidence. And as long again for delays.
RECEIPT_MS = 2 * (LONGEST_VALIDITY_MS + EVIDENCE_MS)


def faults(payload: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors that a message carries, in the provider's words: as many as fit into a history."""
    found, left = list[Fault](), _MOST_OF_FAULTS
    for row in untrusted.rows(payload.get("errors")):
        code = untrusted.line_or_number(row.get("code"), untrusted.MOST_WORD)
        title, detail = (untrusted.line(row.get(name)) for name in ("title", "detail"))
        if not (code or title or detail):
            continue
        size = _FAULT_SIZE + len(json.dumps([code, title, detail]))
        if size > left:
            title, detail = untrusted.cut(title, left // 3), untrusted.cut(detail, left // 3)
        found.append(Fault(code, title, detail))
        left -= size
        if left < 2 * untrusted.MOST_WORD:
            break
    return tuple(found)


def recipient_row(data: Mapping[str, Any], recipient: str = "") -> Mapping[str, Any]:
    """What a message says of `recipient`, else of the first that it names; empty if it names none."""
    to = untrusted.rows(data.get("to"))
    theirs = [row for row in to if recipient and untrusted.number(row.get("phone_number")) == recipient]
    return (theirs or to or [{}])[0]


class Billed(TypedDict):
    """What a message came to."""

    parts: int | None
    cost: str | None
    currency: str | None
    completed_ms: int | None


def billed(message: Mapping[str, Any], now_ms: int) -> Billed:
    """What a message came to, as far as the provider says it by now."""
    cost = message.get("cost")
    if not isinstance(cost, dict):
        cost = {}
    amount = untrusted.amount(cost.get("amount"))
    return {
        "parts": parts(message.get("parts")),
        "cost": amount,
        "currency": untrusted.currency(cost.get("currency")) if amount is not None else None,
        "completed_ms": untrusted.moment(message.get("completed_at"), now_ms, within_ms=RECEIPT_MS),
    }


def parts(value: object) -> int | None:
    """How many parts a text went out in; None for what is no such number."""
    found = untrusted.whole(value)
    return found if found and found <= _MOST_PARTS else None
