"""Webhooks as Telnyx sends them, signed with a key that the test made."""

import base64
import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from nacl.signing import SigningKey

from longcode.domain.message import Fault, iso
from tests.support.fakes.provider import FINAL, Text

# Any: the payload of an event is JSON.
Payload = dict[str, Any]


class Signer:
    """A webhook signing key: what it signs, `public` verifies. The seed makes it the same in every run."""

    def __init__(self, seed: bytes = b"the provider's key, for tests...") -> None:
        self._key = SigningKey(seed)

    @property
    def public(self) -> str:
        """The public key as Telnyx shows it: base64 of 32 bytes."""
        return base64.b64encode(bytes(self._key.verify_key)).decode()

    def headers(self, body: bytes, now_ms: int) -> dict[str, str]:
        """The two headers of a webhook that is sent at `now_ms`."""
        timestamp = str(now_ms // 1000)
        signed = self._key.sign(timestamp.encode() + b"|" + body).signature
        return {
            "telnyx-timestamp": timestamp,
            "telnyx-signature-ed25519": base64.b64encode(signed).decode(),
            "content-type": "application/json",
        }


def envelope(event_type: str, payload: dict[str, Any], now_ms: int, event_id: str | None = None) -> bytes:
    """An event around `payload`."""
    event = {
        "data": {
            "event_type": event_type,
            "id": event_id or str(uuid.uuid4()),
            "occurred_at": iso(now_ms).replace("Z", "+00:00"),
            "payload": payload,
            "record_type": "event",
        },
        "meta": {
            "attempt": 1,
            "delivered_to": payload.get("webhook_url") or "https://example.com/webhooks/message",
        },
    }
    return json.dumps(event, separators=(",", ":")).encode()


def receipt(
    text: Text,
    status: str,
    now_ms: int,
    *,
    event_id: str | None = None,
    faults: Sequence[Fault] = (),
) -> bytes:
    """The receipt of `text` that says `status`: `message.sent` for `sent`, else `message.finalized`."""
    payload: dict[str, Any] = {
        "completed_at": iso(now_ms) if status in FINAL else None,
        "cost": {"amount": "0.0051", "currency": "USD"},
        "direction": "outbound",
        "encoding": "GSM-7",
        "errors": [{"code": fault.code, "title": fault.title, "detail": fault.detail} for fault in faults],
        "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": text.sender},
        "id": text.telnyx_id,
        "media": [],
        "parts": 1,
        "received_at": iso(text.taken_ms),
        "record_type": "message",
        "sent_at": iso(text.taken_ms),
        "tags": [],
        "text": text.text,
        "to": [{"phone_number": text.recipient, "status": status, **text.network}],
        "type": "SMS",
        "valid_until": None,
        "webhook_url": text.webhook_url,
    }
    return envelope("message.sent" if status == "sent" else "message.finalized", payload, now_ms, event_id)


# As the provider documents them. The campaign's id is the provider's own.
CAMPAIGN_ID, TCR_ID = "751c6a5c-907b-43a9-8ada-ba1dc8335b07", "C751C6A"
SUSPENDED: Payload
UNSUSPENDED: Payload
EXPIRED: Payload
SUSPENDED, UNSUSPENDED, EXPIRED = (
    {"type": "TCR_EVENT", "eventType": name, "description": f"Campaign {TCR_ID} {what}"}
    for name, what in (
        ("MNO_CAMPAIGN_OPERATION_SUSPENDED", "has been suspended"),
        ("MNO_CAMPAIGN_OPERATION_UNSUSPENDED", "is no longer suspended"),
        ("CAMPAIGN_EXPIRED", "has expired"),
    )
)
DORMANT: Payload = {
    "type": "TELNYX_EVENT",
    "status": "DORMANT",
    "description": "Campaign has been marked as dormant",
}
VERIFIED: Payload = {"type": "VERIFIED", "isTMobileRegistered": True}
REMOVED: Payload = {"type": "DELETION", "status": "success", "reasons": []}
ASSIGNED: Payload = {"type": "ASSIGNMENT", "status": "success", "reasons": []}
DELETED: Payload = {"type": "STATUS_UPDATE", "status": "DELETED"}
ADDED: Payload = {"type": "STATUS_UPDATE", "status": "ADDED"}


def campaign_event(
    payload: Payload, now_ms: int, *, campaign: str = CAMPAIGN_ID, event_id: str | None = None
) -> bytes:
    """An event on a campaign, as SUSPENDED says it."""
    return envelope("10dlc.campaign.update", {"campaignId": campaign, **payload}, now_ms, event_id)


def number_event(payload: Payload, now_ms: int, *, number: str, campaign: str = CAMPAIGN_ID) -> bytes:
    """An event on a number of a campaign, as ADDED says it."""
    named = {"campaignId": campaign, "phoneNumber": number}
    return envelope("10dlc.phone_number.update", {**named, **payload}, now_ms)


def inbound(  # noqa: PLR0913 -- a parameter for each field that a test sets
    sender: str,
    text: str,
    now_ms: int,
    *,
    to: str,
    telnyx_id: str | None = None,
    event_id: str | None = None,
    autoresponse: str | None = None,
    network: Mapping[str, str] | None = None,
    media: Sequence[Mapping[str, str]] = (),
) -> bytes:
    """A text from another number to ours; `network` is the `carrier` and `line_type` of that number."""
    payload: dict[str, Any] = {
        "autoresponse_type": autoresponse,
        "cc": [],
        "completed_at": None,
        "cost": None,
        "direction": "inbound",
        "encoding": "GSM-7",
        "errors": [],
        "from": {"phone_number": sender, **(network or {})},
        "id": telnyx_id or str(uuid.uuid4()),
        "is_spam": False,
        "media": list(media),
        "parts": 1,
        "received_at": iso(now_ms),
        "record_type": "message",
        "sent_at": None,
        "tags": [],
        "text": text,
        "to": [{"carrier": "Telnyx", "line_type": "Wireless", "phone_number": to, "status": "webhook_delivered"}],
        "type": "SMS",
        "valid_until": None,
        "webhook_url": None,
    }
    return envelope("message.received", payload, now_ms, event_id)
