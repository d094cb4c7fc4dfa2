"""Messages as Telnyx writes them: outbound, inbound, and its own replies to keywords."""

from typing import Any

from . import parts
from .carriers import Carriers, Verdict
from .clock import iso
from .ledger import Message
from .networks import Networks
from .outcomes import Outcome
from .settings import ORGANIZATION_ID, Settings
from .validate import SendRequest

AUTORESPONSES = {
    "STOP": "You are unsubscribed and will receive no more messages. Reply START to resubscribe.",
    "START": "You are resubscribed and will receive messages again. Reply STOP to unsubscribe.",
    "HELP": "Reply STOP to unsubscribe. Message and data rates may apply.",
}
_OURS = {"carrier": "TELNYX LLC", "line_type": "VoIP"}


def outbound(
    asked: SendRequest,
    outcome: Outcome,
    settings: Settings,
    *,
    message_id: str,
    now_s: float,
    arrived_ms: float,
    carriers: Carriers,
    verdict: Verdict,
) -> Message:
    """A text that was taken. `arrived_ms` is of the monotonic clock."""
    life = verdict.outcome or outcome
    profile = settings if asked.use_profile_webhooks else None
    due_s = asked.send_at.timestamp() if asked.send_at else None
    rate = _rate(asked.size)
    status = "scheduled" if due_s else life.first_status
    payload = _common(settings, message_id, asked.kind, asked.text, asked.size, now_s) | {
        "direction": "outbound",
        "from": {"phone_number": asked.sender, **_OURS},
        "to": [{"phone_number": asked.to, "status": status, **carriers.networks.of(asked.to).public()}],
        "subject": asked.subject,
        "media": [_medium(url) for url in asked.media_urls],
        "webhook_url": asked.webhook_url or (profile and profile.webhook_url),
        "webhook_failover_url": asked.webhook_failover_url or (profile and profile.failover_url),
        "smart_encoding_applied": False,
        "cost_breakdown": {"rate": rate, "carrier_fee": {"amount": "0", "currency": "USD"}},
        **carriers.registration.marks(asked.sender),
        "valid_until": iso((due_s or now_s) + carriers.limits.queue_s),
        "wait_seconds": verdict.wait_s,
    }
    return Message(
        payload,
        now_s,
        life.name,
        arrived_monotonic_ms=arrived_ms,
        due_s=due_s,
        release_s=verdict.release_s,
        use_profile_webhooks=asked.use_profile_webhooks,
    )


# Any: a request to the control API, and a message, are JSON.
def inbound(
    asked: dict[str, Any],
    settings: Settings,
    *,
    message_id: str,
    now_s: float,
    to: str,
    keyword: str | None,
    networks: Networks,
) -> Message:
    """A text from `asked["from"]` to one of our numbers."""
    text: str = asked.get("text", "")
    media = [_medium(url) for url in asked.get("media_urls") or ()]
    payload = _common(settings, message_id, "MMS" if media else "SMS", text, parts.measure(text), now_s) | {
        "direction": "inbound",
        "from": {"phone_number": asked["from"], **networks.of(asked["from"]).public(), "status": "received"},
        "to": [{"phone_number": to, "status": "webhook_delivered", **_OURS}],
        "subject": None,
        "media": media,
        "webhook_url": asked.get("webhook_url") or settings.webhook_url,
        "webhook_failover_url": settings.failover_url,
        "valid_until": None,
        "autoresponse_type": keyword,
        "is_spam": bool(asked.get("is_spam", False)),
    }
    return Message(payload, now_s, "received", kind="inbound")


def autoresponse(keyword: str, *, message_id: str, now_s: float, sender: str, to: str) -> Message:
    """What the provider itself replies to a keyword."""
    payload: dict[str, Any] = {
        "record_type": "message",
        "direction": "outbound",
        "id": message_id,
        "type": "SMS",
        "from": {"phone_number": sender},
        "to": [{"phone_number": to, "status": "delivered"}],
        "text": AUTORESPONSES[keyword],
        "received_at": iso(now_s),
        "errors": [],
        "webhook_url": None,
    }
    return Message(payload, now_s, "autoresponse", kind="autoresponse")


def _common(
    settings: Settings, message_id: str, kind: str, text: str, size: parts.Size, now_s: float
) -> dict[str, Any]:
    return {
        "record_type": "message",
        "id": message_id,
        "type": kind,
        "messaging_profile_id": settings.profile_id,
        "organization_id": ORGANIZATION_ID,
        "cc": [],
        "text": text,
        "encoding": size.encoding,
        "num_chars": len(text),
        "parts": size.parts,
        "tags": [],
        "cost": _rate(size),
        "received_at": iso(now_s),
        "sent_at": None,
        "completed_at": None,
        "errors": [],
    }


def _rate(size: parts.Size) -> dict[str, str]:
    return {"amount": str(parts.PART_PRICE * size.parts), "currency": "USD"}


def _medium(url: str) -> dict[str, Any]:
    return {"url": url, "content_type": None, "sha256": None, "size": None}
