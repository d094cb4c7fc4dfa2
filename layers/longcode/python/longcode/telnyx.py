"""The carrier's facts, and the only place that has them: its request, its words, its errors, its events.

No network here: `carrier` has that, so that a webhook does not pay for an HTTP client.

Sources: Telnyx's messaging API (OpenAPI), its list of API errors and its page on message statuses.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
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
# This recipient or this text: the number, its country, its carrier's word, the content.
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
# The same for what has no code of the carrier's, by its HTTP status.
_BACK_OFF_STATUS_MS = {409: 2_000, 425: 2_000, 429: 5_000}
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

# A text may go out in at most 10 parts; the header that joins parts can count to 255.
_MOST_PARTS = 255
_LONGEST_AMOUNT = 40
_PAGE_SIZE = 50
# Of a title or a detail: all that somebody will read, and no more than an item of a table bears.
_MOST_WORDS = 1_000
# What moves a cursor, hides or turns round what stands beside it. A text of a person keeps its lines.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROLS_IN_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# Half of a surrogate pair is legal in JSON and in no table or answer.
_SURROGATES = re.compile("[\ud800-\udfff]")


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
    row = _first_error(fields)
    code = _words_or_number(row.get("code"))
    if not _CODE.fullmatch(code):
        # Somebody between us and the carrier answered in its place.
        code = ""
    fault = Fault(
        code or f"http_{http_status}",
        _words(row.get("title"))[:_MOST_WORDS] or f"The carrier answered {http_status}.",
        _words(row.get("detail"))[:_MOST_WORDS],
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
    """The same without a code that we know. `coded`: the answer has the carrier's own form all the same."""
    if http_status in (401, 402):
        return Answer(Verdict.CONFIGURATION, fault, http_status, everyone=True)
    if http_status in _BACK_OFF_STATUS_MS:
        return Answer(Verdict.BACK_OFF, fault, http_status, wait_ms=wait_ms or _BACK_OFF_STATUS_MS[http_status])
    # A bare 503 may come from a gateway that had passed the request on.
    if http_status == 408 or http_status >= 500 or http_status < 200:
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    if coded and http_status >= 400:
        return Answer(Verdict.PERMANENT, fault, http_status, unclassified=True)
    # A gateway, a firewall or another site than the carrier's, which had no reason to pass the request on.
    return Answer(Verdict.CONFIGURATION, fault, http_status)


def stopped_by(reason: str) -> Literal["key", "funds", "setup", "outage"]:
    """What an open breaker is about. `reason` begins with the code of the fault that opened it."""
    code = reason.partition(" ")[0]
    if code in _KEY or code == "http_401":
        return "key"
    if code in _FUNDS or code == "http_402":
        return "funds"
    return "outage" if code in _AMBIGUOUS or code.startswith(("http_", "carrier_")) else "setup"


def _accepted(http_status: int, fields: dict[str, Any]) -> Answer:
    data = fields.get("data")
    telnyx_id = _words(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        fault = Fault("carrier_unreadable", "The carrier's answer could not be read.", "", http_status)
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    word = _word(data)
    return Answer(
        Verdict.ACCEPTED,
        http_status=http_status,
        telnyx_id=telnyx_id,
        carrier_status=word or "queued",
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


def _first_error(fields: dict[str, Any]) -> dict[str, Any]:
    errors = fields.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) else {}


def faults(payload: Mapping[str, Any]) -> tuple[Fault, ...]:
    """The errors that a message carries, in the carrier's words."""
    rows = payload.get("errors")
    return tuple(
        Fault(
            _words_or_number(row.get("code"))[:_MOST_WORDS],
            _words(row.get("title"))[:_MOST_WORDS],
            _words(row.get("detail"))[:_MOST_WORDS],
        )
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
    )


def _word(data: Mapping[str, Any]) -> str:
    """The status of truth: that of the first recipient; there is none at the top."""
    to = data.get("to")
    first = to[0] if isinstance(to, list) and to else None
    return _words(first.get("status")) if isinstance(first, dict) else ""


def record(content: bytes) -> Record | None:
    """What an answer to `GET /messages/{id}` says of the message; None if it can't be read."""
    data = _loads(content).get("data")
    telnyx_id = _words(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        return None
    return Record(telnyx_id=telnyx_id, status=_word(data), faults=faults(data), **_billed(data))


def is_refusal(content: bytes) -> bool:
    """Whether an answer has the form of the carrier's errors, and so is the carrier's own."""
    return bool(_CODE.fullmatch(_words_or_number(_first_error(_loads(content)).get("code"))))


def detail_records_query(message: Message, page: int) -> dict[str, str]:
    """The query for one page of the detail records that `message` may be among, newest first."""
    # Whatever the time zone of the carrier's days: a text is not older than its acceptance.
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
    fields = _loads(content)
    rows, meta = fields.get("data"), fields.get("meta")
    if not isinstance(rows, list):
        return None
    last = _is_last(page, len(rows), meta if isinstance(meta, dict) else {})
    for row in rows:
        # Without an address of ours, somebody else's record may have none either.
        if isinstance(row, dict) and webhook_url and row.get("delivery_status_webhook_url") == webhook_url:
            telnyx_id = _words(row.get("uuid"))
            if telnyx_id:
                return DetailRecords(Record(telnyx_id, _words(row.get("status")) or "queued"), last)
    # Nothing where there should be more is no end.
    return DetailRecords(None, last) if rows or last else None


def _is_last(page: int, rows: int, meta: Mapping[str, Any]) -> bool:
    """Whether no page comes after this one: as the answer says, else when it is shorter than a page is."""
    size = _whole(meta.get("page_size")) or _PAGE_SIZE
    pages, results = _whole(meta.get("total_pages")), _whole(meta.get("total_results"))
    if pages is not None:
        return page >= pages
    if results is not None:
        return page * size >= results
    return rows < size


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
    cost = message.get("cost")
    if not isinstance(cost, dict):
        cost = {}
    return {
        "parts": _parts(message.get("parts")),
        "cost": _amount(cost.get("amount")),
        "currency": _words(cost.get("currency")) or None,
        "completed_ms": epoch_ms(_words(message.get("completed_at"))),
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
    event_id, kind, payload = _words(data.get("id")), data.get("event_type"), data.get("payload")
    if not event_id or not isinstance(kind, str):
        return None
    kind = _words(kind)
    telnyx_id = _words(payload.get("id")) if isinstance(payload, dict) else ""
    if not isinstance(payload, dict) or not telnyx_id:
        return Event(event_id, kind)
    occurred_ms = epoch_ms(_words(data.get("occurred_at"))) or now_ms
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
    url = _words(payload.get("webhook_url"))
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
    return Message(
        id=telnyx_id,
        direction="inbound",
        status=Status.RECEIVED,
        sender=_words(sender.get("phone_number")) if isinstance(sender, dict) else "",
        recipient=_words(first.get("phone_number")) if isinstance(first, dict) else "",
        text=_words(payload.get("text"), _CONTROLS_IN_LINES),
        accepted_ms=now_ms,
        updated_ms=now_ms,
        route="webhook",
        segments=_parts(payload.get("parts")) or 1,
        telnyx_id=telnyx_id,
        autoresponse=_words(payload.get("autoresponse_type")) or None,
        is_spam=payload.get("is_spam") is True,
        media=tuple(
            {
                name: words
                for name in ("url", "content_type", "size", "sha256")
                if (words := _words_or_number(row.get(name)))
            }
            for row in (media if isinstance(media, list) else ())
            if isinstance(row, dict)
        ),
        history=(Entry(occurred_ms, Status.RECEIVED.value, "webhook", event_id),),
    )


def _words(value: object, controls: re.Pattern[str] = _CONTROLS) -> str:
    """The words of others as plain text, which no terminal, table or answer takes amiss; empty if none."""
    if not isinstance(value, str):
        return ""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", controls.sub(" ", value))


def _words_or_number(value: object) -> str:
    return str(value) if _whole(value) is not None else _words(value)


def _parts(value: object) -> int | None:
    parts = _whole(value)
    return parts if parts and parts <= _MOST_PARTS else None


def _amount(value: object) -> str | None:
    """An amount of money as text: it comes as a string or a number."""
    text = "" if isinstance(value, bool) else str(value)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return str(amount) if amount.is_finite() and len(text) <= _LONGEST_AMOUNT else None
