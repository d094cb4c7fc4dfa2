"""Example messages, answers and receipts. Numbers are from the ranges kept for examples."""

import uuid
from typing import Any

from longcode.domain.message import Entry, Fault, Message, fingerprint
from longcode.domain.outcomes import Answer, Receipt, Verdict
from longcode.domain.status import Status
from tests.support.fakes.clock import START_MS

OURS = "+12025550100"
THEIRS = "+12025550123"
TELNYX_ID = "40385f64-5717-4562-b3fc-2c963f66afa6"
OTHER_TELNYX_ID = "ac012cbf-5e09-46af-a69a-7c0e2d90993c"
NO_ANSWER = Fault("provider_no_answer", "The provider did not answer in time.", "ReadTimeout")
REFUSED = Fault("40310", "Invalid 'to' address", "No such number.", 400)


# Any: the fields of a Message.
def make_message(**changes: Any) -> Message:
    """A queued text; `changes` are fields of Message."""
    ident = changes.pop("id", None) or str(uuid.uuid4())
    fields: dict[str, Any] = {
        "direction": "outbound",
        "status": Status.QUEUED,
        "sender": OURS,
        "recipient": THEIRS,
        "text": "Your parcel comes at 10.",
        "accepted_ms": START_MS,
        "updated_ms": START_MS,
        "route": "queue",
        "segments": 1,
        "metadata": {"order": "A-17"},
        "webhook_url": f"https://example.com/webhooks/message/{ident}",
    } | changes
    fields.setdefault(
        "fingerprint",
        fingerprint(fields["route"], fields["recipient"], fields["text"], fields["metadata"]),
    )
    return Message(id=ident, **fields)


def accepted(telnyx_id: str = TELNYX_ID, **changes: Any) -> Answer:
    """The provider's yes."""
    fields: dict[str, Any] = {"telnyx_id": telnyx_id, "http_status": 200, "provider_status": "queued", "parts": 1}
    return Answer(Verdict.ACCEPTED, **(fields | changes))


def make_receipt(status: Status | None, event_id: str | None = None, **changes: Any) -> Receipt:
    """A receipt that says `status`."""
    fields: dict[str, Any] = {
        "telnyx_id": TELNYX_ID,
        "word": status.value if status else "queued",
        "occurred_ms": START_MS + 5_000,
    } | changes
    return Receipt(event_id=event_id or str(uuid.uuid4()), status=status, **fields)


def ending(status: Status, fault: Fault = REFUSED, at_ms: int = START_MS) -> Entry:
    """The history entry of an end before the provider had the text."""
    return Entry(at_ms, status.value, "consumer", faults=(fault,))
