"""The reconciler: finds what fell between two steps, and settles it by evidence."""

# Each minute, over the sparse index of what is due and when: texts that never got into the queue, claims
# whose invocation died, sends whose outcome is unknown, receipts that never came, texts too old to send.

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from longcode.domain.errors import Unavailable
from longcode.domain.message import (
    CLAIM_MS,
    RECEIPT_AFTER_CLAIM_MS,
    RECEIPT_CHECK_MS,
    DueGroup,
    Entry,
    Fault,
    Message,
    held_shards,
)
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Receipt
from longcode.domain.schedule import OVERDUE_MS, held_until_ms
from longcode.domain.status import Status
from longcode.use_cases import (
    backlog,
    carrier_stops,
    replay_times,
    schedule,
    send_attempt,
    store_failures,
)
from longcode.use_cases.gauges import Gauges
from longcode.use_cases.queue_ports import Queues
from longcode.use_cases.replays import Replays
from longcode.use_cases.send_attempt import REPLAY_AFTER_MS, SendDependencies

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

# A receipt usually settles an unknown within seconds: first wait, then read.
FIRST_EVIDENCE_MS = 2 * _MINUTE
# The provider's records go back ten days.
GIVE_UP_MS = 10 * _DAY
# How many are put into the queue in one call.
_PUT_AT_ONCE = 10
# For so long gauges are begun. A store that hangs takes 15 s a call, and the function has 60.
_GAUGES_MS = 15_000
# In which order what is due is looked at. What needs the provider comes last, both halves of it side by side.
_ROUNDS = (
    (DueGroup.URGENT,),
    (DueGroup.HELD, DueGroup.HELD_BULK),
    (DueGroup.QUEUED, DueGroup.EXPIRING),
    (DueGroup.RECEIPT, DueGroup.CLAIMED),
)
# For so long the timers of what is held are set; and none in the last quarter of a minute, which a table that
# hangs takes for one call.
_TIMERS_MS = 10_000
_HANGS_MS = 15_000
# So many old claims are looked at in a run, and for so long: without receipts there are as many as were sent. The
# latest come first, so those of the last minute are seen up to 80 texts a second.
_CLAIMS_MOST = 5_000
_CLAIMS_MS = 10_000


@dataclass(slots=True)
class Reconciler:
    """Settles, each minute, the messages whose due time has come."""

    deps: SendDependencies
    queues: Queues
    gauges: Gauges
    replays: Replays
    # Whether the provider could not be asked in this run: each further question would take its time-out.
    _unreadable: bool = False
    # The same with what test texts are settled with; made with the first of them.
    _of_tests: "Reconciler | None" = None

    def reconcile(self, deadline_ms: int, at_most: int = 50) -> int:
        """Settle what is due, a bounded number from each shard at a time, until `deadline_ms`; returns how many.

        Each look moves the message's next one, so that the following run goes on where this one stopped.
        """
        self.gauges.report(self.deps.clock.now_ms() + _GAUGES_MS)
        self._unreadable = False
        # All, if that could not be read.
        occupied = held_shards() if self.gauges.occupied is None else self.gauges.occupied
        self._set_timers(deadline_ms, occupied)
        looked, seen = self._end_dead_claims(deadline_ms), set[str]()
        for groups in _ROUNDS:
            held, now = DueGroup.HELD in groups, self.deps.clock.now_ms()
            # Where sending is paused all that is due is overdue: half of the time is for what comes after it.
            ends_ms = now + (deadline_ms - now) // 2 if held else deadline_ms
            more = True
            while more:
                more, due = False, list[str]()
                shards = occupied if held else itertools.chain(*(group.shards for group in groups))
                for shard in shards:
                    # Of what is held a timer takes care, unless it was lost.
                    late_ms = OVERDUE_MS if held else 0
                    ids = self.deps.messages.due_messages(shard, self.deps.clock.now_ms() - late_ms, at_most)
                    new = [ident for ident in ids if ident not in seen]
                    # One whose look failed stays where it is, and must not be looked at again and again.
                    more = more or (len(ids) == at_most and bool(new))
                    due += new
                seen.update(due)
                looked += self._look_at(due, ends_ms)
                more = more and self.deps.clock.now_ms() <= ends_ms
            if self.deps.clock.now_ms() > deadline_ms:
                break
        return looked

    def _set_timers(self, deadline_ms: int, shards: Sequence[int]) -> None:
        deps = self.deps
        until_ms = min(deadline_ms - _HANGS_MS, deps.clock.now_ms() + _TIMERS_MS)
        try:
            schedule.set_timers(deps.messages, self.queues, deps.clock, until_ms, shards)
        except Unavailable as exc:
            # The next run sets them, and what is late by then comes into the queue without one.
            store_failures.note(exc, deps.metrics, deps.logger)

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
        missing = [message for message in messages if _may_be_missing(message)]
        try:
            for start in range(0, len(missing), _PUT_AT_ONCE):
                if deps.clock.now_ms() > deadline_ms:
                    break
                self._put_missing(missing[start : start + _PUT_AT_ONCE])
                looked += len(missing[start : start + _PUT_AT_ONCE])
        except Unavailable as exc:
            # The queue is down: each further try would take its time.
            store_failures.note(exc, deps.metrics, deps.logger, message_ids=[message.id for message in missing])
        rest = [message for message in messages if not _may_be_missing(message)]
        rest.sort(key=lambda message: (message.status is Status.UNKNOWN, message.accepted_ms))
        return looked + self._look_at_each(rest, deadline_ms)

    def _look_at_each(self, messages: Sequence[Message], deadline_ms: int) -> int:
        """Settle some one by one; how many. One that can't be settled does not hold up the others."""
        deps, looked = self.deps, 0
        for message in messages:
            if deps.clock.now_ms() > deadline_ms:
                break
            try:
                (self._for_tests() if message.test else self)._look(message, deadline_ms)
                looked += 1
            except Unavailable as exc:
                store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)
            except Exception:
                # One message that can't be settled must not hide all others, minute by minute.
                deps.logger.exception("reconcile.crashed", message_id=message.id)
                deps.metrics.count(Metric.CRASHED)
        return looked

    def _for_tests(self) -> "Reconciler":
        if self._of_tests is None:
            from longcode.use_cases import test_mode

            own = test_mode.sending(self.deps)
            self._of_tests = Reconciler(own, self.queues, self.gauges, Replays(own))
        return self._of_tests

    def _put_missing(self, messages: Sequence[Message]) -> None:
        """Put texts into the queue that may not be there, but for those that are out of date by now."""
        now, valid = self.deps.clock.now_ms(), list[Message]()
        for message in messages:
            if now >= message.valid_until_ms(self.deps.validity_ms):
                self._queued(message, now)
            elif message.ready_ms > now:
                self.deps.messages.set_due(message, held_until_ms(message, self.deps.validity_ms))
            else:
                valid.append(message)
        held = [message for message in valid if message.status is Status.HELD]
        # Its timer may have put it in already, and what came of that is gone: a second copy does no harm.
        self._put(held, mark=f"overdue:{now // _MINUTE}")
        self._put([message for message in valid if message not in held])

    def _put(self, messages: Sequence[Message], mark: str = "") -> None:
        backlog.put_missing(messages, self.deps.messages, self.queues, self.deps.metrics, mark=mark)

    def _look(self, message: Message, deadline_ms: int) -> None:
        now = self.deps.clock.now_ms()
        if message.status.waiting:
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
        expires = message.valid_until_ms(self.deps.validity_ms)
        if now < expires:
            # ValidityMinutes was made longer since.
            self.deps.messages.set_due(message, expires)
            return
        send_attempt.expire(message, self.deps, now, "reconciler")

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
        if self.replays.waits_for_another(message, now, gate):
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
                self.replays.resolved(message, "record")
            carrier_stops.after_receipt(message, record.receipt(now), deps, now)
            return
        replays = send_attempt.repeatable(message, deps, now)
        if replays and age >= REPLAY_AFTER_MS:
            self.replays.replay(message, age, gate, deadline_ms)
        elif age >= GIVE_UP_MS:
            self._unconfirmed(message, now)
        else:
            deps.messages.set_due(message, replay_times.next_due(age, now, replays=replays))

    def _without_receipt(self, message: Message, now: int) -> None:
        if now < message.updated_ms + RECEIPT_AFTER_CLAIM_MS:
            # The last one came late, and moved no due time.
            self.deps.messages.set_due(message, message.updated_ms + RECEIPT_CHECK_MS)
            return
        if not message.test:
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
                self.deps.brakes.received(self.deps.messages.record(message.id, receipt, now), receipt)
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


def _may_be_missing(message: Message) -> bool:
    """Whether a text that waits may not be in the queue."""
    return message.status is Status.HELD or (message.status is Status.QUEUED and message.unqueued)
