"""One recipient's texts of a batch: which of them leaves when, and what becomes of those that must wait."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from longcode.domain import pacing, tag_brake
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import CLAIM_MS, Message
from longcode.domain.metrics import Metric
from longcode.domain.quiet_hours import leaves_ms
from longcode.domain.status import HeldBy, Status
from longcode.domain.test_mode import is_marked
from longcode.use_cases import (
    carrier_pacing,
    carrier_stops,
    departures,
    lost_claims,
    send_attempt,
    store_failures,
    tag_brakes,
)
from longcode.use_cases.batch_results import Result, forget, hide, put_off
from longcode.use_cases.ports import Claim
from longcode.use_cases.queue_ports import Envelope, Queue
from longcode.use_cases.recipient_batch import RecipientBatch
from longcode.use_cases.send_attempt import PROBE_MS, SendDependencies
from longcode.use_cases.slots import Slots, SlottedMessage

# The claim is written this long before the slot, so that the text leaves at its slot and not after it.
LEAD_MS = 60
# After a store failed: soon, but not at once.
STORE_RETRY_MS = 15_000
# The longest that an open breaker, or a store that is down, hides a text at a time.
MOST_HIDDEN_MS = 600_000
# How long a queue message is hidden whose text is not yet in the table.
_UNSTORED_RETRY_MS = 2_000
# How long at a time a text is hidden that waits for a day of a carrier's, as long as that is not known.
_UNKNOWN_CARRIER_MS = 30 * 60_000
# As SHORT_WAIT_MS, of test texts: a live text may need the invocation.
_TEST_WAIT_MS = 1_000


class RecipientWorker:
    """What waits for one recipient of a batch, in the order of acceptance.

    It `deletes` the queue messages of what is done, unless the batch's answer does it at the same moment.
    """

    def __init__(
        self,
        envelopes: Sequence[Envelope],
        deps: SendDependencies,
        queue: Queue,
        last_start_ms: int,
        *,
        deletes: bool = True,
    ) -> None:
        self.batch = RecipientBatch(envelopes, deps)
        self.slots = Slots(envelopes[0].recipient, deps)
        # How things stood at the last read; what it says of a recipient may be about another one.
        self.gate = Gate()
        self._deps = deps
        self._queue = queue
        self._deletes = deletes
        self._last_start_ms = last_start_ms
        wait_ms = _TEST_WAIT_MS if is_marked(envelopes[0].recipient) else pacing.SHORT_WAIT_MS
        self._window_ms = deps.clock.now_ms() + wait_ms
        self._probe_until_ms = 0

    @property
    def recipient(self) -> str:
        """The recipient's number, as the group in the queue has it."""
        return self.batch.recipient

    @property
    def results(self) -> list[Result]:
        """What became of the queue messages so far."""
        return self.batch.results

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return bool(self.slots.items)

    @property
    def first(self) -> SlottedMessage:
        """The one that leaves next."""
        return self.slots.items[0]

    def load(self) -> None:
        """Read the texts. Takes no slot yet."""
        self._guarded(self._load)
        if not self.waiting:
            self._finish()

    def _load(self) -> None:
        self.slots.items = self.batch.load()

    def keep_quiet(self, gate: Gate | None = None) -> None:
        """Put off what would leave in its quiet hours: by now, or with a `gate` by what has no slot yet."""
        self._guarded(lambda: self._put_off_quiet(gate))
        if not self.waiting:
            self._finish()

    def _put_off_quiet(self, gate: Gate | None = None) -> None:
        if self._deps.quiet_hours is None or not any(item.message.quiet_zones for item in self.slots.items):
            return
        # Loaded with the first text that keeps quiet hours.
        from longcode.use_cases import quiet_departures

        quiet_departures.put_off(self.batch, self.slots, self._deps, self._queue, gate)

    def wait(self, stopped: tuple[int, HeldBy, str]) -> None:
        """Sending is stopped for all: look again later, and hold nothing for that time."""
        self._hide(self._until(stopped), stopped[1])
        self._finish()

    def give_up(self, exc: Unavailable) -> None:
        """A store is down: nothing may leave that could not be recorded."""
        store_failures.note(exc, self._deps.metrics, self._deps.logger, message_ids=self._ids)
        self._put_off()

    def _put_off(self) -> None:
        """Hide all that is left for a while, after a fault that is none of its own."""
        now = self._deps.clock.now_ms()
        receives = max((envelope.receives for envelope in self._open_envelopes()), default=1)
        # Ever more rarely: an outage may last as long as the text is valid.
        again = now + min(STORE_RETRY_MS + 1_000 * receives, MOST_HIDDEN_MS)
        if now <= self._last_start_ms:
            self.slots.keep()
        self._hide(again)

    def abandon(self, exc: Unavailable) -> None:
        """Give up before anything was sent."""
        self.give_up(exc)
        self._finish()

    def try_one(self, probe_until_ms: int) -> None:
        """Send one text through an open breaker, by a right that holds until then."""
        self._probe_until_ms = probe_until_ms
        self._guarded(self._work)
        if not self.slots.items:
            self._finish()

    def run(self) -> None:
        """Send what may leave now, hide the rest."""
        self._guarded(self._work)
        self._finish()

    @property
    def _ids(self) -> list[str | None]:
        return [item.message.id for item in self.slots.items] or [one.message_id for one in self.batch.envelopes]

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do `work`; if it fails, what this recipient has left goes back, and no other's does."""
        try:
            work()
        except Unavailable as exc:
            self.give_up(exc)
        except Exception:
            # The one place that must survive anything: the other recipients' results are still to be reported.
            self._deps.logger.exception("worker.crashed", message_ids=self._ids)
            self._deps.metrics.count(Metric.CRASHED)
            self._put_off()

    def _finish(self) -> None:
        """Delete what is done: at once, as the queue gives what is behind it to no worker until then."""
        if self.batch.behind or self.batch.early:
            wait_ms = _UNSTORED_RETRY_MS if self.batch.early else 0
            self._hide(self._deps.clock.now_ms() + wait_ms)
        if self._deletes:
            done = [result.envelope for result in self.results if result.done and result.envelope]
            forget(done, self._deps, self._queue)

    def _work(self) -> None:
        self.slots.plan()
        self._put_off_quiet()
        probing = bool(self._probe_until_ms)
        while self.slots.items and self._send_first():
            if probing and not self._probe_until_ms:
                break

    def _send_first(self) -> bool:
        """Send the first text; False when the worker has to stop, the rest being hidden."""
        deps, item = self._deps, self.slots.items[0]
        slot = item.slot_ms or 0
        if slot > self._window_ms or max(slot, deps.clock.now_ms()) > self._last_start_ms:
            return self._defer(slot)
        if self._braked(item, deps.clock.now_ms()) > slot:
            return True
        deps.clock.sleep_until(slot - LEAD_MS)
        if not carrier_pacing.is_counted(self.slots, deps):
            return self._defer(self.slots.items[0].slot_ms or 0)
        if not departures.take_slots(self.slots, deps, self._window_ms):
            return True
        now, slot = deps.clock.now_ms(), item.slot_ms or 0
        self.slots.cover_first(now)
        claim = deps.messages.claim(item.message.id, deps.new_id(), now)
        if not claim.won or claim.message is None:
            return self._not_ours(claim, now)
        message = claim.message
        if self._is_over(item, message, max(now, slot)):
            return True
        try:
            # After the claim: what was said before it is heard.
            self.gate = gate = deps.limits.read_gate(self.recipient, deps.sender, tag=tag_brake.tag_of(message))
        except Unavailable:
            self._put_back(item, message, item.held_by)
            raise
        if gate.opted_out:
            return self._suppress(message)
        if (moved := self._moved(message, item, gate)) is not None:
            return moved
        return self._leave(item, message, gate)

    def _leave(self, item: SlottedMessage, message: Message, gate: Gate) -> bool:
        """Ask the provider for a claimed text at its slot; whether the worker goes on."""
        deps = self._deps
        deps.clock.sleep_until(item.slot_ms or 0)
        if self._is_over(item, message, deps.clock.now_ms()):
            return True
        if not self.slots.holds_place():
            return self._later(item, message, deps.clock.now_ms(), HeldBy.RECIPIENT_LIMIT)
        deps.metrics.count(Metric.QUEUE_AGE, deps.clock.now_ms() - message.ready_ms)
        self._probe_until_ms = 0
        message = replace(message, cap_day=item.cap_day)
        self.slots.note_wait()
        return self._settle(item, send_attempt.request(message, deps, gate), gate)

    def _is_over(self, item: SlottedMessage, claimed: Message, at_ms: int) -> bool:
        """Whether a claimed text may not leave at a moment: it is ended if it is out of date then, or put off."""
        deps, message = self._deps, replace(claimed, cap_day=item.cap_day)
        if at_ms >= message.valid_until_ms(deps.validity_ms):
            self.slots.let_go(item)
            self.batch.close(self.slots.items.pop(0), send_attempt.expire(message, deps, deps.clock.now_ms()))
            return True
        opens_ms = leaves_ms(message, at_ms, deps.quiet_hours)
        if opens_ms == at_ms:
            return False
        from longcode.use_cases import quiet_departures

        quiet_departures.put_off_claimed(self.batch, self.slots, deps, self._queue, message, opens_ms)
        return True

    def _moved(self, message: Message, item: SlottedMessage, gate: Gate) -> bool | None:
        """Put a claimed text back if it may not leave now; whether the worker goes on, None if it may."""
        deps, now, slot = self._deps, self._deps.clock.now_ms(), item.slot_ms or 0
        stopped = send_attempt.stop(gate.control, now, deps.priority)
        own_try = gate.control.breaker_until_ms == self._probe_until_ms
        if stopped and stopped[1] is HeldBy.BREAKER and own_try:
            # That is its own try.
            stopped = None
        elif stopped is None and gate.control.breaker_until_ms is not None:
            # It was opened and has passed since the batch began: the next text tries.
            stopped = now + PROBE_MS, HeldBy.BREAKER, gate.control.breaker_reason
        stopped = stopped or send_attempt.under_review(gate, now) or tag_brakes.held(message, gate, now)
        if stopped:
            self._put_back(item, message, item.held_by)
            return self._defer(self._until(stopped), stopped[1])
        if send_attempt.in_doubt(gate, deps, now):
            self._put_back(item, message, item.held_by)
            return self._defer(now + STORE_RETRY_MS)
        held = carrier_stops.held(gate, self.recipient, now)
        if held and held[0] > slot:
            self.slots.forget_carrier_slots()
            self._later(item, message, held[0], held[1])
            # After its end: at the end itself all recipients of the carrier would leave at one moment.
            return self._defer(held[0] + 1)
        if (due := self._braked(item, now)) > slot:
            self._put_back(item, message, item.held_by)
            return True if due <= self._window_ms else self._defer(due)
        # What a bulk text has noted itself keeps others away.
        away_ms = 0 if gate.not_before_ms == item.until_ms else gate.not_before_ms
        not_before_ms = max(away_ms, message.not_before_ms or 0)
        if not_before_ms <= slot:
            return None
        held_by = HeldBy.PROVIDER_BACKOFF if gate.recipient.troubles else item.held_by
        return self._later(item, message, not_before_ms, held_by)

    def _later(self, item: SlottedMessage, message: Message, not_before_ms: int, held_by: HeldBy) -> bool:
        """Put a claimed text back, and move all slots so that none of them is before then."""
        self.slots.hold_all(held_by)
        self.slots.shift(not_before_ms)
        self._put_back(item, message, item.held_by)
        return True

    def _braked(self, item: SlottedMessage, now: int) -> int:
        """The moment at which a brake of the sender lets a text leave, which takes a turn at it; 0: there is none.

        If it is later than the text's slot, the slots move.
        """
        brake = self.gate.brake(now)
        if brake is None or self._probe_until_ms:
            item.turn = None
            return 0
        due = departures.turn_ms(item, brake, self._deps, now)
        if due > (item.slot_ms or 0):
            self.slots.hold_all(HeldBy.PROVIDER_BACKOFF)
            self.slots.shift(due)
        return due

    def _put_back(self, item: SlottedMessage, message: Message, held_by: HeldBy) -> None:
        """Give back the claim of a text that does not leave now, with its slot."""
        slot = item.slot_ms or 0
        claimed, now = replace(message, cap_day=item.cap_day), self._deps.clock.now_ms()
        self._deps.messages.release(claimed, now, slot_ms=slot, held_by=held_by, turn=item.turn)
        item.message = replace(item.message, slot_ms=slot, held_by=held_by, turn=item.turn, cap_day=item.cap_day)
        item.held_by, item.fresh = held_by, False
        self.slots.let_go(item)

    def _not_ours(self, claim: Claim, now: int) -> bool:
        """A text that was dealt with since it was read, or that another invocation still deals with."""
        deps, message, item = self._deps, claim.message, self.slots.items[0]
        self.slots.release_place(item)
        if item.cap_day and item.cap_day != (message or item.message).cap_day:
            # Who ended it did not know of this count.
            self.slots.uncount(item)
        if message and message.status is Status.SENDING:
            dead_ms = (message.claimed_ms or 0) + CLAIM_MS
            if now < dead_ms:
                return self._defer(dead_ms)
        lost_claims.settle(item.message.id, message, deps, now)
        self.batch.close(self.slots.items.pop(0), message)
        return True

    def _suppress(self, claimed: Message) -> bool:
        """The recipient has opted out: end all that waits for them here."""
        gone = [item for item in self.slots.items if item.message.status.waiting]
        for item in gone:
            message = claimed if item.message.id == claimed.id else item.message
            self.slots.uncount(item)
            self.batch.close(item, send_attempt.suppress(message, self._deps))
            self.slots.items.remove(item)
        if not self.slots.items:
            self.slots.give_back(gone)
        return True

    def _settle(self, item: SlottedMessage, attempt: send_attempt.SendAttempt, gate: Gate) -> bool:
        """After a request: the next one, or all that is left waits."""
        again = attempt.again_ms
        self.slots.settle_place(item, attempt)
        if again is not None:
            self.slots.hold_all(HeldBy.BREAKER if attempt.answer.everyone else HeldBy.PROVIDER_BACKOFF)
            # A turn that was used is gone.
            item.turn = None
            item.carrier_ms = None
            item.message = replace(
                item.message, slot_ms=again, held_by=item.held_by, turn=None, cap_day=item.cap_day
            )
            self.slots.shift(again)
            return self._defer(again)
        carrier_pacing.settle(self.slots, item, attempt)
        self.batch.close(self.slots.items.pop(0), attempt.message, attempt.answer)
        next_ms = pacing.next_departure(attempt.arrival_ms, self._deps.pace.recipient_ms)
        self.slots.shift(max(next_ms, item.until_ms))
        if self.slots.spacing and next_ms > min(item.reserved_ms + self.slots.spacing, gate.recipient.tat_ms or 0):
            self._keep_away(next_ms)
        return True

    def _keep_away(self, next_ms: int) -> None:
        """After a text that came late: at once, as one of the other priority may come at any moment."""
        try:
            self._deps.limits.push(pacing.recipient_key(self.recipient), next_ms)
        except Unavailable:
            # As long as this worker is not done, nothing else of this recipient comes out of its queue.
            self._deps.clock.sleep_until(min(next_ms, self._last_start_ms))
            raise

    def _until(self, stopped: tuple[int, HeldBy, str]) -> int:
        """When to look again whether a stop has ended: not at its end, as an operator may end it sooner."""
        until, held_by, _ = stopped
        return until if held_by in tag_brakes.PAUSES else min(until, self._deps.clock.now_ms() + MOST_HIDDEN_MS)

    def _defer(self, again: int, stop: HeldBy | None = None) -> bool:
        """Keep the slots that were given, and hide all that is left until then."""
        self.slots.keep()
        if self.slots.items[0].held_by is HeldBy.CARRIER_DAY_CAP and not self.slots.limited.known:
            # By then their carrier may be known, and have no such limit.
            again = min(again, self._deps.clock.now_ms() + _UNKNOWN_CARRIER_MS)
        self._hide(again, stop)
        return False

    def _open_envelopes(self) -> list[Envelope]:
        """Those that are still to be dealt with."""
        own = [envelope for item in self.slots.items for envelope in item.envelopes]
        return [*self.batch.envelopes, *own, *self.batch.behind, *self.batch.early]

    def _hide(self, again: int, stop: HeldBy | None = None) -> None:
        """Hide all that is left until then: the whole tail, and no part of it for longer."""
        now, envelopes = self._deps.clock.now_ms(), self._open_envelopes()
        slot = self.slots.items[0].slot_ms if self.slots.items else None
        self.batch.results += put_off(self.slots.items, envelopes, again, stop)
        # A text with a slot waits inside the invocation for the rest of the last second. No other does: one that
        # came back a moment too soon would go round until then, and each time is a receive.
        exact = again in (slot, now)
        delay_s = pacing.visibility_s(again if exact else again + 999, now)
        hide(envelopes, delay_s, self._deps, self._queue)
        self.slots.items = []
        self.batch.clear()
