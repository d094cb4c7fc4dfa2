"""Makes a webhook that the stack accepts: signed now, with the simulated provider's key."""

import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from nacl.signing import SigningKey

from devtools.telnyx_simulator.keys import load_or_make, public_key
from devtools.telnyx_simulator.webhooks import sign

from .layout import Layout, Stack
from .problems import LocalError
from .simulator import key_file

Kind = Literal["inbound", "sent", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request to make within five minutes of `now`."""

    url: str
    headers: dict[str, str]
    body: bytes

    def as_curl_config(self) -> str:
        """For `curl -K -`, which needs no shell quoting."""
        lines = [f"url = {_quoted(self.url)}"]
        lines += [f"header = {_quoted(f'{name}: {value}')}" for name, value in self.headers.items()]
        lines.append(f"data-binary = {_quoted(self.body.decode())}")
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def webhook(
    layout: Layout,
    stack: Stack,
    kind: Kind,
    *,
    other: str,
    text: str,
    message_id: str | None = None,
    telnyx_id: str | None = None,
    now: float | None = None,
) -> Webhook:
    """An inbound text from `other`, or a receipt for our message `message_id` to `other`."""
    key = provider_key(layout, stack)
    if key is None:
        raise LocalError(
            "The stack trusts another provider's key, so nothing signed here would be accepted.",
            hint="Start it without TELNYX_BASE_URL and TELNYX_PUBLIC_KEY.",
        )
    now = time.time() if now is None else now
    url = stack.parameters["WebhookUrl"] + (f"/{message_id}" if message_id else "")
    event = _event(kind, stack.from_number, other, text, url, telnyx_id or str(uuid.uuid4()), now)
    body = json.dumps(event, separators=(",", ":")).encode()
    return Webhook(url, signed(key, body, now), body)


def provider_key(layout: Layout, stack: Stack) -> SigningKey | None:
    """The key that the stack's provider signs with; None where that provider is not the simulator."""
    path = key_file(layout)
    if not path.exists():
        return None
    key = load_or_make(path)
    return key if public_key(key) == stack.telnyx_public_key else None


def signed(key: SigningKey, body: bytes, now: float) -> dict[str, str]:
    """The headers of a webhook with `body` that is signed at `now`, epoch seconds."""
    timestamp = str(int(now))
    return {
        "content-type": "application/json",
        "telnyx-timestamp": timestamp,
        "telnyx-signature-ed25519": sign(key, timestamp, body),
    }


_STATUS = {"inbound": "webhook_delivered", "sent": "sent", "delivered": "delivered", "failed": "delivery_failed"}
_EVENT = {"inbound": "message.received", "sent": "message.sent"}
_FAILURE = {"code": "40008", "title": "Undeliverable", "detail": "The recipient's carrier refused it."}
_LINE = {"carrier": "Example", "line_type": "Wireless"}


def _event(kind: Kind, ours: str, other: str, text: str, url: str, telnyx_id: str, now: float) -> dict[str, Any]:
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    inbound = kind == "inbound"
    payload = {
        "record_type": "message",
        "direction": "inbound" if inbound else "outbound",
        "id": telnyx_id,
        "type": "SMS",
        "from": {"phone_number": other if inbound else ours, **_LINE},
        "to": [{"phone_number": ours if inbound else other, "status": _STATUS[kind], **_LINE}],
        "text": text,
        "media": [],
        "encoding": "GSM-7",
        "parts": 1,
        "tags": [],
        "cost": None,
        "webhook_url": url,
        "received_at": moment,
        "sent_at": None if inbound else moment,
        "completed_at": moment if kind in ("delivered", "failed") else None,
        "errors": [_FAILURE] if kind == "failed" else [],
    }
    if inbound:
        payload |= {"autoresponse_type": None, "is_spam": False}
    return {
        "data": {
            "event_type": _EVENT.get(kind, "message.finalized"),
            "id": str(uuid.uuid4()),
            "occurred_at": moment,
            "payload": payload,
            "record_type": "event",
        },
        "meta": {"attempt": 1, "delivered_to": url},
    }
