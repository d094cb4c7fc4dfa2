"""A send request, checked as strictly as the provider might: every fault is a documented code."""

# Unknown fields are refused. Whether the real API refuses them is not documented; a client that
# sends none is right either way, and only a strict double can show that it sends none.

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from . import errors, parts
from .errors import ApiError, Refused

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
KEY = re.compile(r"[A-Za-z0-9_-]{1,255}")
URL_LIMIT = 2000  # characters
MEDIA_LIMIT = 10  # URLs
SOONEST, LATEST = timedelta(minutes=5), timedelta(days=5)  # of send_at, from now

FIELDS: dict[str, type] = {
    "to": str,
    "from": str,
    "text": str,
    "messaging_profile_id": str,
    "media_urls": list,
    "subject": str,
    "type": str,
    "webhook_url": str,
    "webhook_failover_url": str,
    "use_profile_webhooks": bool,
    "send_at": str,
    "encoding": str,
    "auto_detect": bool,
}
LONG_CODE_FIELDS = FIELDS.keys() - {"messaging_profile_id", "send_at"}
NULLABLE = frozenset({"send_at"})


@dataclass(frozen=True, slots=True)
class Raw:
    """A send request as it came off the wire; times are ms."""

    path: str
    authorization: str | None
    idempotency_key: str | None
    body: bytes
    arrived_ms: float
    arrived_monotonic_ms: float


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A request that the provider could take."""

    to: str
    sender: str
    text: str
    size: parts.Size
    kind: str
    media_urls: tuple[str, ...]
    subject: str | None
    webhook_url: str | None
    webhook_failover_url: str | None
    use_profile_webhooks: bool
    send_at: datetime | None

    @property
    def segments(self) -> int:
        """What it counts at a network's limit."""
        return 1 if self.kind == "MMS" else self.size.parts


def idempotency_key(value: str | None) -> str | None:
    """The key as sent; Refused with 10015 if it is not `[A-Za-z0-9_-]{1,255}`."""
    if value is not None and not KEY.fullmatch(value):
        raise Refused(errors.BAD_REQUEST.saying("The Idempotency-Key header is not valid."))
    return value


def recipient(body: bytes) -> str | None:
    """The `to` of a request that may not be valid: for the log and for programmed faults."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    to = value.get("to") if isinstance(value, dict) else None
    return to if isinstance(to, str) else None


def send_request(
    body: bytes,
    *,
    numbers: frozenset[str],
    profile_id: str,
    now: datetime,
    long_code: bool = False,
) -> SendRequest:
    """Parse and check one request. `numbers` are ours; `now` is aware.

    Raises Refused with every fault of the first stage that finds any: well-formedness, then single
    fields, then what they mean together.
    """
    fields = _object(body)
    faults = list(_field_faults(fields, LONG_CODE_FIELDS if long_code else FIELDS.keys()))
    if faults:
        raise Refused(*faults)
    faults = list(_value_faults(fields, now))
    if faults:
        raise Refused(*faults)
    return _meaning(fields, numbers, profile_id, long_code)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError as exc:
        raise Refused(errors.BAD_REQUEST) from exc
    if not isinstance(value, dict):
        raise Refused(errors.BAD_REQUEST.saying("The request body must be a JSON object."))
    return value


def _field_faults(fields: dict[str, Any], known: Set[str]) -> Iterator[ApiError]:
    for name, value in fields.items():
        if name not in known:
            yield _invalid(name, f"'{name}' is not a parameter of this request.")
        elif value is None and name in NULLABLE:
            continue
        elif not isinstance(value, FIELDS[name]):
            if name == "to":
                yield errors.INVALID_PHONE_NUMBER.at("/to", "'to' must be one string.")
            else:
                yield _invalid(name, f"'{name}' must be a {FIELDS[name].__name__}.")
    if "to" not in fields:
        yield errors.MISSING_PARAMETER.at("/to")


def _value_faults(fields: dict[str, Any], now: datetime) -> Iterator[ApiError]:
    if not E164.fullmatch(fields["to"]):
        yield errors.NOT_E164.at("/to")
    for name in ("webhook_url", "webhook_failover_url"):
        if name in fields and not _is_url(fields[name]):
            yield errors.INVALID_URL.at(f"/{name}")
    media = fields.get("media_urls", [])
    if len(media) > MEDIA_LIMIT or not all(isinstance(url, str) and _is_url(url) for url in media):
        yield errors.INVALID_URL.at("/media_urls")
    for name, allowed in (("type", ("SMS", "MMS")), ("encoding", ("auto", "gsm7", "ucs2"))):
        if name in fields and fields[name] not in allowed:
            yield _invalid(name, f"'{name}' must be one of {', '.join(allowed)}.")
    if fields.get("send_at") is not None:
        due = _moment(fields["send_at"])
        if due is None or not SOONEST <= due - now <= LATEST:
            yield _invalid("send_at", "'send_at' must be ISO 8601, 5 minutes to 5 days from now.")


def _meaning(fields: dict[str, Any], numbers: frozenset[str], profile_id: str, long_code: bool) -> SendRequest:
    text, media = fields.get("text", ""), tuple(fields.get("media_urls", ()))
    profile = fields.get("messaging_profile_id")
    if profile is not None and profile != profile_id:
        raise Refused(errors.INVALID_PROFILE.at("/messaging_profile_id"))
    sender = fields.get("from")
    if sender is None:
        if long_code or profile is None:
            raise Refused(errors.MISSING_PARAMETER.at("/from"))
        sender = min(numbers)
    elif sender not in numbers:
        raise Refused(errors.INVALID_FROM.at("/from"))
    if sender == fields["to"]:
        raise Refused(errors.INVALID_TO.at("/to", f"Source and destination cannot be the same number: {sender}"))
    kind = fields.get("type", "MMS" if media else "SMS")
    if (kind == "SMS" and not text.strip()) or (kind == "MMS" and not media):
        raise Refused(errors.NO_CONTENT.at("/text" if kind == "SMS" else "/media_urls"))
    try:
        size = parts.measure(text, fields.get("encoding", "auto"))
    except parts.NotGsm7 as exc:
        raise Refused(errors.NOT_GSM7.at("/text")) from exc
    if size.parts > parts.MAX_PARTS:
        raise Refused(errors.TOO_LARGE.at("/text"))
    return SendRequest(
        to=fields["to"],
        sender=sender,
        text=text,
        size=size,
        kind=kind,
        media_urls=media,
        subject=fields.get("subject"),
        webhook_url=fields.get("webhook_url"),
        webhook_failover_url=fields.get("webhook_failover_url"),
        use_profile_webhooks=fields.get("use_profile_webhooks", True),
        send_at=_moment(fields["send_at"]) if fields.get("send_at") else None,
    )


def _invalid(name: str, detail: str) -> ApiError:
    return ApiError("10015", errors.BAD_REQUEST.title, detail, 422, f"/{name}")


def _is_url(value: str) -> bool:
    if not 0 < len(value) <= URL_LIMIT or re.search(r"\s", value):
        return False
    try:
        parsed = urlsplit(value)
    except ValueError:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.hostname)


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
