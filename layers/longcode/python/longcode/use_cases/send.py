"""Sending one text at once: stored already claimed, asked for, and answered with what the provider said."""

from dataclasses import replace

from longcode.domain import braking, pacing
from longcode.domain.errors import (
    OPTED_OUT,
    DailyLimitReached,
    IdempotencyInProgress,
    RecipientOptedOut,
    SendRefused,
    Unavailable,
)
from longcode.domain.gate import Control, Gate
from longcode.domain.message import Entry, Fault, Message, may_be_known, same_request
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import tag_of
from longcode.use_cases import carrier_pacing, carrier_stops, send_attempt, store_failures, tag_brakes
from longcode.use_cases.duplicate_store import Guard, unguarded
from longcode.use_cases.quota import Quota
from longcode.use_cases.send_attempt import PROBE_MS, SendDependencies

# The longest that a caller is kept waiting for a turn at a brake of the sender.
_TURN_MS = 2_000


def send_now(
    message: Message, deps: SendDependencies, quota: Quota, guard: Guard = unguarded
) -> tuple[Message, Answer | None]:
    """Store `message` and send it at once. The answer is None where an earlier request already did.

    Raises DestinationNotAllowed, RecipientOptedOut, DuplicateText or DailyLimitReached, with nothing stored,
    SendRefused, IdempotencyMismatch, IdempotencyInProgress or Unavailable.
    """
    if message.test:
        # Loaded with the first test text.
        from longcode.use_cases import test_mode

        deps = test_mode.sending(deps)
    deps.provider.prepare()
    now = deps.clock.now_ms()
    existing = deps.messages.get(message.id) if may_be_known(message.id) else None
    if existing:
        same_request(existing, message)
        if not existing.safe_to_retry:
            return _replayed(existing, deps)
    quota.check(message.recipient)
    gate = deps.limits.read_gate(message.recipient, message.sender, tag=tag_of(message))
    if gate.opted_out:
        raise RecipientOptedOut(OPTED_OUT)
    if held := _held(message, gate, now):
        raise _stopped(message, held, now)
    _expect_room(message, gate, deps)
    return guard(message, lambda: _send(message, existing, gate, deps, quota))


def _send(
    message: Message, existing: Message | None, gate: Gate, deps: SendDependencies, quota: Quota
) -> tuple[Message, Answer | None]:
    """Send a text that nothing speaks against so far; `existing` is an attempt at it that may be made again."""
    now = deps.clock.now_ms()
    probe_ms = _expect_open(message, gate.control, deps, now)
    _wait_for_turn(message, gate, deps, now)
    passage = _take_place(message, gate, deps, _wait_for_carrier(message, gate, deps))
    now = deps.clock.now_ms()
    message = replace(message, status=Status.SENDING, claim_id=deps.new_id(), claimed_ms=now, attempts=1)
    message = replace(message, cap_day=passage.days[-1] if passage.days else None)
    existing = _store(message, deps, quota, passage, existing)
    if existing:
        return _replayed(same_request(existing, message), deps)
    gate = _look_again(message, deps, probe_ms, passage)
    try:
        attempt = _leave(message, deps, gate)
    except Unavailable as exc:
        # The request has left, or is stored and will. "Try again" would now be leave for a second text.
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
        raise _unknown(message) from exc
    passage.settle(deps, attempt.answer)
    if attempt.answer.verdict is Verdict.ACCEPTED:
        return attempt.message, attempt.answer
    raise _refusal(attempt.message, attempt.answer)


def _store(
    message: Message,
    deps: SendDependencies,
    quota: Quota,
    passage: carrier_pacing.Passage,
    before: Message | None,
) -> Message | None:
    """Store a claimed message within its quota, as Quota.admit does. What is not stored is given back."""
    try:
        existing = quota.admit(message, lambda: _take_over(message, deps, deps.clock.now_ms()), before=before)
    except (DailyLimitReached, Unavailable):
        passage.give_back(deps)
        raise
    if existing:
        passage.give_back(deps)
    return existing


def _expect_open(message: Message, control: Control, deps: SendDependencies, now: int) -> int:
    """Until when this text may try through an open breaker, 0 if there is none.

    Raises SendRefused if all sending is stopped, unless this is the text that tries it out.
    """
    stopped = send_attempt.stop(control, now, message.priority)
    if stopped is None and control.breaker_until_ms is not None:
        if deps.limits.probe(now, now + PROBE_MS, message.id):
            return now + PROBE_MS
        stopped = now + PROBE_MS, HeldBy.BREAKER, control.breaker_reason
    if stopped:
        raise _stopped(message, stopped, now)
    return 0


def _held(message: Message, gate: Gate, now: int) -> tuple[int, HeldBy, str] | None:
    """Until when, by what and why this text is held back, while others may leave."""
    held = send_attempt.under_review(gate, now) or tag_brakes.held(message, gate, now)
    return held or carrier_stops.held(gate, message.recipient, now)


def _stopped(message: Message, stopped: tuple[int, HeldBy, str], now: int) -> SendRefused:
    until, held_by, reason = stopped
    return SendRefused(
        f"Sending is stopped: {reason}.",
        code="sending_stopped"
        if held_by is HeldBy.BREAKER
        else "provider_rate_limited"
        if held_by is HeldBy.PROVIDER_BACKOFF
        else held_by.value,
        message_id=message.id,
        retry_after_s=pacing.seconds_up(until - now),
    )


def _look_again(message: Message, deps: SendDependencies, probe_ms: int, passage: carrier_pacing.Passage) -> Gate:
    """How things stand after the claim: what was said before it is heard.

    Raises SendRefused or Unavailable, with the text ended unsent and safe to retry.
    """
    try:
        gate = deps.limits.read_gate(message.recipient, message.sender, tag=tag_of(message))
    except Unavailable as exc:
        fault = Fault("store_unavailable", f"{exc}. Nothing was sent.")
        _end(message, deps, fault, passage)
        raise
    now = deps.clock.now_ms()
    if gate.control.breaker_until_ms == probe_ms:
        # That is its own try.
        gate = replace(gate, control=replace(gate.control, breaker_until_ms=now))
    stopped = send_attempt.stop(gate.control, now, message.priority) or _held(message, gate, now)
    stopped = stopped or passage.passed(gate, deps)
    if stopped:
        _end(message, deps, Fault(stopped[1].value, f"Sending is stopped: {stopped[2]}."), passage)
        raise _stopped(message, stopped, now)
    return gate


def _end(message: Message, deps: SendDependencies, fault: Fault, passage: carrier_pacing.Passage) -> None:
    """End a stored text unsent. If even that fails it may leave by a replay: its outcome is unknown."""
    try:
        send_attempt.fail(message, deps, fault, deps.clock.now_ms(), safe_to_retry=True)
    except Unavailable as exc:
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
        raise _unknown(message) from exc
    passage.give_back(deps)


def _wait_for_turn(message: Message, gate: Gate, deps: SendDependencies, now: int) -> None:
    """Take a turn at a brake of the sender. Raises SendRefused if it comes too late for a caller who waits."""
    brake = gate.brake(now)
    if brake is None:
        return
    due = braking.due_ms(brake, deps.limits.take_turn(message.sender, brake, now))
    if due > now + _TURN_MS:
        raise SendRefused(
            "The provider asks us to slow down. Nothing was sent; try again later.",
            code="provider_rate_limited",
            message_id=message.id,
            retry_after_s=pacing.seconds_up(due - now),
        )
    deps.clock.sleep_until(due)


def _wait_for_carrier(message: Message, gate: Gate, deps: SendDependencies) -> carrier_pacing.Passage:
    """Take what the text needs of its carrier's limits. Raises SendRefused if a caller would wait too long."""
    passage = carrier_pacing.pass_at_once(message, gate, deps, _TURN_MS)
    if passage.held_by:
        when = "today" if passage.held_by is HeldBy.CARRIER_DAY_CAP else "this minute"
        raise SendRefused(
            f"The recipient's carrier takes no more of our texts {when}. Nothing was sent; a queued text waits.",
            code=passage.held_by.value,
            message_id=message.id,
            retry_after_s=pacing.seconds_up(passage.free_ms - deps.clock.now_ms()),
        )
    deps.clock.sleep_until(passage.free_ms)
    return passage


def _expect_room(message: Message, gate: Gate, deps: SendDependencies) -> None:
    """Raises SendRefused if the recipient has had as many texts as they may; nothing is taken."""
    if deps.pace.recipient_limits:
        # Loaded where there are such limits.
        from longcode.use_cases import recipient_limits

        recipient_limits.expect_room(message, gate, deps)


def _take_place(
    message: Message, gate: Gate, deps: SendDependencies, passage: carrier_pacing.Passage
) -> carrier_pacing.Passage:
    """Take a place among the recipient's texts. Raises SendRefused, with `passage` given back, if none is free."""
    if not deps.pace.recipient_limits:
        return passage
    from longcode.use_cases import recipient_limits

    return recipient_limits.take_at_once(message, gate, deps, passage)


def _leave(message: Message, deps: SendDependencies, gate: Gate) -> send_attempt.SendAttempt:
    """Send a stored text, unless its recipient has opted out since the last read."""
    if gate.opted_out:
        now = deps.clock.now_ms()
        fault = Fault("recipient_opted_out", OPTED_OUT)
        entry = Entry(now, Status.SUPPRESSED.value, "api", faults=(fault,))
        deps.messages.end(message, Status.SUPPRESSED, entry, now)
        answer = Answer(Verdict.PERMANENT, fault, opted_out=True)
        return send_attempt.SendAttempt(answer, replace(message, status=Status.SUPPRESSED, faults=(fault,)), now)
    attempt = send_attempt.request(message, deps, gate, now_or_never=True)
    if deps.pace.recipient_ms:
        next_ms = pacing.next_departure(attempt.arrival_ms, deps.pace.recipient_ms)
        try:
            deps.limits.push(pacing.recipient_key(message.recipient), next_ms)
        except Unavailable as exc:
            store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
    return attempt


def _take_over(message: Message, deps: SendDependencies, now: int) -> Message | None:
    """Reserve the recipient's slot and store a claimed message, as _accept does.

    The slot comes first: a claimed text that can't be sent now would be sent by the reconciler, after the
    caller was answered that it was not.
    """
    if deps.pace.recipient_ms:
        key = pacing.recipient_key(message.recipient)
        interval = pacing.spacing(deps.pace.recipient_ms)
        deps.limits.reserve(key, 1, interval, now)
        # This text does not wait for its own slot, so the next text must keep a distance from now.
        deps.limits.push(key, deps.clock.now_ms() + interval)
    return _accept(message, deps)


def _accept(message: Message, deps: SendDependencies) -> Message | None:
    """Store a claimed message, as Messages.accept does; sure of it also where the answer to the write was lost.

    Raises Unavailable if nothing was stored, SendRefused if even that can't be known: what is stored would be
    sent in the end, so the answer must not be to try again.
    """
    try:
        return deps.messages.accept(message)
    except Unavailable:
        try:
            there = deps.messages.get(message.id)
        except Unavailable as exc:
            raise _unknown(message) from exc
        if there is None:
            raise
        return None if there.claim_id == message.claim_id else there


def _replayed(existing: Message, deps: SendDependencies) -> tuple[Message, None]:
    """The answer to a request that was already made under this id."""
    deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
    if existing.status is Status.SENDING:
        raise IdempotencyInProgress("The first request with this Idempotency-Key is still under way.")
    if existing.status is Status.UNKNOWN:
        raise _unknown(existing)
    if existing.status in (Status.FAILED, Status.SUPPRESSED):
        fault = existing.faults[0] if existing.faults else Fault("failed", "The text was not sent.")
        opted_out = deps.explain(fault).opted_out
        raise _refusal(existing, Answer(Verdict.PERMANENT, fault, fault.http_status, opted_out=opted_out))
    return existing, None


def _refusal(message: Message, answer: Answer) -> SendRefused:
    """The error that says why a send was refused."""
    fault = answer.fault or Fault("", "")
    provider = {"code": fault.code, "title": fault.title, "detail": fault.detail}
    if answer.verdict is Verdict.AMBIGUOUS:
        return _unknown(message)
    if answer.http_status == 401:
        return SendRefused(
            "The provider refuses our API key. Check TelnyxApiKey.",
            code="provider_unauthorized", message_id=message.id, provider=provider,
        )  # fmt: skip
    if answer.verdict is Verdict.BACK_OFF:
        wait = pacing.seconds_up(answer.wait_ms or 1000)
        return SendRefused(
            "The provider asks us to slow down. Nothing was sent; try again later.",
            code="provider_rate_limited", message_id=message.id, provider=provider,
            retry_after_s=wait,
        )  # fmt: skip
    if answer.verdict in (Verdict.NOT_SENT, Verdict.CONFIGURATION):
        reached = answer.verdict is Verdict.CONFIGURATION
        return SendRefused(
            "The provider can't send for us at the moment. Nothing was sent; it is safe to try again."
            if reached
            else "The provider could not be reached. Nothing was sent; it is safe to try again.",
            code="provider_not_configured" if reached else "provider_unreachable",
            message_id=message.id, retry_after_s=60 if reached else 5, provider=provider,
        )  # fmt: skip
    if answer.opted_out:
        return SendRefused(
            OPTED_OUT,
            code="recipient_opted_out", message_id=message.id, provider=provider,
        )  # fmt: skip
    return SendRefused(
        f"The provider refuses this text: {fault.title}",
        code="provider_refused", provider_status=answer.http_status, message_id=message.id, provider=provider,
    )  # fmt: skip


def _unknown(message: Message) -> SendRefused:
    return SendRefused(
        "The provider did not say whether it took this text. It will not be sent twice: "
        "follow /sms/status, or repeat the request with the same Idempotency-Key.",
        code="outcome_unknown",
        message_id=message.id,
    )
