"""The request that asks Telnyx for a text, and what its answer means."""

# Source: Telnyx's messaging API (OpenAPI).

import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from longcode.domain import untrusted
from longcode.domain.message import Fault, Message
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.status import Status
from longcode.telnyx import carriers, error_codes
from longcode.telnyx.payload import STATUSES, faults, parts, recipient_row

# The form that a code has in an answer of Telnyx itself.
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_REGISTERED = {"registered": True, "unregistered": False, "not_registered": False, "": False}
_MOST_WAIT_MS = 60 * 60_000
# A wait in the provider's queue that is longer is none that it can have.
_MOST_QUEUE_S = 86_400


def request_body(message: Message) -> bytes:
    """The request for `message`, byte for byte the same each time: a replay under the same
    idempotency key must be identical (error 10027).
    """
    # A text that may still be sent has its words; only a final status removes them.
    fields: dict[str, object] = {"from": message.sender, "text": message.text, "to": message.recipient}
    if message.media_urls:
        fields |= {"media_urls": list(message.media_urls), "type": "MMS"}
    if message.webhook_url:
        fields["webhook_url"] = message.webhook_url
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def classify(
    http_status: int, headers: Mapping[str, str], content: bytes, wall_s: float, recipient: str = ""
) -> Answer:
    """What an HTTP answer to a send means. `wall_s` is the time, epoch seconds, for a reset given as such and for
    when the carrier was named; `recipient` is who the text is for.
    """
    fields = untrusted.loads(content)
    if 200 <= http_status < 300:
        return _accepted(http_status, fields, recipient, round(wall_s * 1000))
    error = _first_error(fields)
    code = untrusted.line_or_number(error.get("code"))
    if not _CODE.fullmatch(code):
        # A machine between us and the provider answered in its place.
        code = ""
    fault = Fault(
        code or f"http_{http_status}",
        untrusted.line(error.get("title")) or f"The provider answered {http_status}.",
        untrusted.line(error.get("detail")),
        http_status,
    )
    row = error_codes.refused(fault, http_status, coded=bool(code))
    assert row.verdict
    wait_ms = (asked_wait_ms(headers, wall_s) or row.wait_ms) if row.verdict is Verdict.BACK_OFF else None
    return Answer(
        row.verdict,
        fault,
        http_status,
        wait_ms=wait_ms,
        until_utc_midnight=row.until_utc_midnight,
        opted_out=row.opted_out,
        ours=row.verdict is Verdict.PERMANENT and row.responsible == "service",
        everyone=row.everyone,
        unclassified=row is error_codes.UNCLASSIFIED,
    )


def _accepted(http_status: int, fields: dict[str, Any], recipient: str, now_ms: int) -> Answer:
    data = fields.get("data")
    telnyx_id = untrusted.ident(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        fault = Fault("provider_unreadable", "The provider's answer could not be read.", "", http_status)
        return Answer(Verdict.AMBIGUOUS, fault, http_status)
    row = recipient_row(data, recipient)
    word = untrusted.word(row.get("status"))
    return Answer(
        Verdict.ACCEPTED,
        http_status=http_status,
        telnyx_id=telnyx_id,
        provider_status=word or "queued",
        status=STATUSES.get(word, Status.SUBMITTED),
        parts=parts(data.get("parts")),
        faults=faults(data),
        queue_ms=_queue_ms(data.get("wait_seconds")),
        valid_until_ms=untrusted.moment(data.get("valid_until"), now_ms),
        registered=_registered(data),
        subscription=carriers.subscription(row, recipient, now_ms),
    )


def _queue_ms(seconds: object) -> int | None:
    """How long a text waits in the provider's queue; None where it does not, or where that can't be read."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _MOST_QUEUE_S:
        return None
    return round(seconds * 1000)


def _registered(data: Mapping[str, Any]) -> bool | None:
    """Whether our number is registered with the US carriers (10DLC); None if the answer does not say so.

    Seen were "REGISTERED", true, false and null.
    """
    said = data.get("tcr_campaign_registered", ...)
    if said is None or isinstance(said, bool):
        return bool(said)
    return _REGISTERED.get(untrusted.word(said)) if isinstance(said, str) else None


def asked_wait_ms(headers: Mapping[str, str], wall_s: float) -> int | None:
    """The wait that an answer asks for: Retry-After, else x-ratelimit-reset, at most an hour.

    The reset is documented both as seconds and as an epoch, and Retry-After may be a date. What is in the past
    asks for nothing.
    """
    for name in ("retry-after", "x-ratelimit-reset"):
        seconds = _seconds(headers.get(name, ""), wall_s)
        if 0 < seconds < float("inf"):
            return min(int(seconds * 1000), _MOST_WAIT_MS)
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


def is_refusal(content: bytes) -> bool:
    """Whether an answer has the form of the provider's errors, and so is the provider's own."""
    return bool(_CODE.fullmatch(untrusted.line_or_number(_first_error(untrusted.loads(content)).get("code"))))
