"""Recording signed webhooks: receipts move a message forward, inbound texts are kept."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from longcode.domain import phone
from longcode.domain.carriers import is_north_american
from longcode.domain.errors import InvalidRequest, Unavailable
from longcode.domain.message import Message, is_message_id
from longcode.domain.metrics import Metric
from longcode.domain.opt_out_keywords import OptOutKeyword, read_keyword
from longcode.domain.opt_outs import OptOutChange, Unclear
from longcode.domain.outcomes import Receipt, Recorded, Recording, WebhookEvent
from longcode.domain.status import Status
from longcode.use_cases import carrier_stops, opt_outs, store_failures
from longcode.use_cases.ports import Explain, Logger, Messages, Metrics, OptOuts

if TYPE_CHECKING:
    from collections.abc import Callable

    from longcode.use_cases.carrier_store import Carriers
    from longcode.use_cases.ports import Finder
    from longcode.use_cases.tag_brakes import Brakes

Acknowledged = Literal["received", "updated", "acknowledged"]


@dataclass(frozen=True, slots=True)
class ReceiptDependencies:
    """What recording webhooks needs. `long_code` is the number that this service sends from.

    `finder` is made with the first opt-out: a webhook has two seconds from its start.
    """

    messages: Messages
    optouts: OptOuts
    carriers: "Carriers"
    brakes: "Brakes"
    finder: "Callable[[], Finder]"
    explain: Explain
    metrics: Metrics
    logger: Logger
    long_code: str


def take(event: WebhookEvent | None, path_id: str | None, deps: ReceiptDependencies, now_ms: int) -> Acknowledged:
    """Record one verified event. `path_id` is the message id in the URL that was called, which is not signed:
    it must agree with the one in the signed body.

    Raises InvalidRequest for a body that is no event, Unavailable if it could not be stored: the provider then
    tries again.
    """
    metrics, logger = deps.metrics, deps.logger
    metrics.count(Metric.WEBHOOKS)
    # Each with the other's zero: a share of the two can be worked out only where both have been counted.
    metrics.count(Metric.SIGNATURES_REFUSED, 0)
    if event is None:
        metrics.count(Metric.WEBHOOK_ODD)
        logger.warning("webhook.unreadable")
        raise InvalidRequest("The body is not a webhook event.")
    logger.bind(event_id=event.id)
    if event.odd:
        # Where it is odd, and not what stands there.
        metrics.count(Metric.WEBHOOK_ODD)
        logger.warning("webhook.odd", event_type=event.type, fields=list(event.odd))
    if event.inbound is not None:
        _receive(event.inbound, deps, now_ms)
        return "received"
    if event.receipt is None:
        logger.info("webhook.other", event_type=event.type)
        return "acknowledged"
    return _keep(event, path_id, deps, now_ms)


def _keep(event: WebhookEvent, path_id: str | None, deps: ReceiptDependencies, now_ms: int) -> Acknowledged:
    """Keep a receipt with the message that it is for."""
    assert event.receipt
    messages, metrics, logger = deps.messages, deps.metrics, deps.logger
    metrics.count(Metric.WEBHOOK_LAG, max(0, now_ms - event.receipt.occurred_ms))
    ident = _message_id(event, path_id, messages)
    logger.bind(message_id=ident, telnyx_id=event.receipt.telnyx_id or None)
    receipt = _theirs(event, ident, messages)
    done = messages.record(ident, receipt, now_ms) if ident else Recording(Recorded.MISSING)
    if done.before is None or done.recorded is Recorded.FOREIGN:
        # Nothing that we sent: another user of the messaging profile, or a message that has expired here.
        metrics.count(Metric.WEBHOOK_UNMATCHED)
        logger.warning("webhook.unmatched")
        return "acknowledged"
    logger.bind(word=receipt.word, recorded=done.recorded.value)
    if carrier_stops.is_refusal(receipt.faults, deps.explain):
        # Also where it came before: that delivery may have ended between the two writes.
        carrier_stops.after_receipt(done.before, receipt, deps, now_ms)
    deps.brakes.received(done, receipt)
    if done.recorded is Recorded.DUPLICATE:
        metrics.count(Metric.WEBHOOK_DUPLICATES)
        return "updated"
    _learn(done.before, receipt, deps, now_ms)
    if done.recorded is Recorded.ADVANCED and receipt.status and receipt.status.final:
        # On the one line that follows.
        logger.bind(**_ended(done.before, receipt))
    return "updated"


def _ended(before: Message, receipt: Receipt) -> dict[str, object]:
    """What the log says of a text's end, by which a query compares the carriers: whether it was delivered, how
    long after it was submitted, and why not.
    """
    carrier = receipt.subscription.carrier.value if receipt.subscription else before.carrier
    fields: dict[str, object] = {
        "carrier": carrier or "unknown",
        "delivered": int(receipt.status is Status.DELIVERED),
    }
    # A receipt may come before the answer was recorded.
    left_ms = before.sent_ms or before.claimed_ms
    if left_ms is not None:
        fields["took_ms"] = max(0, receipt.occurred_ms - left_ms)
    if receipt.status is not Status.DELIVERED:
        fields["error_code"] = next((fault.code for fault in receipt.faults if fault.code), receipt.word)
    return fields


def _learn(before: Message, receipt: Receipt, deps: ReceiptDependencies, now_ms: int) -> None:
    """Keep the carrier of a number where the answer to the send did not name it, or named another: mostly never.

    Not kept it is learnt from the next text, which is no reason to have the provider call again.
    """
    named = receipt.subscription
    if named is None or (before.carrier, before.line_type) == (named.carrier.value, named.line_type):
        return
    if not is_north_american(before.recipient) or not named.believed(now_ms):
        return
    try:
        deps.carriers.learn(before.recipient, named)
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger, message_id=before.id)


def _receive(text: Message, deps: ReceiptDependencies, now_ms: int) -> None:
    """Keep an inbound text, and apply its opt-out keyword; the provider has answered the texter itself."""
    messages, metrics, logger = deps.messages, deps.metrics, deps.logger
    logger.bind(message_id=text.id)
    wanted = read_keyword(text.text or "", text.autoresponse)
    text = replace(text, opt_out=wanted.value if wanted else None)
    new = messages.receive(text)
    if new:
        logger.info("webhook.received", autoresponse=text.autoresponse)
    else:
        metrics.count(Metric.WEBHOOK_DUPLICATES)
    if not text.sender:
        # There is no number to apply a keyword to.
        return
    if wanted is OptOutKeyword.START and phone.canonical(text.recipient) != phone.canonical(deps.long_code):
        # Leave to text from there is no leave to text from here. A STOP counts wherever it was sent.
        logger.info("optout.other_number")
    elif wanted:
        if wanted is OptOutKeyword.UNCLEAR:
            logger.warning("optout.unclear")
        # Also for a text that was there already: the first delivery may have ended between the two writes. The
        # word is as old as that one, or each delivery of a START dated ahead would be later than the STOPs since.
        first = text if new else messages.get(text.id) or text
        _apply(first, wanted, deps, now_ms)


def _apply(text: Message, wanted: OptOutKeyword, deps: ReceiptDependencies, now_ms: int) -> None:
    logger = deps.logger
    if wanted is OptOutKeyword.UNCLEAR:
        opt_outs.note_unclear(deps.optouts, text.sender, Unclear(_said_ms(text, wanted), text.id))
        return
    source = "provider" if text.autoresponse == wanted.value.upper() else "keyword"
    change = OptOutChange(_said_ms(text, wanted), wanted is OptOutKeyword.STOP, source, text.id)
    if opt_outs.apply(deps.optouts, text.sender, change, now_ms):
        logger.info("optout.changed", keyword=wanted.value, source=source)
        if change.opted_out and deps.brakes.setting:
            _count_opt_out(text.sender, change.at_ms, deps, now_ms)
    if not phone.is_e164(text.sender):
        # Texts go to E.164 numbers alone: whether this is right for one, only a person can tell.
        logger.warning("optout.no_number", keyword=wanted.value)


def _count_opt_out(number: str, at_ms: int, deps: ReceiptDependencies, now_ms: int) -> None:
    """Count an opt-out for the tag of the text that it answers. It is recorded by now, whatever comes of this."""
    from longcode.use_cases import opt_out_origin

    try:
        text = opt_out_origin.answered(number, at_ms, deps.finder(), deps.messages, now_ms)
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger)
        return
    if text:
        deps.brakes.opted_out(text)


def _said_ms(text: Message, wanted: OptOutKeyword) -> int:
    occurred_ms = text.history[0].at_ms if text.history else None
    return opt_outs.said_ms(occurred_ms, text.accepted_ms, wanted is not OptOutKeyword.START)


def _message_id(event: WebhookEvent, path_id: str | None, messages: Messages) -> str | None:
    """Which message a receipt is for: the id in the signed URL, else the one that the telnyx id leads to."""
    if path_id is not None and event.message_id == path_id:
        return path_id
    assert event.receipt
    if not event.receipt.telnyx_id:
        # Signed, whatever address was called.
        return event.message_id if event.message_id and is_message_id(event.message_id) else None
    found = messages.find(event.receipt.telnyx_id)
    return found.id if found else None


def _theirs(event: WebhookEvent, ident: str | None, messages: Messages) -> Receipt:
    """What an event says of the recipient of this message: some are about several."""
    assert event.receipt
    if not event.by_recipient or ident is None:
        return event.receipt
    message = messages.get(ident)
    return event.by_recipient.get(message.recipient, event.receipt) if message else event.receipt
