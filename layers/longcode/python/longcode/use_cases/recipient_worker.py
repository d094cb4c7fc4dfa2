"""One recipient's texts of a batch: which of them leaves when, and what becomes of those that must wait."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from longcode.domain import braking, pacing
from longcode.domain.errors import OPTED_OUT, Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import CLAIM_MS, UNSTORED_MS, Entry, Fault, Message
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import outages, send_attempt
from longcode.use_cases.ports import Claim, Envelope, Queue
from longcode.use_cases.send_attempt import PROBE_MS, SendDependencies

# The claim is written this long before the slot, so that the text leaves at its slot and not after it.
LEAD_MS = 60
# After a store failed: soon, but not at once.
STORE_RETRY_MS = 15_000
# The longest that an open breaker, or a store that is down, hides a text at a time.
MOST_HIDDEN_MS = 600_000
# A queue message received so often is replaced by a fresh one: a thousand receives are the dead letters.
RENEW_AFTER = 300
# So many texts of one line whose queue messages are missing are taken along at a time.
_LINE_MOST = 20
# For a queue message that came before its text: how long it is waited for inside, in steps, and then outside.
_UNSTORED_STEPS_MS = (50, 100, 200)
_UNSTORED_RETRY_MS = 2_000


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one message of a batch. `again_ms` set: it is still to be sent, not before then.

    `envelope` is None for a text that was taken along without a queue message of its own.
    """

    envelope: Envelope | None
    message: Message | None = None
    answer: Answer | None = None
    again_ms: int | None = None

    @property
    def done(self) -> bool:
        """Whether the queue may forget it."""
        return self.again_ms is None


@dataclass(slots=True)
class SlottedMessage:
    """One text's place in a lane: when it may leave, what decided that, and which queue messages wait with it."""

    message: Message
    envelopes: list[Envelope] = field(default_factory=list)
    slot_ms: int | None = None
    # Its turn at a brake, as Message.turn.
    turn: int | None = None
    floor_ms: int = 0
    held_by: HeldBy = HeldBy.RECIPIENT_RATE
    # Whether its slot was reserved for it just now, and nothing says so yet.
    fresh: bool = False
    # The slot as it was reserved, before anything moved it: what stands behind in the queue has its own by that.
    reserved_ms: int = 0


class RecipientWorker:
    """What waits for one recipient of a batch, in the order of acceptance."""

    def __init__(
        self, envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue, last_start_ms: int
    ) -> None:
        self.results: list[Result] = []
        self.recipient = envelopes[0].recipient
        # How things stood when somebody last looked; what it says of a recipient may be about another one.
        self.gate = Gate()
        self._envelopes = list(envelopes)
        # Those whose texts are still to come into the table.
        self._early: list[Envelope] = []
        # Those whose texts are for somebody else than their group says.
        self._strangers: dict[str, list[Envelope]] = {}
        # Those before whose texts too many others are to leave.
        self._behind: list[Envelope] = []
        self._items: list[SlottedMessage] = []
        self._deps = deps
        self._queue = queue
        self._last_start_ms = last_start_ms
        self._window_ms = deps.clock.now_ms() + pacing.SHORT_WAIT_MS
        self._spacing = pacing.spacing(deps.pace.recipient_ms)
        self._planned = False
        self._reservation: pacing.Reservation | None = None
        self._probe_until_ms = 0
        self._next_ms = 0
        self._must_push = False

    # ------------------------------------------------------------------------------------- for the batch

    @property
    def waiting(self) -> bool:
        """Whether there is something to send."""
        return bool(self._items)

    @property
    def first(self) -> SlottedMessage:
        """The one that leaves next."""
        return self._items[0]

    @property
    def fresh(self) -> list[SlottedMessage]:
        """Those that hold no slot yet."""
        return [item for item in self._items if item.slot_ms is None]

    def load(self) -> None:
        """Read what the queue messages name, and what was accepted before it without one. Takes no slot yet."""
        self._guarded(self._load)
        if not self._items:
            self._finish()

    def hand_over(self) -> dict[str, list[Envelope]]:
        """The queue messages of others that were found here, by their recipients: not ours any more."""
        found, self._strangers = self._strangers, {}
        return {
            recipient: [replace(envelope, recipient=recipient) for envelope in envelopes]
            for recipient, envelopes in found.items()
        }

    def recall(self, now: int) -> None:
        """Take up the slots that texts were given before.

        A recipient's own slots only keep a distance, so one that has passed is as good as any. A shared one is
        void once it has passed; so is the moment to which the provider put a text off.
        """
        shared = self._deps.pace.shared
        for item in [] if self._planned else self._items:
            message = item.message
            item.turn = message.turn
            if message.status is Status.SENDING:
                # Not to be sent now, so it needs no slot of anybody's.
                item.slot_ms = now
            elif message.slot_ms is None or (shared and message.held_by is HeldBy.PROVIDER_BACKOFF):
                continue
            elif not shared or message.slot_ms > now - pacing.STALE_SLOT_MS:
                item.slot_ms, item.held_by = message.slot_ms, message.held_by or item.held_by

    def wait(self, stopped: tuple[int, HeldBy, str]) -> None:
        """Sending is stopped for all: look again later, and hold nothing for that time."""
        self._hide(self._until(stopped))

    def give_up(self, exc: Unavailable) -> None:
        """A store is down: nothing may leave that could not be recorded."""
        outages.note(exc, self._deps.metrics, self._deps.logger, message_ids=self._ids)
        self._put_off()

    def _put_off(self) -> None:
        """Hide all that is left for a while, after a fault that is none of its own."""
        now = self._deps.clock.now_ms()
        receives = max((envelope.receives for envelope in self._open_envelopes()), default=1)
        # Ever more rarely: an outage may last as long as the text is valid.
        again = now + min(STORE_RETRY_MS + 1_000 * receives, MOST_HIDDEN_MS)
        if now <= self._last_start_ms:
            self._keep_slots()
        self._hide(again)

    def abandon(self, exc: Unavailable) -> None:
        """Give up before anything was sent."""
        self.give_up(exc)
        self._finish()

    def try_one(self, probe_until_ms: int) -> None:
        """Send one text through an open breaker, by a right that holds until then."""
        self._probe_until_ms = probe_until_ms
        self._guarded(self._work)
        if not self._items:
            self._finish()

    def run(self) -> None:
        """Send what may leave now, hide the rest."""
        self._guarded(self._work)
        self._finish()

    # ------------------------------------------------------------------------------------- the preparation

    def _load(self) -> None:
        found = self._read()
        strangers = self._find_strangers(found)
        others = [envelope for envelopes in strangers.values() for envelope in envelopes]
        for envelope in others:
            found.pop(envelope.message_id or "", None)
        own: dict[str, SlottedMessage] = {}
        spare: list[tuple[Envelope, Message | None]] = []
        for envelope in self._envelopes:
            ident = envelope.message_id or ""
            message = found.get(ident)
            if envelope in self._early or envelope in others:
                continue
            if message is None or not _to_send(message):
                spare.append((envelope, message))
            else:
                own.setdefault(ident, SlottedMessage(message)).envelopes.append(envelope)
        until_ms = max((message.accepted_ms for message in found.values() if message), default=0)
        items = sorted(own.values(), key=lambda item: item.message.accepted_ms)
        if until_ms:
            items = self._with_earlier(items, until_ms)
        self._items = self._drop_expired(items)
        self._settle_spare(spare, found)
        self._envelopes, self._strangers = [], strangers

    def _find_strangers(self, found: dict[str, Message | None]) -> dict[str, list[Envelope]]:
        """What is to be sent to others: whose text it is the table says, not the group in the queue."""
        strangers: dict[str, list[Envelope]] = {}
        for envelope in self._envelopes:
            message = found.get(envelope.message_id or "")
            if message and _to_send(message) and message.recipient != self.recipient:
                strangers.setdefault(message.recipient, []).append(envelope)
        return strangers

    def _read(self) -> dict[str, Message | None]:
        """What the queue messages name. One that came before its text is given a moment."""
        ids = [envelope.message_id or "" for envelope in self._envelopes]
        found = dict(self._deps.messages.read(ids))
        for step_ms in _UNSTORED_STEPS_MS:
            now = self._deps.clock.now_ms()
            self._early = [
                envelope
                for envelope in self._envelopes
                if envelope.message_id not in found and abs(now - envelope.sent_ms) < UNSTORED_MS
            ]
            if not self._early:
                break
            self._deps.clock.sleep_until(now + step_ms)
            found |= self._deps.messages.read([envelope.message_id or "" for envelope in self._early])
        self._early = [envelope for envelope in self._early if envelope.message_id not in found]
        return found

    def _with_earlier(self, items: list[SlottedMessage], until_ms: int) -> list[SlottedMessage]:
        """`places` and those that wait before them in the table, the oldest first.

        Of very many, the first: what stands behind them waits for its next turn in the queue, which comes at once.
        """
        known = {item.message.id for item in items}
        most = _LINE_MOST + len(items)
        line = self._deps.messages.recipient_queue(self.recipient, until_ms=until_ms, at_most=most)
        missing = [text for text in line if text.message_id not in known]
        if len(missing) >= _LINE_MOST:
            missing = missing[:_LINE_MOST]
            last_ms = missing[-1].accepted_ms
            behind = [item for item in items if item.message.accepted_ms > last_ms]
            self._behind = [envelope for item in behind for envelope in item.envelopes]
            items = [item for item in items if item not in behind]
        if not missing:
            return items
        extra = [
            SlottedMessage(message)
            for message in self._deps.messages.get_all([text.message_id for text in missing])
            if message.status.waiting and message.recipient == self.recipient
        ]
        if extra:
            self._deps.logger.info("line.taken_along", message_ids=[item.message.id for item in extra])
        # Of one moment those first that the queue gave, in its order.
        return sorted([*items, *extra], key=lambda item: item.message.accepted_ms)

    def _drop_expired(self, items: list[SlottedMessage]) -> list[SlottedMessage]:
        """End what has waited longer than it was valid: it needs no slot, and whatever stops sending."""
        now, kept = self._deps.clock.now_ms(), []
        for item in items:
            if item.message.status.waiting and now >= item.message.accepted_ms + self._deps.validity_ms:
                self._close(item, _expire(item.message, self._deps, now))
            else:
                kept.append(item)
        return kept

    def _settle_spare(self, spare: Sequence[tuple[Envelope, Message | None]], known: Collection[str]) -> None:
        """Queue messages whose texts were dealt with: they go, or wait with the last text that has to."""
        for envelope, message in spare:
            if envelope.message_id not in known:
                self._deps.metrics.count(Metric.UNKNOWN_ID)
                self._deps.logger.warning(
                    "queue.unknown_id", queue_id=envelope.queue_id, message_id=envelope.message_id
                )
            else:
                self._deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
            if self._items and not any(item.envelopes for item in self._items):
                # Without one nothing would bring those texts here again.
                self._items[-1].envelopes.append(envelope)
            else:
                self.results.append(Result(envelope, message))

    # ------------------------------------------------------------------------------------------- the work

    @property
    def _ids(self) -> list[str | None]:
        return [item.message.id for item in self._items] or [one.message_id for one in self._envelopes]

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do `work`; if it fails, what this recipient has left goes back, and nobody else's does."""
        try:
            work()
        except Unavailable as exc:
            self.give_up(exc)
        except Exception:
            # The one place that must survive anything: the other recipients' results are still to be told.
            self._deps.logger.exception("lane.crashed", message_ids=self._ids)
            self._deps.metrics.count(Metric.CRASHED)
            self._put_off()

    def _finish(self) -> None:
        """Delete what is done: at once, as what is behind it comes to nobody until then."""
        if self._behind or self._early:
            wait_ms = _UNSTORED_RETRY_MS if self._early else 0
            self._hide(self._deps.clock.now_ms() + wait_ms)
        done = [result.envelope for result in self.results if result.done and result.envelope]
        forget(done, self._deps, self._queue)

    def _work(self) -> None:
        if not self._planned:
            self._plan()
        probing = bool(self._probe_until_ms)
        while self._items and self._send_first():
            if probing and not self._probe_until_ms:
                break
        if self._must_push:
            self._must_push = False
            try:
                self._deps.limits.push(pacing.recipient_key(self.recipient), self._next_ms)
            except Unavailable:
                # As long as the lane is not done, nothing else of this recipient comes out of the queue.
                self._deps.clock.sleep_until(min(self._next_ms, self._last_start_ms))
                raise

    def _plan(self) -> None:
        """Give every place its slot: the recipient's limit, the shared floors, the order of the line."""
        self._planned, fresh = True, self.fresh
        deps, now = self._deps, self._deps.clock.now_ms()
        key, first = pacing.recipient_key(self.recipient), now
        if fresh and self._spacing:
            start = max(now, fresh[0].floor_ms)
            self._reservation = deps.limits.reserve(key, len(fresh), self._spacing, start)
            first = self._reservation.first_ms
        for number, item in enumerate(fresh):
            slot = first + number * self._spacing
            if slot >= item.floor_ms:
                item.held_by = HeldBy.RECIPIENT_RATE
            item.slot_ms, item.fresh = max(slot, item.floor_ms), True
            deps.metrics.count(Metric.PACING_WAIT, item.slot_ms - now)
        # A slot is a slot: the first text takes the first, whoever of the line it was reserved for.
        slots = sorted(((item.slot_ms or 0, item.held_by) for item in self._items), key=lambda slot: slot[0])
        for item, (slot_ms, held_by) in zip(self._items, slots, strict=True):
            item.slot_ms, item.held_by = slot_ms, held_by
            item.reserved_ms = slot_ms
        self._shift(now)
        end_ms = (self._items[-1].slot_ms or 0) + self._spacing
        if self._spacing and end_ms > (self._reservation.tat_ms if self._reservation else 0):
            # Slots that were kept from before, and moved since, lie beyond what the limit knows.
            deps.limits.cover(key, end_ms)

    def _shift(self, not_before: int) -> None:
        """Move the slots so that the first is no sooner than `not_before` and the order and distances hold."""
        slots = pacing.line(not_before, self._spacing, [item.slot_ms or 0 for item in self._items])
        for item, slot in zip(self._items, slots, strict=True):
            item.slot_ms = slot

    def _send_first(self) -> bool:
        """Send the first place's message; False when the lane has to stop, the rest being hidden."""
        deps, item = self._deps, self._items[0]
        slot = item.slot_ms or 0
        if slot > self._window_ms or max(slot, deps.clock.now_ms()) > self._last_start_ms:
            return self._defer(slot)
        if self._braked(item, deps.clock.now_ms()) > slot:
            return True
        deps.clock.sleep_until(slot - LEAD_MS)
        now = deps.clock.now_ms()
        claim = deps.messages.claim(item.message.id, deps.new_id(), now)
        if not claim.won or claim.message is None:
            return self._not_ours(claim, now)
        message = claim.message
        if now >= message.accepted_ms + deps.validity_ms:
            self._close(self._items.pop(0), _expire(message, deps, now))
            return True
        try:
            # After the claim: what was said before it is heard.
            self.gate = gate = deps.limits.read_gate(self.recipient, deps.sender)
        except Unavailable:
            self._put_back(item, message, item.held_by)
            raise
        if gate.opted_out:
            return self._suppress(message)
        if (moved := self._moved(message, item, gate)) is not None:
            return moved
        deps.clock.sleep_until(slot)
        deps.metrics.count(Metric.QUEUE_AGE, deps.clock.now_ms() - message.accepted_ms)
        self._probe_until_ms = 0
        return self._settle(item, send_attempt.request(message, deps, gate), gate)

    def _moved(self, message: Message, item: SlottedMessage, gate: Gate) -> bool | None:
        """Put a claimed text back if it may not leave now; whether the lane goes on, None if it may."""
        deps, now, slot = self._deps, self._deps.clock.now_ms(), item.slot_ms or 0
        stopped = send_attempt.stop(gate.control, now)
        own_try = gate.control.breaker_until_ms == self._probe_until_ms
        if stopped and stopped[1] is HeldBy.BREAKER and own_try:
            # That is its own try.
            stopped = None
        elif stopped is None and gate.control.breaker_until_ms is not None:
            # It was opened and has passed since the batch began: whoever comes next tries.
            stopped = now + PROBE_MS, HeldBy.BREAKER, gate.control.breaker_reason
        if stopped:
            self._put_back(item, message, item.held_by)
            return self._defer(self._until(stopped))
        if send_attempt.in_doubt(gate, deps, now):
            self._put_back(item, message, item.held_by)
            return self._defer(now + STORE_RETRY_MS)
        if (due := self._braked(item, now)) > slot:
            self._put_back(item, message, item.held_by)
            return True if due <= self._window_ms else self._defer(due)
        if gate.not_before_ms <= slot:
            return None
        held_by = HeldBy.PROVIDER_BACKOFF if gate.recipient.troubles else item.held_by
        for other in self._items:
            other.held_by = held_by
        self._shift(gate.not_before_ms)
        self._put_back(item, message, held_by)
        return True

    def _braked(self, item: SlottedMessage, now: int) -> int:
        """The moment at which a brake of the sender lets a text leave, which takes a turn at it; 0: there is none.

        If it is later than the text's slot, the slots move.
        """
        brake = self.gate.brake(now)
        if brake is None or self._probe_until_ms:
            item.turn = None
            return 0
        if item.turn is None:
            item.turn = self._deps.limits.take_turn(self._deps.sender, brake, now)
        due = braking.due_ms(brake, item.turn)
        if due > (item.slot_ms or 0):
            for other in self._items:
                other.held_by = HeldBy.PROVIDER_BACKOFF
            self._shift(due)
        return due

    def _put_back(self, item: SlottedMessage, message: Message, held_by: HeldBy) -> None:
        """Give back the claim of a text that does not leave now, with its slot."""
        slot = item.slot_ms or 0
        self._deps.messages.release(
            message, self._deps.clock.now_ms(), slot_ms=slot, held_by=held_by, turn=item.turn
        )
        item.message = replace(item.message, slot_ms=slot, held_by=held_by, turn=item.turn)
        item.held_by, item.fresh = held_by, False

    def _not_ours(self, claim: Claim, now: int) -> bool:
        """A text that was dealt with since it was read, or that another invocation still deals with."""
        deps, message = self._deps, claim.message
        if message and message.status is Status.SENDING:
            dead_ms = (message.claimed_ms or 0) + CLAIM_MS
            if now < dead_ms:
                return self._defer(dead_ms)
            # The invocation that claimed it is gone, and may have sent it.
            fault = Fault("claim_lost", "The invocation that was sending this text ended without a word.")
            deps.messages.ambiguous(message, fault, now)
        elif message and message.status.waiting:
            entry = Entry(now, Status.CANCELLED.value, "consumer", note="The recipient's texts were erased.")
            deps.messages.end(message, Status.CANCELLED, entry, now)
        elif message:
            deps.metrics.count(Metric.DUPLICATES_SUPPRESSED)
            deps.logger.info("queue.redelivered", message_id=message.id, status=message.status.value)
        else:
            deps.metrics.count(Metric.UNKNOWN_ID)
        self._close(self._items.pop(0), message)
        return True

    def _suppress(self, claimed: Message) -> bool:
        """The recipient has opted out: end all that waits for them here."""
        gone = [item for item in self._items if item.message.status.waiting]
        for item in gone:
            message = claimed if item.message.id == claimed.id else item.message
            self._close(item, _suppress(message, self._deps))
            self._items.remove(item)
        if not self._items:
            self._give_back(gone)
        return True

    def _settle(self, item: SlottedMessage, attempt: send_attempt.SendAttempt, gate: Gate) -> bool:
        """After a request: the next one, or all that is left waits."""
        again = attempt.again_ms
        if again is not None:
            for other in self._items:
                other.held_by = HeldBy.BREAKER if attempt.answer.everyone else HeldBy.PROVIDER_BACKOFF
            # A turn that was used is gone.
            item.turn = None
            item.message = replace(item.message, slot_ms=again, held_by=item.held_by, turn=None)
            self._shift(again)
            return self._defer(again)
        self._close(self._items.pop(0), attempt.message, attempt.answer)
        self._next_ms = pacing.next_departure(attempt.arrival_ms, self._deps.pace.recipient_ms)
        late = self._next_ms > min(item.reserved_ms + self._spacing, gate.recipient.tat_ms or 0)
        self._must_push = bool(self._spacing) and late
        self._shift(self._next_ms)
        return True

    # ---------------------------------------------------------------------------------------- the leaving

    def _close(self, item: SlottedMessage, message: Message | None, answer: Answer | None = None) -> None:
        """A text is dealt with, and its queue messages with it."""
        self.results.append(Result(next(iter(item.envelopes), None), message, answer))
        self.results += [Result(envelope, message) for envelope in item.envelopes[1:]]

    def _until(self, stopped: tuple[int, HeldBy, str]) -> int:
        """When to look again whether a stop has ended: not at its end, as an operator may end it sooner."""
        until, held_by, _ = stopped
        return until if held_by is HeldBy.PAUSED else min(until, self._deps.clock.now_ms() + MOST_HIDDEN_MS)

    def _defer(self, again: int) -> bool:
        """Keep the slots that were given, and hide all that is left until then."""
        self._keep_slots()
        self._hide(again)
        return False

    def _keep_slots(self) -> None:
        """Note each slot on its text; where that can't be done, give back what nobody has built on."""
        try:
            for item in self._items:
                message, slot = item.message, item.slot_ms
                if slot is None or message.status is Status.SENDING:
                    continue
                if (message.slot_ms, message.held_by, message.turn) != (slot, item.held_by, item.turn):
                    self._deps.messages.hold(message.id, slot, item.held_by, item.turn)
                item.fresh = False
        except Unavailable as exc:
            outages.note(exc, self._deps.metrics, self._deps.logger, message_ids=self._ids)
            self._give_back(self._items)

    def _give_back(self, items: Sequence[SlottedMessage]) -> None:
        """Free the slots of `places` that were reserved just now and that nothing else remembers."""
        unused = sum(item.fresh for item in items)
        if self._reservation is None or not unused:
            return
        try:
            self._deps.limits.give_back(
                pacing.recipient_key(self.recipient), self._reservation, unused, self._spacing
            )
        except Unavailable as exc:
            outages.note(exc, self._deps.metrics, self._deps.logger)

    def _open_envelopes(self) -> list[Envelope]:
        """Those that are still to be dealt with."""
        own = [envelope for item in self._items for envelope in item.envelopes]
        return [*self._envelopes, *own, *self._behind, *self._early]

    def _hide(self, again: int) -> None:
        """Hide all that is left until then: the whole tail, and no part of it for longer."""
        now = self._deps.clock.now_ms()
        envelopes = self._open_envelopes()
        slot = self._items[0].slot_ms if self._items else None
        self.results += [Result(envelope, again_ms=again) for envelope in envelopes]
        # Who has a slot waits inside the invocation for the rest of the last second. Nobody else does: a text
        # that came back a moment too soon would go round until then, and each time is a receive.
        exact = again in (slot, now)
        delay_s = pacing.visibility_s(again if exact else again + 999, now)
        hide(envelopes, delay_s, self._deps, self._queue)
        self._envelopes, self._items, self._behind, self._early = [], [], [], []


def _to_send(message: Message) -> bool:
    """Whether it is still to be sent, or is just being sent."""
    return message.status.waiting or message.status is Status.SENDING


def forget(envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue) -> None:
    """Delete queue messages; if that fails, they come once more and find their texts dealt with."""
    try:
        if envelopes:
            queue.delete(envelopes)
    except Unavailable as exc:
        ids = [envelope.message_id for envelope in envelopes]
        outages.note(exc, deps.metrics, deps.logger, message_ids=ids)


def hide(envelopes: Sequence[Envelope], delay_s: int, deps: SendDependencies, queue: Queue) -> None:
    """Hide queue messages for so long; if that fails, they come back when the queue's own timeout ends.

    A fresh one takes the place of one that was received often: waiting must not end among the dead letters,
    however long it takes.
    """
    # One without a group can't be put in again: which is its own the table knows, once it is asked.
    worn = [envelope for envelope in envelopes if envelope.receives >= RENEW_AFTER and envelope.recipient]
    rest = [envelope for envelope in envelopes if envelope not in worn]
    try:
        if rest:
            queue.hide(rest, [delay_s] * len(rest))
        if worn:
            queue.renew(worn)
    except Unavailable as exc:
        ids = [envelope.message_id for envelope in envelopes]
        outages.note(exc, deps.metrics, deps.logger, message_ids=ids)


def _suppress(message: Message, deps: SendDependencies) -> Message:
    """End a text whose recipient has opted out since it was accepted."""
    now = deps.clock.now_ms()
    fault = Fault("recipient_opted_out", OPTED_OUT)
    entry = Entry(now, Status.SUPPRESSED.value, "consumer", faults=(fault,))
    if deps.messages.end(message, Status.SUPPRESSED, entry, now):
        deps.logger.info("send.suppressed", message_id=message.id)
    return replace(message, status=Status.SUPPRESSED, faults=(fault,))


def _expire(message: Message, deps: SendDependencies, now: int) -> Message:
    """End a text that has waited longer than it was valid."""
    fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
    entry = Entry(now, Status.EXPIRED_UNSENT.value, "consumer", faults=(fault,))
    deps.messages.end(message, Status.EXPIRED_UNSENT, entry, now)
    deps.logger.info("send.expired", message_id=message.id)
    return replace(message, status=Status.EXPIRED_UNSENT, faults=(fault,))
