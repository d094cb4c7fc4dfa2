"""The provider's facts, and the only place that has them: its request, its words, its errors, its events.

No network here: `provider` has that, so that a webhook does not pay for an HTTP client.

Sources: Telnyx's messaging API (OpenAPI), its list of API errors and its page on message statuses.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypedDict

from longcode.domain import untrusted
from longcode.domain.message import (
    EVIDENCE_MS,
    LONGEST_VALIDITY_MS,
    NAMESPACE,
    Entry,
    Fault,
    Message,
    is_message_id,
)
from longcode.domain.outcomes import Answer, Receipt, Record, Verdict
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

_MINUTE_MS = 60_000

# What each error code of a refused send means. A code that is not here refuses the text and is unclassified.
# The key and the account: certain to be the same for every text until somebody mends it.
_KEY = frozenset(("10009", "10010", *(str(code) for code in range(20002, 20018))))
_SPEND_LIMIT = "40333"
_FUNDS = frozenset(("20100", _SPEND_LIMIT))
_EVERYONE = _KEY | _FUNDS | {"10038", "10039"}
# Two things under one code: the recipient sent STOP, or our number is on no messaging profile.
OPTED_OUT = "40300"
# The number, its profile, its registration: mostly the same for every text, but a text may be alone in it.
_CONFIGURATION = frozenset(
    (
        *(OPTED_OUT, "40100"),
        *("40305", "40306", "40307", "40308", "40311", "40312", "40313", "40314", "40315"),
        *("40319", "40323", "40325", "40329", "40330", "40331"),
    )
)
# This recipient or this text: the number, its country, its provider's word, the content.
_PERMANENT = frozenset(
    (
        *("10002", "10016", "40301", "40309", "40310"),
        *("40302", "40304", "40316", "40317", "40322", "40328"),
        *("40001", "40002", "40004", "40008", "40009", "40012", "40015", "40017"),
    )
)
# A request that we should never have made.
_OURS = frozenset(("10003", "10004", "10015", "10027", *(str(code) for code in range(10023, 10034))))
_AMBIGUOUS = frozenset(["10007", "10008"])
_BACK_OFF_MS = {
    "10011": 2_000,
    "10037": 5_000,
    "10036": 2_000,
    "40318": 5 * _MINUTE_MS,
    "40320": 10 * _MINUTE_MS,
    "40321": 10 * _MINUTE_MS,
}
# The same for what has no code of the provider's, by its HTTP status.
_BACK_OFF_STATUS_MS = {409: 2_000, 425: 2_000, 429: 5_000}
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

# A text may go out in at most 10 parts; the header that joins parts can count to 255.
_MOST_PARTS = 255
_PAGE_SIZE = 50
# Of all the errors that one event or answer carries: a message keeps up to 100 of its events, in 400 KB.
_MOST_OF_FAULTS = 2_400
_FAULT_SIZE = 40
# The attachments of one text, and how much of the address of each.
_MOST_MEDIA, _MOST_URL = 10, 1_500
# How old a receipt may be: its text waited, then the provider gave evidence. And as long again for delays.
_RECEIPT_MS = 2 * (LONGEST_VALIDITY_MS + EVIDENCE_MS)
_UNKNOWN_WORD = "The provider ended it with a status that this service does not know."


def request_body(message: Message) -> bytes:
    """The request for `message`, byte for byte the same each time: a replay under the same
    idempotency key must be identical (error 10027).
    """
    # A text that may still be sent has its words; only a final status removes them.
    fields = {"from": message.sender, "text": message.text, "to": message.recipient}
    if message.webhook_url:
        fields["webhook_url"] = message.webhook_url
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def classify(
    http_status: int, headers: Mapping[str, str], content: bytes, wall_s: float, recipient: str = ""
) -> Answer:
    """What an HTTP answer to a send means. `wall_s` is the time, epoch seconds, for a reset given as such;
    `recipient` is who the text is for.
    """
    fields = untrusted.loads(content)
    if 200 <= http_status < 300:
        return _accepted(http_status, fields, recipient)
    row = _first_error(fields)
    code = untrusted.line_or_number(row.get("code"))
    if not _CODE.fullmatch(code):
        # Somebody between us and the provider answered in its place.
        code = ""
    fault = Fault(
        code or f"http_{http_status}",
        untrusted.line(row.get("title")) or f"The provider answered {http_status}.",
        untrusted.line(row.get("detail")),
        http_status,
    )
    wait_ms = _asked_wait_ms(headers, wall_s)
    return _by_code(code, fault, http_status, wait_ms) or _by_status(bool(code), fault, http_status, wait_ms)


def _by_code(code: str, fault: Fault, http_status: int, wait_ms: int | None) -> Answer | None:
    words = f"{fault.title} {fault.detail}".lower()
    if code == OPTED_OUT and ("stop" in words or "block rule" in words or "opted out" in words):
        return Answer(Verdict.PERMANENT, fault, http_status, opted_out=True)
    if code in _BACK_OFF_MS:
        return Answer(Verdict.BACK_OFF, fault, http_status, wait_ms=wait_ms or _BACK_OFF_MS[code])
    if code in _AMBIGUOUS:
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    if code in _OURS:
        return Answer(Verdict.PERMANENT, fault, http_status, ours=True)
    if code in _EVERYONE:
        until_utc_midnight = code == _SPEND_LIMIT
        return Answer(
            Verdict.CONFIGURATION, fault, http_status, everyone=True, until_utc_midnight=until_utc_midnight
        )
    if code in _CONFIGURATION:
        return Answer(Verdict.CONFIGURATION, fault, http_status)
    return Answer(Verdict.PERMANENT, fault, http_status) if code in _PERMANENT else None


def _by_status(coded: bool, fault: Fault, http_status: int, wait_ms: int | None) -> Answer:
    """The same without a code that we know. `coded`: the answer has the provider's own form all the same."""
    if http_status in (401, 402):
        return Answer(Verdict.CONFIGURATION, fault, http_status, everyone=True)
    if http_status in _BACK_OFF_STATUS_MS:
        return Answer(Verdict.BACK_OFF, fault, http_status, wait_ms=wait_ms or _BACK_OFF_STATUS_MS[http_status])
    # A bare 503 may come from a gateway that had passed the request on.
    if http_status == 408 or http_status >= 500 or http_status < 200:
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    if coded and http_status >= 400:
        return Answer(Verdict.PERMANENT, fault, http_status, unclassified=True)
    # A gateway, a firewall or another site than the provider's, which had no reason to pass the request on.
    return Answer(Verdict.CONFIGURATION, fault, http_status)


def stopped_by(reason: str) -> Literal["key", "funds", "setup", "outage"]:
    """What an open breaker is about. `reason` begins with the code of the fault that opened it."""
    code = reason.partition(" ")[0]
    if code in _KEY or code == "http_401":
        return "key"
    if code in _FUNDS or code == "http_402":
        return "funds"
    return "outage" if code in _AMBIGUOUS or code.startswith(("http_", "provider_")) else "setup"


def _accepted(http_status: int, fields: dict[str, Any], recipient: str) -> Answer:
    data = fields.get("data")
    telnyx_id = untrusted.ident(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        fault = Fault("provider_unreadable", "The provider's answer could not be read.", "", http_status)
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    word = _word(data, recipient)
    return Answer(
        Verdict.ACCEPTED,
        http_status=http_status,
        telnyx_id=telnyx_id,
        provider_status=word or "queued",
        status=STATUSES.get(word, Status.SUBMITTED),
        parts=_parts(data.get("parts")),
        faults=faults(data),
    )


def _asked_wait_ms(headers: Mapping[str, str], wall_s: float) -> int | None:
    """The wait that an answer asks for: Retry-After, else x-ratelimit-reset, at most an hour.

    The reset is documented both as seconds and as an epoch, and Retry-After may be a date. What is in the past
    asks for nothing.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        seconds = _seconds(headers.get(name, ""), wall_s)
        if 0 < seconds < float("inf"):
            return min(int(seconds * 1000), 60 * _MINUTE_MS)
    return None


def _seconds(value: str, wall_s: float) -> float:
    """From now until the moment that a header names, 0 if it names none."""
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - wall_s
        except (ValueError, TypeError, OverflowError):
            return 0.0
    # An epoch, in milliseconds or seconds: no wait is longer than 30 years.
    if seconds > 1e12:
        return seconds / 1000 - wall_s
    return seconds - wall_s if seconds > 1e9 else seconds


def _first_error(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(iter(untrusted.rows(fields.get("errors"))), {})


def faults(payload: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors that a message carries, in the provider's words: as many as a history has room for."""
    found, room = list[Fault](), _MOST_OF_FAULTS
    for row in untrusted.rows(payload.get("errors")):
        code = untrusted.line_or_number(row.get("code"), untrusted.MOST_WORD)
        title, detail = (untrusted.line(row.get(name)) for name in ("title", "detail"))
        if not (code or title or detail):
            continue
        size = _FAULT_SIZE + len(json.dumps([code, title, detail]))
        if size > room:
            title, detail = untrusted.cut(title, room // 3), untrusted.cut(detail, room // 3)
        found.append(Fault(code, title, detail))
        room -= size
        if room < 2 * untrusted.MOST_WORD:
            break
    return tuple(found)


def _word(data: Mapping[str, Any], recipient: str = "") -> str:
    """The status of truth: that of `recipient`, else of the first there is; there is none at the top."""
    to = untrusted.rows(data.get("to"))
    theirs = [row for row in to if recipient and untrusted.number(row.get("phone_number")) == recipient]
    first = (theirs or to or [{}])[0]
    return untrusted.word(first.get("status"))


def record(content: bytes, now_ms: int, recipient: str = "") -> Record | None:
    """What an answer to `GET /messages/{id}` says of the message; None if it can't be read."""
    data = untrusted.loads(content).get("data")
    telnyx_id = untrusted.ident(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        return None
    status = _word(data, recipient) or "queued"
    return Record(telnyx_id=telnyx_id, status=status, faults=faults(data), **_billed(data, now_ms))


def is_refusal(content: bytes) -> bool:
    """Whether an answer has the form of the provider's errors, and so is the provider's own."""
    return bool(_CODE.fullmatch(untrusted.line_or_number(_first_error(untrusted.loads(content)).get("code"))))


def detail_records_query(message: Message, page: int) -> dict[str, str]:
    """The query for one page of the detail records that `message` may be among, newest first."""
    # Whatever the time zone of the provider's days: a text is not older than its acceptance.
    since = datetime.fromtimestamp(message.accepted_ms / 1000, UTC) - timedelta(days=2)
    return {
        "filter[record_type]": "messaging",
        "filter[cld]": message.recipient,
        "filter[created_at][gte]": since.date().isoformat(),
        "sort": "-created_at",
        "page[number]": str(page),
        "page[size]": str(_PAGE_SIZE),
    }


@dataclass(frozen=True, slots=True)
class DetailRecords:
    """One page of detail records: the one that was looked for, and whether there are more pages."""

    found: Record | None
    last: bool


def detail_records(content: bytes, page: int, webhook_url: str) -> DetailRecords | None:
    """Read an answer to `detail_records_query`, in which ours is what was sent with `webhook_url`.

    None: it can't be read.
    """
    fields = untrusted.loads(content)
    rows, meta = fields.get("data"), fields.get("meta")
    if not isinstance(rows, list):
        return None
    last = _is_last(page, len(rows), meta if isinstance(meta, dict) else {})
    for row in rows:
        # Without an address of ours, somebody else's record may have none either.
        if isinstance(row, dict) and webhook_url and row.get("delivery_status_webhook_url") == webhook_url:
            telnyx_id = untrusted.ident(row.get("uuid"))
            if telnyx_id:
                return DetailRecords(Record(telnyx_id, untrusted.word(row.get("status")) or "queued"), last)
    # Nothing where there should be more is no end.
    return DetailRecords(None, last) if rows or last else None


def _is_last(page: int, rows: int, meta: Mapping[str, Any]) -> bool:
    """Whether no page comes after this one: as the answer says, else when it is shorter than a page is."""
    size = untrusted.whole(meta.get("page_size")) or _PAGE_SIZE
    pages, results = untrusted.whole(meta.get("total_pages")), untrusted.whole(meta.get("total_results"))
    if pages is not None:
        return page >= pages
    if results is not None:
        return page * size >= results
    return rows < size


def accepted_by_record(found: Record) -> Answer:
    """The answer that a send must have had, since the provider has the message on record."""
    return Answer(
        Verdict.ACCEPTED,
        telnyx_id=found.telnyx_id,
        provider_status=found.status,
        status=STATUSES.get(found.status, Status.SUBMITTED),
        parts=found.parts,
        faults=found.faults,
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
        source="reconciler",
    )


class _Billed(TypedDict):
    parts: int | None
    cost: str | None
    currency: str | None
    completed_ms: int | None


def _billed(message: Mapping[str, Any], now_ms: int) -> _Billed:
    """What a message came to, as far as the provider says it by now."""
    cost = message.get("cost")
    if not isinstance(cost, dict):
        cost = {}
    amount = untrusted.amount(cost.get("amount"))
    return {
        "parts": _parts(message.get("parts")),
        "cost": amount,
        "currency": untrusted.currency(cost.get("currency")) if amount is not None else None,
        "completed_ms": untrusted.moment(message.get("completed_at"), now_ms, within_ms=_RECEIPT_MS),
    }


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook event: what it is, and what it says of a message in our terms.

    `message_id` is the last part of the signed webhook URL, where we put our id. `odd` names what is not as the
    provider documents it. `by_recipient` has a receipt for each, where an event is about several.
    """

    id: str
    type: str
    message_id: str | None = None
    receipt: Receipt | None = None
    inbound: Message | None = None
    odd: tuple[str, ...] = ()
    by_recipient: Mapping[str, Receipt] = field(default_factory=dict)


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
    if kind not in ("message.received", "message.sent", "message.finalized"):
        return WebhookEvent(event_id, kind, odd=tuple(odd))
    payload = data.get("payload")
    if not isinstance(payload, dict) or not payload:
        return WebhookEvent(event_id, kind, odd=(*odd, "payload"))
    if not untrusted.is_ident(payload.get("id")):
        odd.append("payload.id")
    read = _inbound if kind == "message.received" else _receipts
    found = read(WebhookEvent(event_id, kind), payload, data.get("occurred_at"), now_ms, ours)
    return replace(found, odd=(*odd, *found.odd))


def _receipts(
    event: WebhookEvent, payload: dict[str, Any], occurred_at: object, now_ms: int, _ours: str
) -> WebhookEvent:
    """The event with what it says of a text that we sent."""
    occurred_ms = untrusted.moment(occurred_at, now_ms, within_ms=_RECEIPT_MS)
    final = event.type == "message.finalized"

    told = Receipt(
        event_id=event.id,
        telnyx_id=untrusted.ident(payload.get("id")),
        status=None,
        word="",
        occurred_ms=now_ms if occurred_ms is None else occurred_ms,
        faults=faults(payload),
        **_billed(payload, now_ms),
    )

    def receipt(word: str) -> Receipt:
        known = STATUSES.get(word)
        return replace(
            told,
            status=_receipt_status(known, final=final),
            word=word or event.type.removeprefix("message."),
            note=_UNKNOWN_WORD if final and known is None else None,
        )

    to = untrusted.rows(payload.get("to"))
    word = _word(payload)
    url = untrusted.line(payload.get("webhook_url"), None)
    named = untrusted.ident(url.rstrip("/").rpartition("/")[2])
    odd = ("occurred_at", "payload.to.status")
    return replace(
        event,
        message_id=named or None,
        receipt=receipt(word),
        by_recipient={
            untrusted.number(row.get("phone_number")): receipt(untrusted.word(row.get("status"))) for row in to
        }
        if len(to) > 1
        else {},
        odd=_named(odd, (occurred_ms is None, word not in STATUSES)),
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
    """The event with the text that somebody sent us."""
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
        segments=_parts(payload.get("parts")) or 1,
        telnyx_id=telnyx_id or None,
        autoresponse=untrusted.word(payload.get("autoresponse_type")).upper() or None,
        is_spam=payload.get("is_spam") is True,
        media=_media(payload.get("media")),
        history=(
            Entry(now_ms if occurred_ms is None else occurred_ms, Status.RECEIVED.value, "webhook", event.id),
        ),
    )
    odd = ("occurred_at", "payload.from", "payload.to", "payload.text")
    cut = isinstance(said, str) and len(words) < len(said)
    unreadable = said is not None and not isinstance(said, str)
    return replace(
        event,
        inbound=message,
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


def _parts(value: object) -> int | None:
    parts = untrusted.whole(value)
    return parts if parts and parts <= _MOST_PARTS else None
