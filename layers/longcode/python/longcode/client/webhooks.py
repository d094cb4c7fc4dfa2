"""Verifies the events that a subscription posts, by the Standard Webhooks specification."""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

TOLERANCE_S = 300
_PREFIX = "whsec_"
_VERSION = "v1"
# A key that is shorter is a slip, not a secret.
_LEAST_BYTES = 16


class WebhookError(ValueError):
    """A request that is no event of ours: answer it with 400 or 401, and do nothing else."""


class InvalidSignature(WebhookError):
    """It is not signed with the secret, is too old, or comes from the future."""


class InvalidEvent(WebhookError):
    """It is signed, and is no event all the same."""


# Any: JSON, docs/events.md has the fields of each type.
@dataclass(frozen=True, slots=True)
class Event:
    """An event. `id` is the same for each attempt and replay, so that it can be taken once."""

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]


def verify(
    secret: str | Sequence[str], headers: Mapping[str, str], body: bytes, now: float | None = None
) -> Event:
    """The event that a request carries.

    Args:
        secret: the subscription's, `whsec_…`; or several, any of which may have signed it.
        headers: those of the request, in any case.
        body: its bytes as they came: JSON that was read and written again has another signature.
        now: seconds since 1970; the clock's if it is not given.

    Raises InvalidSignature where it is not signed with a secret, or not within five minutes of `now`; InvalidEvent
    where the body is no event; ValueError where a secret is none.
    """
    keys = [_key(one) for one in ([secret] if isinstance(secret, str) else secret)]
    if not keys:
        raise ValueError("Give at least one secret.")
    given = {name.lower(): value for name, value in headers.items()}
    ident, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    _expect_recent(stamp, time.time() if now is None else now)
    signed = b".".join((ident.encode("utf-8", "surrogateescape"), stamp.encode(), body))
    if not ident or not _is_signed(keys, signed, given.get("webhook-signature", "")):
        raise InvalidSignature("The signature is not one of the secret's.")
    return _event(ident, body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"A secret is {_PREFIX} and base64.") from None
    if len(key) < _LEAST_BYTES:
        raise ValueError(f"A secret is {_PREFIX} and base64 of at least {_LEAST_BYTES} bytes.")
    return key


def _expect_recent(stamp: str, now: float) -> None:
    # No more digits than a moment has: int() would take any number of them.
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise InvalidSignature("There is no webhook-timestamp.")
    if abs(now - int(stamp)) > TOLERANCE_S:
        raise InvalidSignature("It is not of the last five minutes.")


def _is_signed(keys: Sequence[bytes], signed: bytes, signatures: str) -> bool:
    """Whether any of the signatures is one of the keys'. All of them are compared, each in constant time."""
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    found = False
    for one in signatures.split(" "):
        version, _, value = one.partition(",")
        if version == _VERSION:
            for each in expected:
                found |= hmac.compare_digest(each, value.encode("utf-8", "surrogateescape"))
    return found


def _event(ident: str, body: bytes) -> Event:
    try:
        fields = json.loads(body)
    except ValueError:
        raise InvalidEvent("The body is no JSON.") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("data"), dict):
        raise InvalidEvent("The body has no data.")
    try:
        at = datetime.fromisoformat(fields["timestamp"])
        return Event(ident, str(fields["type"]), at, fields["data"])
    except (KeyError, TypeError, ValueError):
        raise InvalidEvent("The body has no type or no timestamp.") from None
