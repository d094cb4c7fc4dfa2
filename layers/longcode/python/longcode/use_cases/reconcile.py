"""The reconciler: finds what fell between two steps, and settles it by evidence."""

# Each minute, over the sparse index of what is due and when: texts that never got into the queue, claims
# whose invocation died, sends whose outcome is unknown, receipts that never came, texts too old to send.

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from longcode.domain import braking, pacing
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import (
    CLAIM_MS,
    RECEIPT_AFTER_CLAIM_MS,
    RECEIPT_CHECK_MS,
    DueGroup,
    Entry,
    Fault,
    Message,
)
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Receipt, Verdict
from longcode.domain.status import Status
from longcode.use_cases import backlog, carrier_pacing, carrier_stops, replay_times, send_attempt, store_failures
from longcode.use_cases.gauges import Gauges
from longcode.use_cases.ports import Queue
from longcode.use_cases.send_attempt import PROBE_MS, REPLAY_AFTER_MS, SendDependencies

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

# A receipt usually settles an unknown within seconds: first wait, then read.
FIRST_EVIDENCE_MS = 2 * _MINUTE
# The provider's records go back ten days.
GIVE_UP_MS = 10 * _DAY
# The longest that a replay waits for a slot at a limit that others share.
_SHARED_WAIT_MS = 10_000
# For so long a recipient queue is kept clear for a text that leaves in a later run.
_TURN_MS = 90_000
# So long before it leaves, at most, was a text of the recipient queue let through that does not know of a replay
# yet.
_UNDER_WAY_MS = 200
# How many are put into the queue in one call.
_PUT_AT_ONCE = 10
# For so long gauges are begun. A store that hangs takes 15 s a call, and the function has 60.
_GAUGES_MS = 15_000
# In which order what is due is looked at. What needs the provider comes last, both halves of it side by side.
_ROUNDS = ((DueGroup.URGENT,), (DueGroup.QUEUED,), (DueGroup.RECEIPT, DueGroup.CLAIMED))
# So many old claims are looked at in a run, and for so long: without receipts there are as many as were sent. The
# latest come first, so those of the last minute are seen up to 80 texts a second.
_CLAIMS_MOST = 5_000
_CLAIMS_MS = 10_000


@dataclass(slots=True)
class Reconciler:
    """Settles, each minute, the messages whose due time has come."""

    deps: SendDependencies
    queue: Queue
    gauges: Gauges
    # Whether the provider could not be asked in this run: each further question would take its time-out.
    _unreadable: bool = False

    def reconcile(self, deadline_ms: int, at_most: int = 50) -> int:
        """Settle what is due, a bounded number from each shard at a time, until `deadline_ms`; returns how many.

        Each look moves the message's next one, so that the following run goes on where this one stopped.
        """
        self.gauges.report(self.deps.clock.now_ms() + _GAUGES_MS)
        self._unreadable = False
        looked, seen = self._end_dead_claims(deadline_ms), set[str]()
        for groups in _ROUNDS:
            more = True
            while more:
                more, due = False, list[str]()
                for shard in itertools.chain(*(group.shards for group in groups)):
                    ids = self.deps.messages.due_messages(shard, self.deps.clock.now_ms(), at_most)
                    new = [ident for ident in ids if ident not in seen]
                    # One whose look failed stays where it is, and must not be looked at again and again.
                    more = more or (len(ids) == at_most and bool(new))
                    due += new
                seen.update(due)
                looked += self._look_at(due, deadline_ms)
                if self.deps.clock.now_ms() > deadline_ms:
                    return looked
        return looked

    def _end_dead_claims(self, deadline_ms: int) -> int:
        """Find the texts whose invocation died while it sent them; how many.

        Their entries stand among those of all that left and have no final receipt, which need no write for it.
        """
        deps, dead, now = self.deps, 0, self.deps.clock.now_ms()
        until_ms = min(deadline_ms, now + _CLAIMS_MS)
        old = deps.messages.old_claims(now, _CLAIMS_MOST) if now < until_ms else []
        for ids in itertools.batched(old, 100, strict=False):
            if deps.clock.now_ms() > until_ms:
                break
            sending = [message for message in deps.messages.get_all(ids) if message.status is Status.SENDING]
            dead += self._look_at_each(sending, deadline_ms)
        return dead

    def _look_at(self, ids: Sequence[str], deadline_ms: int) -> int:
        """Settle some; how many. What needs the provider comes last, and in the order of acceptance."""
        deps, looked = self.deps, 0
        messages = deps.messages.get_all(ids)
        missing = [message for message in messages if message.status is Status.QUEUED and message.unqueued]
        try:
            for start in range(0, len(missing), _PUT_AT_ONCE):
                if deps.clock.now_ms() > deadline_ms:
                    break
                self._put_missing(missing[start : start + _PUT_AT_ONCE])
                looked += len(missing[start : start + _PUT_AT_ONCE])
        except Unavailable as exc:
            # The queue is down: each further try would take its time.
            store_failures.note(exc, deps.metrics, deps.logger, message_ids=[message.id for message in missing])
        rest = [message for message in messages if not (message.status is Status.QUEUED and message.unqueued)]
        rest.sort(key=lambda message: (message.status is Status.UNKNOWN, message.accepted_ms))
        return looked + self._look_at_each(rest, deadline_ms)

    def _look_at_each(self, messages: Sequence[Message], deadline_ms: int) -> int:
        """Settle some one by one; how many. One that can't be settled does not hold up the others."""
        deps, looked = self.deps, 0
        for message in messages:
            if deps.clock.now_ms() > deadline_ms:
                break
            try:
                self._look(message, deadline_ms)
                looked += 1
            except Unavailable as exc:
                store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
            except Exception:
                # One message that can't be settled must not hide all others, minute by minute.
                deps.logger.exception("reconcile.crashed", message_id=message.id)
                deps.metrics.count(Metric.CRASHED)
        return looked

    def _put_missing(self, messages: Sequence[Message]) -> None:
        """Put texts into the queue that may not be there, but for those that are out of date by now."""
        now, valid = self.deps.clock.now_ms(), list[Message]()
        for message in messages:
            if now >= message.accepted_ms + self.deps.validity_ms:
                self._queued(message, now)
            else:
                valid.append(message)
        backlog.put_missing(valid, self.deps.messages, self.queue, self.deps.metrics)

    def _look(self, message: Message, deadline_ms: int) -> None:
        now = self.deps.clock.now_ms()
        if message.status is Status.QUEUED:
            self._queued(message, now)
        elif message.status is Status.SENDING:
            self._claimed(message, now)
        elif message.status is Status.UNKNOWN:
            self._unknown(message, now, deadline_ms)
        elif message.status in (Status.SUBMITTED, Status.SENT):
            self._without_receipt(message, now)
        else:
            self.deps.messages.set_due(message, None)

    def _queued(self, message: Message, now: int) -> None:
        expires = message.accepted_ms + self.deps.validity_ms
        if now < expires:
            # ValidityMinutes was made longer since.
            self.deps.messages.set_due(message, expires)
            return
        fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
        entry = Entry(now, Status.EXPIRED_UNSENT.value, "reconciler", faults=(fault,))
        self.deps.messages.end(message, Status.EXPIRED_UNSENT, entry, now)

    def _claimed(self, message: Message, now: int) -> None:
        dead = (message.claimed_ms or 0) + CLAIM_MS
        if now < dead:
            self.deps.messages.set_due(message, dead)
            return
        send_attempt.abandoned(message, self.deps, now)

    def _unknown(self, message: Message, now: int, deadline_ms: int) -> None:
        deps = self.deps
        since = message.claimed_ms or message.updated_ms
        age = now - since
        if age < FIRST_EVIDENCE_MS:
            deps.messages.set_due(message, since + FIRST_EVIDENCE_MS)
            return
        gate = deps.limits.read_gate(message.recipient, message.sender)
        if self._waits_for_another(message, now, gate):
            # In the next run, with all others of its recipient, so that their order holds.
            deps.messages.set_due(message, deadline_ms + 1)
            return
        if self._unreadable or (gate.control.breaker_until_ms or 0) > now:
            deps.messages.set_due(message, replay_times.while_stopped(now))
            return
        try:
            record = deps.provider.record_of(message)
        except Unavailable as exc:
            # Not knowing is no evidence: nothing is repeated and nothing given up.
            self._unreadable = True
            deps.logger.warning("unknown.unreadable", what=exc.what, message_id=message.id)
            deps.messages.set_due(message, replay_times.while_stopped(now))
            return
        if record:
            if deps.messages.submitted(message, record.answer(), now):
                self._resolved(message, "record")
            carrier_stops.after_receipt(message, record.receipt(now), deps, now)
            return
        replays = send_attempt.repeatable(message, deps, now)
        if replays and age >= REPLAY_AFTER_MS:
            self._replay(message, age, gate, deadline_ms)
        elif age >= GIVE_UP_MS:
            self._unconfirmed(message, now)
        else:
            deps.messages.set_due(message, replay_times.next_due(age, now, replays=replays))

    def _resolved(self, message: Message, by: str) -> None:
        self.deps.metrics.count(Metric.RESOLVED)
        self.deps.logger.info("unknown.resolved", message_id=message.id, by=by)
        try:
            self.deps.limits.settle(message.recipient)
        except Unavailable as exc:
            # Those behind it wait for some minutes, and no longer.
            store_failures.note(exc, self.deps.metrics, self.deps.logger, message_id=message.id)

    def _replay(self, message: Message, age: int, gate: Gate, deadline_ms: int) -> None:
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
        deps, key = self.deps, pacing.recipient_key(marked.recipient)
        try:
            gate = deps.limits.read_gate(marked.recipient, marked.sender)
            now = deps.clock.now_ms()
            mine = not deps.pace.recipient_ms or gate.recipient.turn_id == marked.id
            passes = mine and not _stopped(gate, marked, now) and self._may_pass(marked, now, gate)
            passes = passes and carrier_pacing.pass_again(marked, gate, deps, _SHARED_WAIT_MS, _HOUR)
            now = deps.clock.now_ms()
            if passes and deps.pace.recipient_ms:
                # As a send does: who comes next keeps a distance from now.
                deps.limits.push(key, now + pacing.spacing(deps.pace.recipient_ms))
        except Unavailable:
            deps.messages.mark_replayed(marked, deps.clock.now_ms(), undo=True)
            raise
        if passes:
            self._repeat(marked, gate)
        else:
            deps.messages.mark_replayed(marked, now, undo=True)
            deps.messages.set_due(marked, now + _MINUTE)

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

    def _waits_for_another(self, message: Message, now: int, gate: Gate) -> bool:
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

    def _repeat(self, message: Message, gate: Gate) -> None:
        """The replay itself, of a message that is marked for it, and what came of it."""
        deps, left = self.deps, self.deps.clock.now_ms()
        answer = deps.provider.send(message)
        later = deps.clock.now_ms()
        # What the provider said comes first: it must not be lost for what it means to others.
        if answer.verdict is Verdict.ACCEPTED:
            answer = send_attempt.checked(message, answer, deps)
            deps.messages.submitted(message, answer, later)
            self._resolved(message, "replay")
        elif answer.verdict is Verdict.PERMANENT and not answer.ours and answer.fault:
            # The provider remembers only successes, so a refusal now means that there was none.
            entry = Entry(later, Status.FAILED.value, "reconciler", faults=(answer.fault,))
            deps.messages.end(message, Status.FAILED, entry, later)
        else:
            if answer.verdict in (Verdict.BACK_OFF, Verdict.NOT_SENT, Verdict.CONFIGURATION):
                deps.messages.mark_replayed(message, later, undo=True)
            deps.messages.set_due(message, later + (answer.wait_ms or 5 * _MINUTE))
        send_attempt.learn(message, answer, deps, gate, left)
        if deps.pace.recipient_ms:
            next_ms = pacing.next_departure(later, deps.pace.recipient_ms)
            deps.limits.push(pacing.recipient_key(message.recipient), next_ms)
            deps.limits.leave_queue(message.recipient, message.id)

    def _may_pass(self, message: Message, now: int, gate: Gate) -> bool:
        """Whether no breaker is open, or this is the one text that tries whether it still must be."""
        if gate.control.breaker_until_ms is None:
            return True
        return self.deps.limits.probe(now, now + PROBE_MS, message.id)

    def _without_receipt(self, message: Message, now: int) -> None:
        if now < message.updated_ms + RECEIPT_AFTER_CLAIM_MS:
            # The last one came late, and moved no due time.
            self.deps.messages.set_due(message, message.updated_ms + RECEIPT_CHECK_MS)
            return
        self.gauges.webhooks.overdue(message)
        age = now - (message.sent_ms or message.accepted_ms)
        if self._unreadable:
            return
        try:
            record = self.deps.provider.record_of(message)
        except Unavailable as exc:
            self._unreadable = True
            self.deps.logger.warning("receipt.unreadable", what=exc.what, message_id=message.id)
            return
        if record:
            receipt = record.receipt(now)
            if receipt.status and receipt.status is not message.status:
                self.deps.messages.record(message.id, receipt, now)
                self.deps.metrics.count(Metric.RECEIPTS_READ_BACK)
                carrier_stops.after_receipt(message, receipt, self.deps, now)
            if receipt.status and receipt.status.final:
                return
        if age >= GIVE_UP_MS:
            self._unconfirmed(message, now)
            return
        self.deps.messages.set_due(message, now + min(max(age, 15 * _MINUTE), _DAY))

    def _unconfirmed(self, message: Message, now: int) -> None:
        fault = Fault("no_receipt", "The provider sent no final receipt and keeps no record any more.")
        status = Status.DELIVERY_UNCONFIRMED
        if message.telnyx_id is None:
            # The provider's id never came; a receipt that comes after all still may.
            self.deps.messages.end(message, status, Entry(now, status.value, "reconciler", faults=(fault,)), now)
            return
        receipt = Receipt(
            event_id=f"reconciler:{message.id}", telnyx_id=message.telnyx_id, status=status,
            word=status.value, occurred_ms=now, faults=(fault,), source="reconciler",
        )  # fmt: skip
        self.deps.messages.record(message.id, receipt, now)


def _stopped(gate: Gate, message: Message, now: int) -> bool:
    """Whether nothing may leave for its recipient now, for another reason than its distance to others."""
    stop = send_attempt.stop(gate.control, now) or carrier_stops.held(gate, message.recipient, now)
    return stop is not None or gate.opted_out or gate.unclear_ms is not None
