"""What a signed webhook says, taken into the record: receipts move a message forward, inbound texts are kept."""

from typing import Literal

from longcode.errors import InvalidRequest
from longcode.keywords import Wish, wish
from longcode.message import Message
from longcode.metrics import Metric
from longcode.ports import Journal, Messages, Meter, OptOutChange, OptOuts, Recorded
from longcode.telnyx import Event

Acknowledged = Literal["received", "updated", "acknowledged"]


def take(
    event: Event | None,
    path_id: str | None,
    *,
    messages: Messages,
    optouts: OptOuts,
    meter: Meter,
    journal: Journal,
    now_ms: int,
) -> Acknowledged:
    """Record one verified event. `path_id` is the message id in the URL that was called, which is not signed:
    it must agree with the one in the signed body.

    Raises InvalidRequest for a body that is no event, Unavailable if it could not be stored: the carrier then
    tries again.
    """
    meter.count(Metric.WEBHOOKS)
    # Each with the other's zero: a share of the two can be worked out only where both have been told.
    meter.count(Metric.SIGNATURES_REFUSED, 0)
    if event is None:
        raise InvalidRequest("The body is not a webhook event.")
    journal.bind(event_id=event.id)
    if event.inbound is not None:
        if not event.inbound.sender:
            raise InvalidRequest("The event has no sender.", field="data.payload.from.phone_number")
        journal.bind(message_id=event.inbound.id)
        if messages.receive(event.inbound):
            journal.info("webhook.received", autoresponse=event.inbound.autoresponse)
        else:
            meter.count(Metric.WEBHOOK_DUPLICATES)
        # Also for a text that was there already: the first delivery may have ended between the two writes.
        _heed(event.inbound, optouts, meter, journal)
        return "received"
    if event.receipt is None:
        journal.info("webhook.other", event_type=event.type)
        return "acknowledged"
    meter.count(Metric.WEBHOOK_LAG, max(0, now_ms - event.receipt.occurred_ms))
    ident = _message_id(event, path_id, messages)
    journal.bind(message_id=ident, telnyx_id=event.receipt.telnyx_id)
    recorded = messages.record(ident, event.receipt, now_ms) if ident else Recorded.MISSING
    if recorded in (Recorded.MISSING, Recorded.FOREIGN):
        # Nothing that we sent: another user of the messaging profile, or a message that has expired here.
        meter.count(Metric.WEBHOOK_UNMATCHED)
        journal.warning("webhook.unmatched")
        return "acknowledged"
    if recorded is Recorded.DUPLICATE:
        meter.count(Metric.WEBHOOK_DUPLICATES)
    journal.info("webhook.receipt", word=event.receipt.word, recorded=recorded.value)
    return "updated"


def _heed(text: Message, optouts: OptOuts, meter: Meter, journal: Journal) -> None:
    """Write down a wish to stop or start; the carrier has answered the texter itself."""
    wanted = wish(text.text or "", text.autoresponse)
    if wanted is None:
        return
    if wanted is Wish.UNCLEAR:
        meter.count(Metric.OPT_OUT_UNCLEAR)
        journal.warning("optout.unclear")
        return
    said_ms = text.history[0].at_ms if text.history else text.accepted_ms
    source = "carrier" if text.autoresponse else "keyword"
    if optouts.put(text.sender, OptOutChange(said_ms, wanted is Wish.STOP, source, text.id)):
        journal.info("optout.changed", wish=wanted.value, source=source)


def _message_id(event: Event, path_id: str | None, messages: Messages) -> str | None:
    """Which message a receipt is for: the id in the signed URL, else the one that the telnyx id leads to."""
    if path_id is not None and event.message_id == path_id:
        return path_id
    assert event.receipt
    found = messages.find(event.receipt.telnyx_id)
    return found.id if found else None
