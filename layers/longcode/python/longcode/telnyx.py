"""The carrier's facts, and the only place that has them: its request, its words, its errors, its events.

No network here: `carrier` has that, so that a webhook does not pay for an HTTP client.

Sources: Telnyx's messaging API (OpenAPI), its list of API errors and its page on message statuses.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypedDict

from longcode.message import Entry, Fault, Message, Status, epoch_ms
from longcode.ports import Answer, Receipt, Record, Verdict

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
}

_MINUTE_MS = 60_000

# What each error code of a refused send means. Codes that are not here are permanent and unclassified.
# The key, the account, the number, its profile: the same for every text until somebody mends it.
_KEY = frozenset(("10009", "10010", *(str(code) for code in range(20002, 20018))))
_SPEND_LIMIT = "40333"
_FUNDS = frozenset(("20100", _SPEND_LIMIT))
_CONFIGURATION = frozenset(
    (
        *_KEY,
        *("10038", "10039", "20100", "40100"),
        *("40305", "40306", "40307", "40308", "40311", "40312", "40313", "40314", "40315"),
        *("40319", "40323", "40325", "40329", "40330", "40331"),
    )
)
# A request that we should never have made.
_OURS = frozenset(("10003", "10004", "10015", "10027", *(str(code) for code in range(10023, 10034))))
# Two things under one code: the recipient sent STOP, or our number is on no messaging profile.
OPTED_OUT = "40300"
_AMBIGUOUS = frozenset(["10007", "10008"])
_BACK_OFF_MS = {"10011": 2_000, "10037": 5_000, "10036": 2_000, "40318": 5 * _MINUTE_MS}
_SLOW_RETRY = frozenset(["40320", "40321"])


def request_body(message: Message) -> bytes:
    """The request for `message`, byte for byte the same each time: a replay under the same
    idempotency key must be identical (error 10027).
    """
    # A text that may still be sent has its words; only a final status removes them.
    fields = {"from": message.sender, "text": message.text, "to": message.recipient}
    if message.webhook_url:
        fields["webhook_url"] = message.webhook_url
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def classify(http_status: int, headers: Mapping[str, str], content: bytes, wall_s: float) -> Answer:
    """What an HTTP answer to a send means. `wall_s` is the time, epoch seconds, for a reset given as such."""
    fields = _loads(content)
    if 200 <= http_status < 300:
        return _accepted(http_status, fields)
    error = _first_error(fields)
    code = str(error.get("code") or "")
    fault = Fault(
        code or f"http_{http_status}",
        str(error.get("title") or f"The carrier answered {http_status}."),
        str(error.get("detail") or ""),
        http_status,
    )
    words = f"{fault.title} {fault.detail}".lower()
    if code == _SPEND_LIMIT:
        return Answer(Verdict.CONFIGURATION, fault, http_status, until_utc_midnight=True)
    if code == OPTED_OUT:
        if "stop" in words or "block rule" in words or "opted out" in words:
            return Answer(Verdict.PERMANENT, fault, http_status, opted_out=True)
        return Answer(Verdict.CONFIGURATION, fault, http_status)
    if code in _BACK_OFF_MS:
        return Answer(
            Verdict.BACK_OFF,
            fault,
            http_status,
            wait_ms=_asked_wait_ms(headers, wall_s) or _BACK_OFF_MS[code],
        )
    if code in _SLOW_RETRY:
        return Answer(
            Verdict.BACK_OFF, fault, http_status, wait_ms=_asked_wait_ms(headers, wall_s) or 10 * _MINUTE_MS
        )
    if code in _AMBIGUOUS:
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    if code in _OURS:
        return Answer(Verdict.PERMANENT, fault, http_status, ours=True)
    if code in _CONFIGURATION or http_status in (401, 402):
        return Answer(Verdict.CONFIGURATION, fault, http_status)
    # Without a code that we know, the status is all there is to go by.
    if http_status == 409:
        return Answer(Verdict.BACK_OFF, fault, http_status, wait_ms=_asked_wait_ms(headers, wall_s) or 2_000)
    if http_status == 429:
        return Answer(Verdict.BACK_OFF, fault, http_status, wait_ms=_asked_wait_ms(headers, wall_s) or 5_000)
    # A bare 503 may come from a gateway that had passed the request on.
    if http_status == 408 or http_status >= 500 or http_status < 400:
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    return Answer(Verdict.PERMANENT, fault, http_status)


def stopped_by(reason: str) -> Literal["key", "funds", "setup"]:
    """What an open breaker is about. `reason` begins with the code of the fault that opened it."""
    code = reason.partition(" ")[0]
    if code in _KEY or code == "http_401":
        return "key"
    return "funds" if code in _FUNDS or code == "http_402" else "setup"


def _accepted(http_status: int, fields: dict[str, Any]) -> Answer:
    data = fields.get("data")
    telnyx_id = data.get("id") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(telnyx_id, str) or not telnyx_id:
        fault = Fault("carrier_unreadable", "The carrier's answer could not be read.", "", http_status)
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    word = _word(data)
    parts = data.get("parts")
    return Answer(
        Verdict.ACCEPTED,
        http_status=http_status,
        telnyx_id=telnyx_id,
        carrier_status=word or "queued",
        status=STATUSES.get(word, Status.SUBMITTED),
        parts=parts if isinstance(parts, int) else None,
    )


def _asked_wait_ms(headers: Mapping[str, str], wall_s: float) -> int | None:
    """The wait that an answer asks for: Retry-After, else x-ratelimit-reset, at most an hour.

    The reset is documented both as seconds and as an epoch: above 1e9 it is the latter.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        try:
            seconds = float(headers.get(name, ""))
        except ValueError:
            continue
        if seconds > 1e9:
            seconds -= wall_s
        if 0 < seconds < float("inf"):
            return min(int(seconds * 1000), 60 * _MINUTE_MS)
    return None


def _first_error(fields: dict[str, Any]) -> dict[str, Any]:
    errors = fields.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def faults(payload: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors that a message carries, in the carrier's words."""
    rows = payload.get("errors")
    return tuple(
        Fault(str(row.get("code") or ""), str(row.get("title") or ""), str(row.get("detail") or ""))
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    )


def _word(data: Mapping[str, Any]) -> str:
    """The status of truth: that of the first recipient; there is none at the top."""
    to = data.get("to")
    first = to[0] if isinstance(to, list) and to else None
    return str(first.get("status") or "") if isinstance(first, dict) else ""


def record(content: bytes) -> Record | None:
    """What an answer to `GET /messages/{id}` says of the message."""
    data = _loads(content).get("data")
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return None
    return Record(telnyx_id=data["id"], status=_word(data), faults=faults(data), **_billed(data))


def detail_record(content: bytes, webhook_url: str) -> Record | None:
    """The one among an answer's detail records that was sent with our `webhook_url`."""
    if not webhook_url:
        # Somebody else's record may have none either.
        return None
    rows = _loads(content).get("data")
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("delivery_status_webhook_url") == webhook_url and row.get("uuid"):
            return Record(telnyx_id=str(row["uuid"]), status=str(row.get("status") or "queued"))
    return None


def _loads(content: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def accepted_by_record(found: Record) -> Answer:
    """The answer that a send must have had, since the carrier has the message on record."""
    return Answer(
        Verdict.ACCEPTED,
        telnyx_id=found.telnyx_id,
        carrier_status=found.status,
        status=STATUSES.get(found.status, Status.SUBMITTED),
    )


def receipt_of_record(found: Record, now_ms: int) -> Receipt:
    """A record read back, as the receipt that it stands for; one event id a status, so it is kept once."""
    status = STATUSES.get(found.status)
    return Receipt(
        event_id=f"record:{found.telnyx_id}:{found.status}",
        telnyx_id=found.telnyx_id,
        status=None if status is Status.SUBMITTED else status,
        word=found.status,
        occurred_ms=now_ms,
        faults=found.faults,
        parts=found.parts,
        cost=found.cost,
        currency=found.currency,
        completed_ms=found.completed_ms,
        source="sweeper",
    )


class _Billed(TypedDict):
    parts: int | None
    cost: str | None
    currency: str | None
    completed_ms: int | None


def _billed(message: Mapping[str, Any]) -> _Billed:
    """What a message came to, as far as the carrier says it by now."""
    parts, cost = message.get("parts"), message.get("cost")
    if not isinstance(cost, dict):
        cost = {}
    return {
        "parts": parts if isinstance(parts, int) else None,
        "cost": _amount(cost.get("amount")),
        "currency": _text(cost.get("currency")) or None,
        "completed_ms": epoch_ms(_text(message.get("completed_at"))),
    }


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook event: what it is, and what it says of a message in our terms.

    `message_id` is the last part of the signed webhook URL, where we put our id.
    """

    id: str
    type: str
    message_id: str | None = None
    receipt: Receipt | None = None
    inbound: Message | None = None


def event(body: bytes, now_ms: int) -> Event | None:
    """Read a webhook's body; None if it is not an event (not JSON in UTF-8, not an object, no type or id)."""
    try:
        fields = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    data = fields.get("data") if isinstance(fields, dict) else None
    if not isinstance(data, dict):
        return None
    event_id, kind, payload = data.get("id"), data.get("event_type"), data.get("payload")
    if not isinstance(event_id, str) or not event_id or not isinstance(kind, str):
        return None
    telnyx_id = payload.get("id") if isinstance(payload, dict) else None
    if not isinstance(payload, dict) or not isinstance(telnyx_id, str) or not telnyx_id:
        return Event(event_id, kind)
    occurred_ms = epoch_ms(_text(data.get("occurred_at"))) or now_ms
    if kind == "message.received":
        return Event(event_id, kind, inbound=_inbound(payload, telnyx_id, event_id, occurred_ms, now_ms))
    if kind not in ("message.sent", "message.finalized"):
        return Event(event_id, kind)
    word = _word(payload)
    receipt = Receipt(
        event_id=event_id,
        telnyx_id=telnyx_id,
        status=_receipt_status(kind, word),
        word=word or kind.removeprefix("message."),
        occurred_ms=occurred_ms,
        faults=faults(payload),
        **_billed(payload),
    )
    url = _text(payload.get("webhook_url"))
    return Event(event_id, kind, message_id=url.rstrip("/").rpartition("/")[2] or None, receipt=receipt)


def _receipt_status(kind: str, word: str) -> Status | None:
    """Our status for a receipt's word; None for a word that says nothing new or is unknown to us."""
    status = STATUSES.get(word)
    if status is Status.SUBMITTED or status is None:
        return None
    # Only `message.finalized` is terminal.
    return status if kind == "message.finalized" or status is Status.SENT else None


def _inbound(payload: dict[str, Any], telnyx_id: str, event_id: str, occurred_ms: int, now_ms: int) -> Message:
    sender = payload.get("from")
    to = payload.get("to")
    first = to[0] if isinstance(to, list) and to else None
    media = payload.get("media")
    parts = payload.get("parts")
    return Message(
        id=telnyx_id,
        direction="inbound",
        status=Status.RECEIVED,
        sender=_text(sender.get("phone_number")) if isinstance(sender, dict) else "",
        recipient=_text(first.get("phone_number")) if isinstance(first, dict) else "",
        text=_text(payload.get("text")),
        accepted_ms=now_ms,
        updated_ms=now_ms,
        route="webhook",
        segments=parts if isinstance(parts, int) else 1,
        telnyx_id=telnyx_id,
        autoresponse=_text(payload.get("autoresponse_type")) or None,
        is_spam=payload.get("is_spam") is True,
        media=tuple(
            {
                name: str(row[name])
                for name in ("url", "content_type", "size", "sha256")
                if row.get(name) is not None
            }
            for row in (media if isinstance(media, list) else ())
            if isinstance(row, dict)
        ),
        history=(Entry(occurred_ms, Status.RECEIVED.value, "webhook", event_id),),
    )


def _text(value: object) -> str:
    # Half of a surrogate pair is legal in JSON and in no table or answer.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _amount(value: object) -> str | None:
    """An amount of money as text: it comes as a string or a number."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return str(amount) if amount.is_finite() else None
