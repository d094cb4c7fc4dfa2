"""The second look: finds what fell between two steps, and settles it by evidence.

Each minute, over the sparse index of what needs attention and when: texts that never got into the queue,
claims whose invocation died, sends whose outcome is unknown, receipts that never came, texts too old to send.
"""

from dataclasses import dataclass
from typing import Literal

from longcode import pacing, telnyx
from longcode.errors import Unavailable
from longcode.message import CLAIM_MS, URGENT_SHARDS, Entry, Fault, Message, Status
from longcode.metrics import Metric
from longcode.pacing import Pace
from longcode.ports import Carrier, Clock, Counters, Journal, Limits, Messages, Meter, Outbox, Receipt, Verdict

_MINUTE = 60_000
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR

# A receipt usually settles an unknown within seconds, and the carrier's records do not show a queued
# message: first wait, then read, and only then replay.
FIRST_EVIDENCE_MS = 2 * _MINUTE
REPLAY_AFTER_MS = 10 * _MINUTE
# The carrier keeps idempotency keys for 24 hours; an hour less for clocks.
REPLAY_UNTIL_MS = 23 * _HOUR
# The carrier's records go back ten days.
GIVE_UP_MS = 10 * _DAY
# SQS's counts may be a minute late. And how many of those that the queue has lost are counted at most.
STRANDED_AFTER_MS = 15 * _MINUTE
_STRANDED_MOST = 1000


@dataclass(frozen=True, slots=True)
class Sweeper:
    """All that the second look needs."""

    messages: Messages
    limits: Limits
    outbox: Outbox
    carrier: Carrier
    counters: Counters
    clock: Clock
    meter: Meter
    journal: Journal
    pace: Pace
    policy: Literal["resolve", "hold"]
    validity_ms: int

    def sweep(self, deadline_ms: int, at_most: int = 50) -> int:
        """Settle what is due, a bounded number from each shard, until `deadline_ms`; returns how many.

        Each look moves the message's next one, so that the following run goes on where this one stopped.
        """
        self._gauge()
        self.carrier.prepare()
        looked = 0
        # Another shard comes first in each minute: one that always has enough to do would starve those after it.
        first = self.clock.now_ms() // _MINUTE
        urgent = [(first + number) % URGENT_SHARDS for number in range(URGENT_SHARDS)]
        receipts = [URGENT_SHARDS + shard for shard in urgent]
        for shard in urgent + receipts:
            for ident in self.messages.needing_attention(shard, self.clock.now_ms(), at_most):
                if self.clock.now_ms() > deadline_ms:
                    return looked
                try:
                    message = self.messages.get(ident)
                    if message:
                        self._look(message, deadline_ms)
                        looked += 1
                except Unavailable as exc:
                    self.journal.error("store.unavailable", what=exc.what, message_id=ident)
                except Exception:
                    # As in a lane: one message that can't be looked at must not hide all others, minute by minute.
                    self.journal.exception("sweep.crashed", message_id=ident)
                    self.meter.count(Metric.CRASHED)
        return looked

    def _gauge(self) -> None:
        """How it stands, once a minute: what a count of events can't tell, as a stop that goes on for hours."""
        try:
            control = self.limits.look("", "").control
            in_doubt = self.counters.read(None).get(Status.UNKNOWN.value, 0)
        except Unavailable as exc:
            self.journal.error("store.unavailable", what=exc.what)
            return
        stopped = telnyx.stopped_by(control.breaker_reason) if control.breaker_since_ms is not None else None
        for metric, on in (
            (Metric.STOPPED_KEY, stopped == "key"),
            (Metric.STOPPED_FUNDS, stopped == "funds"),
            (Metric.STOPPED_SETUP, stopped == "setup"),
            (Metric.PAUSED, control.paused_since_ms is not None),
        ):
            self.meter.count(metric, int(on))
        self.meter.count(Metric.UNKNOWN_NOW, in_doubt)
        try:
            self.meter.count(Metric.STRANDED_NOW, self._stranded())
        except Unavailable as exc:
            self.journal.error("store.unavailable", what=exc.what)

    def _stranded(self) -> int:
        """How many texts have waited for long while the queue is empty, as after a purge: nobody brings them."""
        if self.outbox.size():
            return 0
        before_ms = self.clock.now_ms() - STRANDED_AFTER_MS
        waiting, _ = self.messages.waiting(_STRANDED_MOST)
        return sum(text.accepted_ms < before_ms for text in waiting)

    def _look(self, message: Message, deadline_ms: int) -> None:
        now = self.clock.now_ms()
        if message.status is Status.QUEUED:
            self._queued(message, now)
        elif message.status is Status.SENDING:
            self._claimed(message, now)
        elif message.status is Status.UNKNOWN:
            self._unknown(message, now, deadline_ms)
        elif message.status in (Status.SUBMITTED, Status.SENT):
            self._without_receipt(message, now)
        else:
            self.messages.look_again(message, None)

    def _queued(self, message: Message, now: int) -> None:
        expires = message.accepted_ms + self.validity_ms
        if now >= expires:
            fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
            entry = Entry(now, Status.EXPIRED_UNSENT.value, "sweeper", faults=(fault,))
            self.messages.end(message, Status.EXPIRED_UNSENT, entry, now)
            return
        # If it is in the queue already, SQS drops this second copy, or the claim does.
        self.outbox.put(message)
        self.meter.count(Metric.ENQUEUED_AGAIN)
        self.messages.look_again(message, expires)

    def _claimed(self, message: Message, now: int) -> None:
        dead = (message.claimed_ms or 0) + CLAIM_MS
        if now < dead:
            self.messages.look_again(message, dead)
            return
        fault = Fault("claim_lost", "The invocation that was sending this text ended without a word.")
        self.messages.ambiguous(message, fault, now)

    def _unknown(self, message: Message, now: int, deadline_ms: int) -> None:
        since = message.claimed_ms or message.updated_ms
        age = now - since
        if age < FIRST_EVIDENCE_MS:
            self.messages.look_again(message, since + FIRST_EVIDENCE_MS)
            return
        record = self.carrier.record_of(message)
        if record:
            answer = telnyx.accepted_by_record(record)
            if self.messages.submitted(message, answer, now):
                self.meter.count(Metric.RESOLVED)
                self.journal.info("unknown.resolved", message_id=message.id, by="record")
            return
        # A replay may be the first that the carrier hears of a text, so it must not be out of date.
        until = min(since + REPLAY_UNTIL_MS, message.accepted_ms + self.validity_ms)
        if self.policy == "resolve" and not message.replayed and age >= REPLAY_AFTER_MS and now < until:
            self._replay(message, now, deadline_ms)
            return
        if age >= GIVE_UP_MS:
            self._unconfirmed(message, now)
            return
        self.messages.look_again(message, now + max(5 * _MINUTE, min(age // 4, 6 * _HOUR)))

    def _replay(self, message: Message, now: int, deadline_ms: int) -> None:
        """The one keyed replay: the carrier answers with the first outcome, or sends now what it never had.

        For the latter it waits for its turn and heeds the brakes, as any other text.
        """
        road = self.limits.look(message.recipient, message.sender)
        pace = self.pace
        free = road.recipient.tat_ms or 0
        if now < (message.claimed_ms or 0) + _HOUR:
            # Later it takes a shared slot out of turn: behind a line that never ends it would never leave.
            free = max(free, (road.sender.tat_ms or 0) * bool(pace.sender_ms))
            free = max(free, (road.account.tat_ms or 0) * bool(pace.account_ms))
        if free > deadline_ms:
            self.messages.look_again(message, free)
            return
        slot = self._slot(message, now, deadline_ms)
        self.clock.sleep_until(slot)
        now = self.clock.now_ms()
        road = self.limits.look(message.recipient, message.sender)
        stopped = road.control.paused_since_ms is not None or (road.control.breaker_until_ms or 0) > now
        if stopped or road.opted_out or road.not_before_ms > now:
            self.messages.look_again(message, max(now + 5 * _MINUTE, road.not_before_ms))
            return
        if self.pace.recipient_ms:
            # As a send does: who comes next keeps a distance from now, and not from the slot, which may be past.
            ahead_ms = self.clock.now_ms() + pacing.spacing(self.pace.recipient_ms)
            self.limits.push(pacing.recipient_key(message.recipient), ahead_ms)
        if not self.messages.mark_replayed(message, now):
            return
        answer = self.carrier.send(message)
        later = self.clock.now_ms()
        if self.pace.recipient_ms:
            next_ms = pacing.next_departure(later, self.pace.recipient_ms)
            self.limits.push(pacing.recipient_key(message.recipient), next_ms)
        if answer.verdict is Verdict.ACCEPTED:
            self.messages.submitted(message, answer, later)
            self.meter.count(Metric.RESOLVED)
            self.journal.info("unknown.resolved", message_id=message.id, by="replay")
        elif answer.verdict is Verdict.PERMANENT and not answer.ours and answer.fault:
            # The carrier remembers only successes, so a refusal now means that there was none.
            entry = Entry(later, Status.FAILED.value, "sweeper", faults=(answer.fault,))
            self.messages.end(message, Status.FAILED, entry, later)
        else:
            if answer.verdict in (Verdict.BACK_OFF, Verdict.NOT_SENT, Verdict.CONFIGURATION):
                self.messages.mark_replayed(message, later, undo=True)
            self.messages.look_again(message, later + (answer.wait_ms or 5 * _MINUTE))

    def _slot(self, message: Message, now: int, deadline_ms: int) -> int:
        """When a text may leave that stands in no line; a shared limit holds it until `deadline_ms` at most."""
        pace = self.pace
        slot = now
        if pace.recipient_ms:
            key = pacing.recipient_key(message.recipient)
            slot = self.limits.reserve(key, 1, pacing.spacing(pace.recipient_ms), now).first_ms
        shared = ((pacing.sender_key(message.sender), pace.sender_ms), (pacing.ACCOUNT_KEY, pace.account_ms))
        for key, interval in shared:
            if interval:
                slot = max(slot, min(self.limits.reserve(key, 1, interval, now).first_ms, deadline_ms))
        return slot

    def _without_receipt(self, message: Message, now: int) -> None:
        age = now - (message.sent_ms or message.accepted_ms)
        record = self.carrier.record_of(message)
        if record:
            receipt = telnyx.receipt_of_record(record, now)
            if receipt.status and receipt.status is not message.status:
                self.messages.record(message.id, receipt, now)
                self.meter.count(Metric.RECEIPTS_READ_BACK)
            if receipt.status and receipt.status.final:
                return
        if age >= GIVE_UP_MS:
            self._unconfirmed(message, now)
            return
        self.messages.look_again(message, now + min(max(age, 15 * _MINUTE), _DAY))

    def _unconfirmed(self, message: Message, now: int) -> None:
        fault = Fault("no_receipt", "The carrier sent no final receipt and keeps no record any more.")
        status = Status.DELIVERY_UNCONFIRMED
        if message.telnyx_id is None:
            # The carrier never told us its id; a receipt that comes after all still may.
            self.messages.end(message, status, Entry(now, status.value, "sweeper", faults=(fault,)), now)
            return
        receipt = Receipt(
            event_id=f"sweeper:{message.id}", telnyx_id=message.telnyx_id, status=status,
            word=status.value, occurred_ms=now, faults=(fault,), source="sweeper",
        )  # fmt: skip
        self.messages.record(message.id, receipt, now)
