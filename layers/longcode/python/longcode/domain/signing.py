"""The signature of a delivery as Standard Webhooks (standardwebhooks.com) has it: `v1`, HMAC-SHA256."""

import base64
import hashlib
import hmac
from collections.abc import Iterable

from longcode.domain.subscriptions import Secret

# Of this service, and what it is called by receivers. A test compares the version with the command's.
USER_AGENT = "long-code-sms/0.1.0"
_PREFIX = "whsec_"


def headers(webhook_id: str, at_ms: int, body: bytes, secrets: Iterable[Secret]) -> dict[str, str]:
    """The headers of an attempt at `at_ms` (epoch milliseconds), with a signature by each of `secrets`.

    `webhook_id` is the event's, the same in each attempt; the receiver checks the timestamp against its clock.
    """
    timestamp = at_ms // 1000
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(one.value, signed)}" for one in secrets),
        "content-type": "application/json",
        "user-agent": USER_AGENT,
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
