"""Webhook events as Telnyx documents them, for tests that vary them."""

import json
from typing import Any

from longcode.domain import outcomes
from longcode.telnyx import webhooks
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS

NOW = START_MS
OCCURRED = "2023-11-14T22:13:14.148+00:00"
OCCURRED_MS = NOW - 5_852
OUR_ID = "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"

# As in the provider's documentation, with our numbers and address.
FINALIZED: dict[str, Any] = {
    "data": {
        "event_type": "message.finalized",
        "id": "4ee8c3a6-4995-4309-a3c6-38e3db9ea4be",
        "occurred_at": OCCURRED,
        "payload": {
            "completed_at": OCCURRED,
            "cost": {"amount": "0.0051", "currency": "USD"},
            "direction": "outbound",
            "encoding": "GSM-7",
            "errors": [],
            "from": {"carrier": "Telnyx", "line_type": "Wireless", "phone_number": OURS},
            "id": TELNYX_ID,
            "media": [],
            "messaging_profile_id": "83d2343b-553f-4c5f-b8c8-fd27004f94bf",
            "organization_id": "9d76d591-1b7d-405d-8c64-1320ee070245",
            "parts": 1,
            "received_at": "2023-11-14T22:13:13.552+00:00",
            "record_type": "message",
            "sent_at": "2023-11-14T22:13:13.596+00:00",
            "tags": [],
            "text": "Hello there!",
            "to": [
                {
                    "carrier": "T-MOBILE USA, INC.",
                    "line_type": "Wireless",
                    "phone_number": THEIRS,
                    "status": "delivered",
                }
            ],
            "type": "SMS",
            "valid_until": None,
            "webhook_url": f"https://example.com/webhooks/message/{OUR_ID}",
        },
        "record_type": "event",
    },
    "meta": {"attempt": 1, "delivered_to": f"https://example.com/webhooks/message/{OUR_ID}"},
}


# Any: JSON.
def webhook(event_type: str = "message.finalized", data: Any = None, **payload: Any) -> bytes:
    """The sample with changes in its payload and in its data."""
    event = json.loads(json.dumps(FINALIZED))
    event["data"]["event_type"] = event_type
    event["data"]["payload"] |= payload
    event["data"] |= data or {}
    return json.dumps(event).encode()


def read(body: bytes) -> outcomes.WebhookEvent:
    event = webhooks.event(body, NOW)
    assert event
    return event
