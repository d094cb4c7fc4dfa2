"""One request to the provider for a claimed text: its answer, and what that says of other texts."""

# Shared by all that send: the route that sends at once, the queue's consumer, and the reconciler's replays.

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from longcode.domain import braking, pacing, registration
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import is_north_american
from longcode.domain.errors import OPTED_OUT, Unavailable
from longcode.domain.gate import Control, Gate, Trouble
from longcode.domain.message import Entry, Fault, Message
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.pacing import Pace
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours, leaves_ms
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import carrier_stops, day_counts, opt_outs, store_failures
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Clock, Explain, Limits, Logger, Messages, Metrics, OptOuts, Provider
from longcode.use_cases.registration_store import Registrations
from longcode.use_cases.tag_brakes import Brakes

if TYPE_CHECKING:
    from longcode.use_cases.recipient_store import Departures

# How long one try through an open breaker has before another may.
PROBE_MS = 15_000
# To so many recipients in a row must a text not have been taken before that counts for all.
BREAKER_RECIPIENTS = 3
# So often a text is refused in a way that may be the account's, while the provider takes others, before it fails.
_REFUSALS = 5
# The one kind of trouble that has no code of the provider's.
_OUTAGE = "outage"
# And the one that is no trouble: the provider wants less.
_WAIT = "wait"
# Two 429s of different recipients within this are about all.
_OTHERS_MS = 10_000
# So long before a breaker opened may the doubts be that led to it.
_EVIDENCE_MS = 15 * 60_000
# For so long after an outage, at most, a recipient queue waits for a text of theirs that it left in doubt.
_DOUBT_WAIT_MS = 15 * 60_000
# A receipt usually settles a doubt within seconds, and the provider's records do not show a queued message: a
# request is repeated only after this.
REPLAY_AFTER_MS = 10 * 60_000
# The provider keeps idempotency keys for 24 hours; an hour less for clocks.
_REPLAY_UNTIL_MS = 23 * 3_600_000
# If the provider should ignore keys and report nothing, each replay that it takes is a text.
_REPLAYS_MOST = 8


@dataclass(frozen=True, slots=True)
class SendDependencies:
    """Dependencies of sending."""

    messages: Messages
    limits: Limits
    # Made where a recipient's texts are limited.
    departures: "Callable[[], Departures]"
    carriers: Carriers
    registrations: Registrations
    brakes: Brakes
    optouts: OptOuts
    provider: Provider
    clock: Clock
    metrics: Metrics
    logger: Logger
    pace: Pace
    campaign: CampaignSettings
    quiet_hours: QuietHours | None
    latency: pacing.Latency
    sender: str
    validity_ms: int
    policy: Literal["resolve", "hold"]
    number_lookup: Literal["off", "unknown"]
    explain: Explain
    new_id: Callable[[], str]
    jitter: Callable[[], float]
    # Whose queue a batch came from.
    priority: Priority = Priority.TRANSACTIONAL
    # The TAT of each carrier's limiter as this process saw it last, to guess on which side of now it is.
    seen_tats: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SendAttempt:
    """One request: its answer, the message after it, and the latest moment it can have reached the provider.

    `again_ms` is set where the text was not taken and waits: before then nothing goes to its recipient.
    """

    answer: Answer
    message: Message
    arrival_ms: int
    again_ms: int | None = None


def stop(control: Control, now: int, priority: Priority) -> tuple[int, HeldBy, str] | None:
    """Until when, by what and why sending is stopped for texts of a priority; None if it is not.

    A breaker whose time has passed is not a stop: who wins `Limits.probe` tries.
    """
    if pause := control.paused(priority):
        look = pacing.recheck_ms(pause.since_ms, now)
        return now + look, HeldBy.PAUSED, pause.reason or "paused by the operator"
    if control.breaker_until_ms is not None and control.breaker_until_ms > now:
        return control.breaker_until_ms, HeldBy.BREAKER, control.breaker_reason
    return None


def under_review(gate: Gate, now: int) -> tuple[int, HeldBy, str] | None:
    """The same of this recipient's texts alone: they wait for a person to read what may ask for an end."""
    if gate.unclear_ms is None:
        return None
    reason = "the recipient may have asked for no more texts, and no one has answered that yet"
    return now + pacing.review_ms(gate.unclear_ms, now), HeldBy.OPT_OUT_UNCLEAR, reason


def in_doubt(gate: Gate, deps: SendDependencies, now: int) -> bool:
    """Whether a long outage that is over has left a text to this recipient in doubt that should go first.

    The reconciler repeats it within minutes. A doubt of other times delays no text.
    """
    doubt_ms, control = gate.recipient.doubt_ms, gate.control
    if doubt_ms is None or control.opened_ms is None or control.closed_ms is None:
        return False
    if not control.opened_ms - _EVIDENCE_MS <= doubt_ms <= control.closed_ms:
        return False
    # After a short one it is too soon to repeat a text, and what waits is not to wait for that.
    long = control.closed_ms - control.opened_ms >= REPLAY_AFTER_MS
    return long and now < control.closed_ms + _DOUBT_WAIT_MS and has_doubt(gate, deps)


def has_doubt(gate: Gate, deps: SendDependencies) -> bool:
    """Whether the reconciler will repeat a text to this recipient. A receipt may have settled it."""
    if gate.recipient.doubt_id is None:
        return False
    message, now = deps.messages.get(gate.recipient.doubt_id), deps.clock.now_ms()
    # One that keeps quiet hours is not repeated in them, and what does not waits for no end of them.
    return message is not None and repeatable(message, deps, now) and may_leave(message, deps, now)


def may_leave(message: Message, deps: SendDependencies, at_ms: int) -> bool:
    """Whether a text may leave at a moment as far as its recipient's quiet hours go."""
    return leaves_ms(message, at_ms, deps.quiet_hours) == at_ms


def repeatable(message: Message, deps: SendDependencies, now: int) -> bool:
    """Whether the request for a text in doubt may be repeated, now or later.

    A replay may be the first that the provider hears of a text, so it must not be out of date.
    """
    until = min(
        (message.claimed_ms or message.updated_ms) + _REPLAY_UNTIL_MS, message.valid_until_ms(deps.validity_ms)
    )
    return (
        message.status is Status.UNKNOWN
        and deps.policy == "resolve"
        and not message.no_resend
        and message.replays < _REPLAYS_MOST
        and now < until
    )


def request(message: Message, deps: SendDependencies, gate: Gate, *, now_or_never: bool = False) -> SendAttempt:
    """Ask the provider for a claimed message, record what came of it and what it says of others.

    `gate` is how things stood right before. A text that was not taken goes back to wait; with `now_or_never` it
    ends. Raises Unavailable if the outcome could not be recorded.
    """
    left = deps.clock.now_ms()
    answer = deps.provider.send(message)
    now = deps.clock.now_ms()
    arrival = deps.latency.arrival_ms(left, now, answered=answer.http_status is not None)
    deps.metrics.count(Metric.PROVIDER_LATENCY, now - left)
    took: dict[str, object] = {"message_id": message.id, "provider_ms": now - left}
    deps.brakes.answered(message, answer, gate)
    fault = answer.fault or Fault("", "")
    if answer.verdict is Verdict.ACCEPTED:
        answer = checked(message, answer, deps)
        deps.messages.submitted(message, answer, now)
        deps.logger.info("send.accepted", telnyx_id=answer.telnyx_id, **took)
        learn(message, answer, deps, gate, left)
        accepted = replace(message, status=answer.status, telnyx_id=answer.telnyx_id, faults=answer.faults)
        return SendAttempt(answer, accepted.on(answer.subscription), arrival)
    verdict = answer.verdict.value
    deps.logger.warning("send.refused", verdict=verdict, code=fault.code, title=fault.title, **took)
    if answer.ours:
        deps.logger.error("send.rejected_as_malformed", message_id=message.id, code=fault.code)
    if answer.verdict is Verdict.AMBIGUOUS:
        deps.messages.ambiguous(message, fault, now)
        learn(message, answer, deps, gate, left)
        return SendAttempt(answer, replace(message, status=Status.UNKNOWN), arrival)
    again = learn(message, answer, deps, gate, left)
    permanent = answer.verdict is Verdict.PERMANENT and not _befalls_all(answer, gate)
    permanent = permanent or _is_about_the_text(answer, gate)
    if permanent or now_or_never:
        fail(message, deps, fault, now, safe_to_retry=not permanent)
        deps.brakes.refused(message, answer, gate)
        return SendAttempt(answer, replace(message, status=Status.FAILED, faults=(fault,)), arrival)
    held_by = HeldBy.BREAKER if answer.everyone else HeldBy.PROVIDER_BACKOFF
    # Waiting is not failing: the attempt is given back.
    deps.messages.release(message, now, slot_ms=again, held_by=held_by)
    return SendAttempt(answer, message, arrival, again_ms=again)


def checked(message: Message, answer: Answer, deps: SendDependencies) -> Answer:
    """An answer that took a text, with a note for its history if that went without the registration it needs."""
    if not registration.is_unregistered(answer.registered, message.sender, message.recipient):
        return answer
    deps.metrics.count(Metric.UNREGISTERED)
    deps.logger.warning("send.unregistered", message_id=message.id)
    return replace(answer, note=registration.UNREGISTERED)


def learn(message: Message, answer: Answer, deps: SendDependencies, gate: Gate, left: int) -> int:
    """Write down what an answer says of other texts; the moment before which none goes to this recipient.

    The recipient's carrier is written down too, which is no news for half a month. If a write fails, the next
    answer of the provider says it again; what must not be lost for it is the record of this text.
    """
    now = deps.clock.now_ms()
    again = now
    notes: list[Callable[[], object]] = [
        lambda: carrier_stops.after_answer(message, answer, deps, gate, left, now)
    ]
    if answer.opted_out:
        # Dated by the request: a START that came while it was under way is later.
        change = OptOutChange(left, True, "block", (answer.fault or Fault("", "")).title)
        notes.append(lambda: opt_outs.apply(deps.optouts, message.recipient, change, now))
    if answer.verdict is Verdict.ACCEPTED or (answer.verdict is Verdict.PERMANENT and not answer.unclassified):
        notes.append(lambda: _sound(message, answer, deps, gate, now))
    elif answer.everyone:
        again = now + PROBE_MS
        notes.append(lambda: _open(message, answer, deps, gate))
    else:
        if answer.verdict is not Verdict.PERMANENT or _befalls_all(answer, gate):
            before = gate.recipient.troubles if gate.recipient.trouble_kind == _kind(answer) else 0
            again = now + _wait_ms(answer, before, deps.jitter())
            doubt_id = message.id if answer.verdict is Verdict.AMBIGUOUS else None
            trouble = Trouble(_kind(answer), _alone(answer, gate), doubt_id)
            notes.append(lambda: deps.limits.trouble(message.recipient, trouble, again, now))
        notes.append(lambda: _suspect(message, answer, deps, gate, now))
        if answer.verdict is Verdict.BACK_OFF:
            notes.append(lambda: _brake(message, answer, deps, left, now))
    named = answer.subscription
    if named and is_north_american(message.recipient) and named.is_news(gate.subscription):
        notes.append(lambda: deps.carriers.learn(message.recipient, named))
    for write in notes:
        try:
            write()
        except Unavailable as exc:
            store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
    return again


def fail(message: Message, deps: SendDependencies, fault: Fault, now: int, *, safe_to_retry: bool = False) -> None:
    """End a claimed text that the provider did not take."""
    entry = Entry(now, Status.FAILED.value, "api" if message.route == "send" else "consumer", faults=(fault,))
    deps.messages.end(message, Status.FAILED, entry, now, safe_to_retry=safe_to_retry)


def abandoned(message: Message, deps: SendDependencies, now: int) -> None:
    """Bring a claimed text into doubt whose invocation is gone, and may have sent it."""
    fault = Fault("claim_lost", "The invocation that was sending this text ended without a word.")
    if deps.messages.ambiguous(message, fault, now):
        deps.logger.warning("claim.lost", message_id=message.id, code=fault.code, title=fault.title)


def suppress(message: Message, deps: SendDependencies) -> Message:
    """End a text whose recipient has opted out since it was accepted."""
    now = deps.clock.now_ms()
    fault = Fault("recipient_opted_out", OPTED_OUT)
    entry = Entry(now, Status.SUPPRESSED.value, "consumer", faults=(fault,))
    if deps.messages.end(message, Status.SUPPRESSED, entry, now):
        deps.logger.info("send.suppressed", message_id=message.id)
    return replace(message, status=Status.SUPPRESSED, faults=(fault,))


def expire(
    message: Message, deps: SendDependencies, now: int, source: Literal["consumer", "reconciler"] = "consumer"
) -> Message:
    """End a text that has waited longer than it was valid, and take it off the count of its carrier's day."""
    fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
    entry = Entry(now, Status.EXPIRED_UNSENT.value, source, faults=(fault,))
    if deps.messages.end(message, Status.EXPIRED_UNSENT, entry, now):
        unused = day_counts.counted(message, message.cap_day)
        day_counts.give_back(unused, deps.carriers, deps.metrics, deps.logger)
        deps.logger.info("send.expired", message_id=message.id)
    return replace(message, status=Status.EXPIRED_UNSENT, faults=(fault,))


def _wait_ms(answer: Answer, troubles: int, jitter: float) -> int:
    """How long a recipient waits after an answer that did not take a text, `troubles` such answers before it.

    It grows, so that a text may be refused for as long as it is valid without being asked for all that time.
    """
    if answer.verdict is Verdict.BACK_OFF:
        return max(braking.own_wait_ms(answer.wait_ms), min(1_000 << min(troubles, 10), 600_000))
    if answer.verdict is Verdict.AMBIGUOUS:
        return pacing.backoff_ms(troubles, jitter) if troubles else 0
    return pacing.backoff_ms(troubles + 1, jitter)


def _befalls_all(answer: Answer, gate: Gate) -> bool:
    """Whether a refusal that we can't classify is why sending is stopped: then it is no text's own."""
    code = answer.fault.code if answer.fault else ""
    stopped = gate.control.breaker_since_ms is not None
    return answer.unclassified and stopped and gate.control.breaker_reason.split(" ")[0] == code


def _is_about_the_text(answer: Answer, gate: Gate) -> bool:
    """Whether a refusal that could be the account's is this text's own: the provider has accepted others since."""
    kinds = (_OUTAGE, _WAIT)
    # What did not come from the provider itself is about no text.
    coded = answer.verdict is Verdict.CONFIGURATION and not answer.everyone and _kind(answer) not in kinds
    return coded and _alone(answer, gate) >= _REFUSALS


def _alone(answer: Answer, gate: Gate) -> int:
    """How many answers of this kind a recipient had, this one too, with texts of others taken between them.

    A stop in between says that it was not this recipient alone.
    """
    recipient, control = gate.recipient, gate.control
    last_ms = recipient.troubled_ms
    if last_ms is None or recipient.trouble_kind != _kind(answer):
        return 1
    if control.breaker_since_ms is not None or (control.closed_ms or 0) > last_ms:
        return 1
    return recipient.alone + ((control.sound_ms or 0) > last_ms)


def _sound(message: Message, answer: Answer, deps: SendDependencies, gate: Gate, now: int) -> None:
    """The provider works: it took a text, or refused one for a reason of its own."""
    control, registered = gate.control, answer.registered is True
    if gate.recipient.troubles:
        deps.limits.settle(message.recipient)
    if control.registration_lost and not registered:
        # That it takes a text is not enough: the carriers may refuse it.
        since = control.breaker_since_ms or now
        deps.registrations.still_lost(now, now + registration.probe_ms(since, now))
        deps.logger.warning("breaker.still_open", message_id=message.id, code=control.registration_lost.split()[0])
    elif control.breaker_since_ms is not None:
        deps.limits.close_breaker(now, registered=registered)
        deps.logger.info("breaker.closed", message_id=message.id)
    elif gate.control.suspects:
        deps.limits.clear_suspects(now)


def _suspect(message: Message, answer: Answer, deps: SendDependencies, gate: Gate, now: int) -> None:
    """Count the evidence for a trouble that all have, and stop sending if there is enough."""
    if answer.verdict is Verdict.BACK_OFF:
        deps.metrics.count(Metric.RATE_LIMITED)
        if gate.control.breaker_since_ms is not None:
            # It answers, and asks for less: that is no outage.
            deps.limits.close_breaker(now)
        return
    if gate.control.breaker_since_ms is not None:
        # The one try through an open breaker.
        _open(message, answer, deps, gate)
        return
    if deps.limits.suspect(_kind(answer), message.recipient, now) >= BREAKER_RECIPIENTS:
        _open(message, answer, deps, gate)


def _brake(message: Message, answer: Answer, deps: SendDependencies, left: int, now: int) -> None:
    """Slow all texts down, if others were asked to wait as well: what one recipient is refused for is theirs."""
    before = deps.limits.refused(message.sender, message.recipient, now)
    if before.recipient in ("", message.recipient) or now - before.at_ms > _OTHERS_MS:
        return
    brake = braking.refused(
        before.brake, now, answer.wait_ms, left_ms=left, taken=before.turns, own_ms=deps.pace.sender_ms
    )
    if brake != before.brake and deps.limits.set_brake(message.sender, before.brake, brake):
        deps.logger.warning("brake.set", rate_per_1000_s=brake.rate, since_ms=brake.since_ms)


def _kind(answer: Answer) -> str:
    """What troubles are the same: not to be reached, or refused with the same code."""
    code = answer.fault.code if answer.fault else ""
    if answer.verdict is Verdict.BACK_OFF:
        return _WAIT
    if answer.verdict in (Verdict.NOT_SENT, Verdict.AMBIGUOUS) or code.startswith("http_"):
        return _OUTAGE
    return code


def _open(message: Message, answer: Answer, deps: SendDependencies, gate: Gate) -> None:
    """Stop all sending: for longer, the longer it has been stopped, or until the day ends."""
    fault, now = answer.fault or Fault("", ""), deps.clock.now_ms()
    since = gate.control.breaker_since_ms or now
    until = pacing.next_utc_midnight_ms(now) if answer.until_utc_midnight else now + pacing.breaker_ms(since, now)
    if deps.limits.open_breaker(now, until, f"{fault.code} {fault.title}".strip()):
        deps.metrics.count(Metric.BREAKER_OPENED)
        deps.logger.error("breaker.opened", message_id=message.id, code=fault.code, title=fault.title)
