"""Replays: repeating a request in doubt under its idempotency key."""

# The provider answers with the first outcome, or sends now what it never had. For the latter a replay waits for
# its turn and keeps to the limits and the brakes, as any other text.

from dataclasses import dataclass, replace

from longcode.domain import braking, pacing
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Entry, Message
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.quiet_hours import leaves_ms
from longcode.domain.status import Status
from longcode.use_cases import carrier_pacing, carrier_stops, replay_times, send_attempt, store_failures
from longcode.use_cases.send_attempt import PROBE_MS, SendDependencies

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
# The longest that a replay waits for a slot at a limit that others share.
_SHARED_WAIT_MS = 10_000
# For so long a recipient queue is kept clear for a text that leaves in a later run.
_TURN_MS = 90_000
# So long before it leaves, at most, was a text of the recipient queue let through that does not know of a replay
# yet.
_UNDER_WAY_MS = 200


@dataclass(frozen=True, slots=True)
class Replays:
    """Repeats the requests of texts whose outcome is unknown."""

    deps: SendDependencies

    def resolved(self, message: Message, by: str) -> None:
        """Note that a text is in doubt no more."""
        self.deps.metrics.count(Metric.RESOLVED)
        self.deps.logger.info("unknown.resolved", message_id=message.id, by=by)
        try:
            self.deps.limits.settle(message.recipient)
        except Unavailable as exc:
            # Those behind it wait for some minutes, and no longer.
            store_failures.note(exc, self.deps.metrics, self.deps.logger, message_id=message.id)

    def replay(self, message: Message, age: int, gate: Gate, deadline_ms: int) -> None:
        """Repeat a request under its key, after the provider's records were read and had nothing.

        The provider answers with the first outcome, or sends now what it never had. For the latter it waits for
        its turn and keeps to the brakes, as any other text. A further replay follows only where the one before had
        no clear answer.
        """
        deps, now = self.deps, self.deps.clock.now_ms()
        deps.provider.prepare()
        later = replay_times.next_due(age, now, replays=True)
        if not replay_times.is_due(message, age, gate, now) or _stopped(gate, message, now):
            deps.messages.set_due(message, later)
            return
        opens_ms = leaves_ms(message, now, deps.quiet_hours)
        if opens_ms > now:
            # Its records are read meanwhile, as they may settle it.
            deps.messages.set_due(message, min(later, opens_ms))
            return
        recovered = (gate.control.closed_ms or 0) >= (gate.recipient.doubt_ms or now)
        own = gate.recipient.turn_id == message.id
        if gate.recipient.troubles and not own and not recovered and (gate.recipient.not_before_ms or 0) > now:
            deps.messages.set_due(message, min(later, gate.recipient.not_before_ms or 0))
            return
        start = self._turn(message, now, gate, deadline_ms)
        if start > deadline_ms:
            # Not on the grid of all others: at that moment the recipient queue is clear.
            deps.messages.set_due(message, start)
            return
        deps.clock.sleep_until(start)
        now = deps.clock.now_ms()
        if deps.messages.mark_replayed(message, now):
            self._pass(replace(message, replays=message.replays + 1))

    def _pass(self, marked: Message) -> None:
        """Make a replay that is marked, unless something speaks against it that was said before the mark."""
        deps, key, place_ms = self.deps, pacing.recipient_key(marked.recipient), None
        try:
            gate = deps.limits.read_gate(marked.recipient, marked.sender)
            now = deps.clock.now_ms()
            mine = not deps.pace.recipient_ms or gate.recipient.turn_id == marked.id
            passes = mine and not _stopped(gate, marked, now) and self._may_pass(marked, now, gate)
            passes = passes and self._in_time(marked, now)
            passes = passes and carrier_pacing.pass_again(marked, gate, deps, _SHARED_WAIT_MS, _HOUR)
            now = deps.clock.now_ms()
            passes = passes and self._in_time(marked, now)
            if passes and deps.pace.recipient_limits:
                # Loaded where there are such limits.
                from longcode.use_cases import recipient_limits

                place_ms = recipient_limits.take_again(marked, gate, deps, _HOUR)
                passes = place_ms is not None
            if passes and deps.pace.recipient_ms:
                # As a send does: who comes next keeps a distance from now.
                deps.limits.push(key, now + pacing.spacing(deps.pace.recipient_ms))
        except Unavailable:
            deps.messages.mark_replayed(marked, deps.clock.now_ms(), undo=True)
            raise
        if passes:
            answer = self._repeat(marked, gate)
            if place_ms is not None:
                recipient_limits.settle_again(marked, place_ms, answer, deps)
        else:
            deps.messages.mark_replayed(marked, now, undo=True)
            deps.messages.set_due(marked, now + _MINUTE)

    def _in_time(self, message: Message, now: int) -> bool:
        """Whether a text may leave by now, if the provider never heard of it: it is neither too late nor quiet."""
        late = now >= message.valid_until_ms(self.deps.validity_ms)
        return not late and send_attempt.may_leave(message, self.deps, now)

    def _turn(self, message: Message, now: int, gate: Gate, deadline_ms: int) -> int:
        """From when on a text that stands in no queue may leave; after `deadline_ms`: look again then.

        It reserves no slot, which lies behind all that waits, but has the recipient queue to itself for a while:
        it was accepted before. One text of a recipient at a time.
        """
        limits, spacing = self.deps.limits, pacing.spacing(self.deps.pace.recipient_ms)
        shared = self._shared_turn(message, now, gate)
        recipient = gate.recipient
        if not spacing or shared > deadline_ms:
            return shared
        ends_ms = recipient.turn_ms + _TURN_MS
        if recipient.turn_id == message.id and now <= ends_ms:
            return max(shared, recipient.turn_ms)
        start = shared
        if max(recipient.tat_ms or 0, recipient.not_before_ms or 0) > now:
            # What is on its way by now leaves first.
            start = max(start, now + _UNDER_WAY_MS + spacing)
        # A run comes each minute, and may miss the moment by that.
        until = start + (0 if start <= deadline_ms else _TURN_MS) + spacing
        taken = limits.take_queue(message.recipient, recipient, message.id, start, until)
        return start if taken else deadline_ms + 1

    def waits_for_another(self, message: Message, now: int, gate: Gate) -> bool:
        """Whether another text in doubt has the recipient queue to itself."""
        spacing, recipient = pacing.spacing(self.deps.pace.recipient_ms), gate.recipient
        return recipient.turn_id not in ("", message.id) and now <= recipient.turn_ms + _TURN_MS + spacing

    def _shared_turn(self, message: Message, now: int, gate: Gate) -> int:
        """When the limits let a text leave that others share: it waits its turn in the first hour, and then takes
        a slot out of turn. Behind a queue that never ends it would be late.
        """
        limits, pace, start = self.deps.limits, self.deps.pace, now
        if brake := gate.brake(now):
            due = braking.due_ms(brake, limits.take_turn(message.sender, brake, now))
            start = min(due, now + _SHARED_WAIT_MS)
        for key, interval, tat_ms in (
            (pacing.sender_key(message.sender), pace.sender_ms, gate.sender.tat_ms),
            (pacing.ACCOUNT_KEY, pace.account_ms, gate.account.tat_ms),
        ):
            if not interval:
                continue
            if now < (message.claimed_ms or 0) + _HOUR and (tat_ms or 0) > now + _SHARED_WAIT_MS:
                start = max(start, tat_ms or 0)
            else:
                first = limits.reserve(key, message.segments, interval, now).first_ms
                start = max(start, min(first, now + _SHARED_WAIT_MS))
        return start

    def _repeat(self, message: Message, gate: Gate) -> Answer:
        """The replay itself, of a message that is marked for it, and what came of it."""
        deps, left = self.deps, self.deps.clock.now_ms()
        answer = deps.provider.send(message)
        later = deps.clock.now_ms()
        # What the provider said comes first: it must not be lost for what it means to others.
        if answer.verdict is Verdict.ACCEPTED:
            answer = send_attempt.checked(message, answer, deps)
            deps.messages.submitted(message, answer, later)
            self.resolved(message, "replay")
        elif answer.verdict is Verdict.PERMANENT and not answer.ours and answer.fault:
            # The provider remembers only successes, so a refusal now means that there was none.
            entry = Entry(later, Status.FAILED.value, "reconciler", faults=(answer.fault,))
            deps.messages.end(message, Status.FAILED, entry, later)
            deps.brakes.refused(message, answer, gate, again=True)
        else:
            if answer.verdict in (Verdict.BACK_OFF, Verdict.NOT_SENT, Verdict.CONFIGURATION):
                deps.messages.mark_replayed(message, later, undo=True)
            deps.messages.set_due(message, later + (answer.wait_ms or 5 * _MINUTE))
        send_attempt.learn(message, answer, deps, gate, left)
        if deps.pace.recipient_ms:
            next_ms = pacing.next_departure(later, deps.pace.recipient_ms)
            deps.limits.push(pacing.recipient_key(message.recipient), next_ms)
            deps.limits.leave_queue(message.recipient, message.id)
        return answer

    def _may_pass(self, message: Message, now: int, gate: Gate) -> bool:
        """Whether no breaker is open, or this is the one text that tries whether it still must be."""
        if gate.control.breaker_until_ms is None:
            return True
        return self.deps.limits.probe(now, now + PROBE_MS, message.id)


def _stopped(gate: Gate, message: Message, now: int) -> bool:
    """Whether nothing may leave for its recipient now, for another reason than its distance to others."""
    stop = send_attempt.stop(gate.control, now, message.priority) or carrier_stops.held(
        gate, message.recipient, now
    )
    return stop is not None or gate.opted_out or gate.unclear_ms is not None
