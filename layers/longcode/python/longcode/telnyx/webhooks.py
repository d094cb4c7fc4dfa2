"""What a webhook says, in this service's terms."""

# Source: Telnyx's messaging API (OpenAPI), its webhooks.

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from longcode.domain import untrusted
from longcode.domain.message import NAMESPACE, Entry, Message, is_message_id
from longcode.domain.outcomes import Receipt, WebhookEvent
from longcode.domain.status import Status
from longcode.telnyx import carriers
from longcode.telnyx.payload import RECEIPT_MS, STATUSES, billed, faults, parts, recipient_row

# The attachments of one text, and how much of the address of each.
_MOST_MEDIA, _MOST_URL = 10, 1_500
_UNKNOWN_WORD = "The provider ended it with a status that this service does not know."


def event(body: bytes, now_ms: int, ours: str = "") -> WebhookEvent | None:
    """Read a webhook's body; None if it is not an event: not JSON, not an object, no type.

    Anything else is read as far as it can be. `ours` is the number that inbound texts come to.
    """
    data = untrusted.loads(body).get("data")
    kind = untrusted.word(data.get("event_type")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not isinstance(data.get("event_type"), str):
        return None
    event_id = untrusted.ident(data.get("id"))
    odd = [] if untrusted.is_ident(data.get("id")) else ["id"]
    # One that comes again has the same digest; what is about this try stands beside `data`.
    event_id = event_id or untrusted.digest(data) or f"now-{now_ms}"
    payload = data.get("payload")
    if kind.startswith("10dlc."):
        return _registration(
            WebhookEvent(event_id, kind, odd=tuple(odd)), payload, data.get("occurred_at"), now_ms
        )
    if kind not in ("message.received", "message.sent", "message.finalized"):
        return WebhookEvent(event_id, kind, odd=tuple(odd))
    if not isinstance(payload, dict) or not payload:
        return WebhookEvent(event_id, kind, odd=(*odd, "payload"))
    if not untrusted.is_ident(payload.get("id")):
        odd.append("payload.id")
    read = _inbound if kind == "message.received" else _receipts
    found = read(WebhookEvent(event_id, kind), payload, data.get("occurred_at"), now_ms, ours)
    return replace(found, odd=(*odd, *found.odd))


def _registration(event: WebhookEvent, payload: object, occurred_at: object, now_ms: int) -> WebhookEvent:
    """The event with what it says of our registration."""
    # Of a few events a year.
    from longcode.telnyx import campaign_events

    if not isinstance(payload, dict):
        return replace(event, odd=(*event.odd, "payload"))
    occurred_ms = untrusted.moment(occurred_at, now_ms)
    odd = _named(("occurred_at",), (occurred_ms is None,))
    found = campaign_events.read(event.type, payload, now_ms if occurred_ms is None else occurred_ms)
    return replace(event, registration=found, odd=(*event.odd, *odd))


def _receipts(
    event: WebhookEvent, payload: dict[str, Any], occurred_at: object, now_ms: int, _ours: str
) -> WebhookEvent:
    """The event with what it says of a text that we sent."""
    occurred_ms = untrusted.moment(occurred_at, now_ms, within_ms=RECEIPT_MS)
    first = recipient_row(payload)
    base = Receipt(
        event_id=event.id,
        telnyx_id=untrusted.ident(payload.get("id")),
        status=None,
        word="",
        occurred_ms=now_ms if occurred_ms is None else occurred_ms,
        faults=faults(payload),
        **billed(payload, now_ms),
    )
    to = untrusted.rows(payload.get("to"))
    url = untrusted.line(payload.get("webhook_url"), None)
    by_recipient = {
        untrusted.number(row.get("phone_number")): _receipt(base, row, event.type, now_ms) for row in to
    }
    odd = ("occurred_at", "payload.to.status")
    return replace(
        event,
        message_id=untrusted.ident(url.rstrip("/").rpartition("/")[2]) or None,
        receipt=_receipt(base, first, event.type, now_ms),
        by_recipient=by_recipient if len(to) > 1 else {},
        odd=_named(odd, (occurred_ms is None, untrusted.word(first.get("status")) not in STATUSES)),
    )


def _receipt(base: Receipt, row: Mapping[str, Any], event_type: str, now_ms: int) -> Receipt:
    """`base` with what a row of `to` says: the status, and the carrier."""
    word = untrusted.word(row.get("status"))
    known, final = STATUSES.get(word), event_type == "message.finalized"
    return replace(
        base,
        status=_receipt_status(known, final=final),
        word=word or event_type.removeprefix("message."),
        note=_UNKNOWN_WORD if final and known is None else None,
        # As old as the event: it may come long after another one that names another carrier.
        subscription=carriers.subscription(row, "", min(base.occurred_ms, now_ms)),
    )


def _receipt_status(status: Status | None, *, final: bool) -> Status | None:
    """Our status for a receipt's word; None for a word that says nothing new or is unknown to us."""
    if status is Status.SUBMITTED or status is None:
        return None
    # Only `message.finalized` is terminal.
    return status if final or status is Status.SENT else None


def _inbound(
    event: WebhookEvent, payload: dict[str, Any], occurred_at: object, now_ms: int, ours: str
) -> WebhookEvent:
    """The event with the text that a person sent us."""
    sender, to = _numbers(payload.get("from")), _numbers(payload.get("to"))
    said, occurred_ms = payload.get("text"), untrusted.moment(occurred_at, now_ms)
    words = untrusted.text(said)
    telnyx_id = untrusted.ident(payload.get("id"))
    message = Message(
        id=_our_id(telnyx_id, event.id),
        direction="inbound",
        status=Status.RECEIVED,
        sender=sender[0] if sender else "",
        recipient=ours if ours in to else to[0] if to else "",
        text=words,
        accepted_ms=now_ms,
        updated_ms=now_ms,
        route="webhook",
        segments=parts(payload.get("parts")) or 1,
        telnyx_id=telnyx_id or None,
        autoresponse=untrusted.word(payload.get("autoresponse_type")).upper() or None,
        is_spam=payload.get("is_spam") is True,
        media=_media(payload.get("media")),
        history=(Entry(now_ms if occurred_ms is None else occurred_ms, Status.RECEIVED.value, "webhook"),),
    )
    odd = ("occurred_at", "payload.from", "payload.to", "payload.text")
    cut = isinstance(said, str) and len(words) < len(said)
    unreadable = said is not None and not isinstance(said, str)
    first = next(iter(untrusted.rows(payload.get("from"))), {})
    return replace(
        event,
        inbound=message.on(carriers.subscription(first, message.sender, now_ms)),
        odd=_named(odd, (occurred_ms is None, not is_sender(message.sender), not to, cut or unreadable)),
    )


def _our_id(telnyx_id: str, event_id: str) -> str:
    """Our id for an inbound text: the provider's, as it documents it; else one made of what it said instead."""
    if is_message_id(telnyx_id):
        return telnyx_id
    return str(uuid.uuid5(NAMESPACE, f"inbound\n{telnyx_id or event_id}"))


def is_sender(number: str) -> bool:
    """Whether a text can come from there: a phone number, a short code or a name of letters and digits."""
    return re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}", number) is not None


def _named(names: Sequence[str], odd: Sequence[bool]) -> tuple[str, ...]:
    return tuple(name for name, is_odd in zip(names, odd, strict=True) if is_odd)


def _numbers(value: object) -> list[str]:
    """The numbers in `from` or `to`: an object with one, a list of them, or a number by itself."""
    found = value if isinstance(value, list) else [value]
    said = [untrusted.number(row.get("phone_number") if isinstance(row, dict) else row) for row in found]
    return [number for number in said if number]


def _media(value: object) -> tuple[dict[str, str], ...]:
    most = {"url": _MOST_URL, "content_type": 100, "size": untrusted.MOST_WORD, "sha256": 64}
    return tuple(
        {name: words for name, size in most.items() if (words := untrusted.line_or_number(row.get(name), size))}
        for row in untrusted.rows(value)[:_MOST_MEDIA]
    )
