"""Stops of one carrier's texts: whom they hold, and what begins them."""

# A carrier that has refused a text for how much it takes of us would refuse the next ones as well, and charge
# them; each would be lost to its recipient, for such a text is never sent again by itself. So they wait.

from collections.abc import Sequence
from typing import Protocol

from longcode.domain import carriers, pacing
from longcode.domain.carrier_refusals import CarrierRefusal, drained_ms
from longcode.domain.carriers import Carrier, CarrierStop
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Fault, Message, iso
from longcode.domain.outcomes import Answer, Receipt
from longcode.domain.status import HeldBy
from longcode.use_cases import store_failures
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Explain, Limits, Logger, Metrics

_WHY = {
    HeldBy.CARRIER_RATE: "the recipient's carrier has refused texts for the rate at which we sent them",
    HeldBy.CARRIER_DAY_CAP: "the recipient's carrier takes no more of our texts today",
    HeldBy.PROVIDER_BACKOFF: "the provider's own queue is too long",
}


class Dependencies(Protocol):
    """What stopping a carrier needs. SendDependencies have it, and those of receipts."""

    @property
    def carriers(self) -> Carriers: ...
    @property
    def explain(self) -> Explain: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def logger(self) -> Logger: ...


class SendingDependencies(Dependencies, Protocol):
    """The same of one who sends, and so learns how long the provider's queue is."""

    @property
    def limits(self) -> Limits: ...


def held(gate: Gate, recipient: str, now: int) -> tuple[int, HeldBy, str] | None:
    """Until when, by what and why a recipient's texts are held back; None if they are not.

    For their carrier, or for the provider's own queue.
    """
    stop = carriers.stopped(gate.carrier_stops, gate.subscription, recipient, now)
    all_until_ms = gate.sender.not_before_ms or 0
    if all_until_ms > max(now, stop.until_ms if stop else 0):
        return all_until_ms, HeldBy.PROVIDER_BACKOFF, _WHY[HeldBy.PROVIDER_BACKOFF]
    return (stop.until_ms, stop.held_by, _WHY[stop.held_by]) if stop else None


def after_answer(
    message: Message, answer: Answer, deps: SendingDependencies, gate: Gate, left: int, now: int
) -> None:
    """Stop what an answer speaks against: the carrier that refuses, or whose queue at the provider is too long.

    `left` is when the request was made. Raises Unavailable.
    """
    known = answer.subscription or gate.subscription
    carrier = known.carrier if known and known.believed(now) else None
    faults = (*([answer.fault] if answer.fault else ()), *answer.faults)
    _refused(message, faults, carrier, deps, (left, now, now))
    until_ms = None
    if answer.queue_ms is not None:
        until_ms = drained_ms(answer.queue_ms, answer.valid_until_ms, now)
    if until_ms is None:
        return
    if carrier:
        stop = CarrierStop(carrier, until_ms, HeldBy.PROVIDER_BACKOFF)
        deps.carriers.stop(message.sender, stop)
    else:
        # Whose queue it is can't be said, so it may be that of our number.
        deps.limits.push(pacing.sender_key(message.sender), until_ms)
    deps.logger.warning("provider.queue_long", message_id=message.id, carrier=carrier, until=iso(until_ms))


def after_receipt(message: Message, receipt: Receipt, deps: Dependencies, now: int) -> None:
    """Stop the carrier that a receipt, or the provider's record, says has refused a text of ours.

    Where it can't be written down the next refusal will say it again; the receipt itself is kept.
    """
    carrier = receipt.subscription.carrier if receipt.subscription else None
    if carrier is None and message.carrier in set(Carrier):
        carrier = Carrier(message.carrier)
    at_ms = min(receipt.occurred_ms, receipt.completed_ms or now, now)
    # A replay may have left later, and then says less than it could.
    left_ms = message.claimed_ms or message.accepted_ms
    try:
        _refused(message, receipt.faults, carrier, deps, (left_ms, at_ms, now))
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)


def is_refusal(faults: Sequence[Fault], explain: Explain) -> bool:
    """Whether a text was refused for how much its carrier takes of us."""
    return any(explain(fault).brakes for fault in faults)


def _refused(
    message: Message,
    faults: Sequence[Fault],
    known: Carrier | None,
    deps: Dependencies,
    times_ms: tuple[int, int, int],
) -> None:
    """Stop the carrier that the first fault of this kind is of; where that is not known, none."""
    for fault in faults:
        code = deps.explain(fault)
        carrier = code.carrier or known
        if code.brakes is None or carrier is None:
            continue
        stop = deps.carriers.refused(message.sender, CarrierRefusal(carrier, code.brakes, *times_ms))
        if stop:
            deps.logger.warning(
                "carrier.stopped", message_id=message.id, carrier=carrier.value, code=fault.code,
                until=iso(stop.until_ms), held_by=stop.held_by.value,
            )  # fmt: skip
        return
