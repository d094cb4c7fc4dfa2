"""Sending: one claim, one request, one recorded outcome; and the recipient's line that it happens in.

A text is claimed before the request leaves. What then goes wrong is either proven not sent (it goes back into
its place in the line), or known, or `unknown`: never sent a second time to find out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from longcode import consent, pacing, telnyx
from longcode.errors import OPTED_OUT, IdempotencyInProgress, RecipientOptedOut, SendRefused, Unavailable
from longcode.guard import Guard
from longcode.message import CLAIM_MS, Entry, Fault, HeldBy, Message, Status, same_request
from longcode.metrics import Metric
from longcode.pacing import Pace
from longcode.ports import (
    Answer,
    Carrier,
    Clock,
    Control,
    Envelope,
    Journal,
    Limits,
    Messages,
    Meter,
    OptOutChange,
    OptOuts,
    Outbox,
    Parallel,
    Verdict,
)

MAX_ATTEMPTS = 5
# Kept free at the end of an invocation: one send at its slowest (connect 3 s, read 10 s) and its record.
SEND_BUDGET_MS = 16_000
# The claim is written this long before the slot, so that the text leaves at its slot and not after it.
LEAD_MS = 60
# After a store failed: soon, but not at once.
STORE_RETRY_MS = 15_000

# The longest that an open breaker hides a text at a time.
MOST_HIDDEN_MS = 600_000
# How long a queue message that only a later release can read is left to it. A deploy takes minutes.
NEWER_MS = 60_000
# How long one invocation has for its try through an open breaker before another may.
PROBE_MS = 15_000


@dataclass(frozen=True, slots=True)
class Desk:
    """All that sending needs, in one hand."""

    messages: Messages
    limits: Limits
    optouts: OptOuts
    carrier: Carrier
    clock: Clock
    meter: Meter
    journal: Journal
    pace: Pace
    latency: pacing.Latency
    sender: str
    validity_ms: int
    new_id: Callable[[], str]
    jitter: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one message of a batch. `again_ms` set: it is still to be sent, not before then."""

    envelope: Envelope
    message: Message | None = None
    answer: Answer | None = None
    again_ms: int | None = None
    held_by: HeldBy | None = None

    @property
    def done(self) -> bool:
        """Whether the queue may forget it."""
        return self.again_ms is None


# ------------------------------------------------------------------------------------------ one text


def send_now(message: Message, desk: Desk, guard: Guard) -> tuple[Message, Answer | None]:
    """Store `message` and send it at once. The answer is None where an earlier request already did.

    Raises DestinationNotAllowed, RecipientOptedOut or DailyLimitReached (nothing stored), SendRefused,
    IdempotencyMismatch, IdempotencyInProgress or Unavailable.
    """
    desk.carrier.prepare()
    now = desk.clock.now_ms()
    existing = desk.messages.get(message.id)
    if existing and not existing.safe_to_retry:
        return _replayed(same_request(existing, message), desk)
    guard.check(message.recipient)
    road = desk.limits.look(message.recipient, message.sender)
    control = road.control
    stop = _stop(control, now)
    if road.opted_out:
        raise RecipientOptedOut(OPTED_OUT)
    if stop:
        until, held_by, reason = stop
        raise SendRefused(
            f"Sending is stopped: {reason}.",
            code=held_by.value if held_by is HeldBy.PAUSED else "sending_stopped",
            status_code=503,
            message_id=message.id,
            retry_after_s=pacing.seconds_up(until - now),
        )
    message = replace(message, status=Status.SENDING, claim_id=desk.new_id(), claimed_ms=now, attempts=1)
    existing = guard.admit(message, lambda: _take_over(message, desk, now), before=existing)
    if existing:
        return _replayed(same_request(existing, message), desk)
    try:
        trip = _request(message, desk, now_or_never=True)
    except Unavailable as exc:
        # The request has left. "Try again" would now be leave for a second text.
        desk.journal.error("store.unavailable", what=exc.what, message_id=message.id)
        raise _unknown(message) from exc
    if desk.pace.recipient_ms:
        next_ms = pacing.next_departure(trip.arrival_ms, desk.pace.recipient_ms)
        _note(message, desk, lambda: desk.limits.push(pacing.recipient_key(message.recipient), next_ms))
    if trip.answer.verdict is Verdict.ACCEPTED:
        if control.breaker_until_ms is not None:
            _note(message, desk, desk.limits.close_breaker)
        return trip.message, trip.answer
    raise _refusal(trip.message, trip.answer)


def _take_over(message: Message, desk: Desk, now: int) -> Message | None:
    """Move the recipient's line and store a claimed message, as _accept does.

    The line comes first: a claimed text that can't be sent now would be sent by the sweeper, after the caller was
    told that it was not.
    """
    if desk.pace.recipient_ms:
        key = pacing.recipient_key(message.recipient)
        interval = pacing.spacing(desk.pace.recipient_ms)
        desk.limits.reserve(key, 1, interval, now)
        # This text does not wait for its own slot, so whoever comes next must keep a distance from now.
        desk.limits.push(key, desk.clock.now_ms() + interval)
    return _accept(message, desk)


def _accept(message: Message, desk: Desk) -> Message | None:
    """Store a claimed message, as Messages.accept does; sure of it also where the answer to the write was lost.

    Raises Unavailable if nothing was stored, SendRefused if even that can't be known: what is stored would be
    sent in the end, so the caller must not be told to try again.
    """
    try:
        return desk.messages.accept(message)
    except Unavailable:
        try:
            there = desk.messages.get(message.id)
        except Unavailable as exc:
            raise _unknown(message) from exc
        if there is None:
            raise
        return None if there.claim_id == message.claim_id else there


def _replayed(existing: Message, desk: Desk) -> tuple[Message, None]:
    """The answer to a request that was already made under this id."""
    desk.meter.count(Metric.DUPLICATES_SUPPRESSED)
    if existing.status is Status.SENDING:
        raise IdempotencyInProgress("The first request with this Idempotency-Key is still under way.")
    if existing.status is Status.UNKNOWN:
        raise _unknown(existing)
    if existing.status in (Status.FAILED, Status.SUPPRESSED):
        fault = existing.faults[0] if existing.faults else Fault("failed", "The text was not sent.")
        opted_out = fault.code == telnyx.OPTED_OUT
        raise _refusal(existing, Answer(Verdict.PERMANENT, fault, fault.http_status, opted_out=opted_out))
    return existing, None


@dataclass(frozen=True, slots=True)
class _Trip:
    """One request: its answer, the message after it, and the latest moment it can have reached the carrier."""

    answer: Answer
    message: Message
    arrival_ms: int


def _request(message: Message, desk: Desk, *, now_or_never: bool = False) -> _Trip:
    """Ask the carrier for a claimed message and record what came of it, if that is final.

    With `now_or_never` anything but a yes or an unknown ends the message; otherwise what was not sent
    is left claimed, for the caller to put back.
    """
    left = desk.clock.now_ms()
    answer = desk.carrier.send(message)
    now = desk.clock.now_ms()
    arrival = desk.latency.arrival_ms(left, now, answered=answer.http_status is not None)
    desk.meter.count(Metric.CARRIER_LATENCY, now - left)
    fault = answer.fault or Fault("", "")
    if answer.verdict is Verdict.ACCEPTED:
        desk.messages.submitted(message, answer, now)
        desk.journal.info("send.accepted", message_id=message.id, telnyx_id=answer.telnyx_id)
        return _Trip(answer, replace(message, status=answer.status, telnyx_id=answer.telnyx_id), arrival)
    desk.journal.warning(
        "send.refused",
        message_id=message.id,
        verdict=answer.verdict.value,
        code=fault.code,
        title=fault.title,
    )
    if answer.verdict is Verdict.AMBIGUOUS:
        desk.messages.ambiguous(message, fault, now)
        return _Trip(answer, replace(message, status=Status.UNKNOWN), arrival)
    if answer.verdict is Verdict.CONFIGURATION:
        _note(message, desk, lambda: _open_breaker(message, answer, desk, now))
    if answer.verdict is Verdict.BACK_OFF:
        desk.meter.count(Metric.RATE_LIMITED)
        wait = answer.wait_ms or 0
        _note(message, desk, lambda: desk.limits.push(pacing.sender_key(message.sender), now + wait))
    if answer.opted_out:
        # As the carrier knew it when it was asked: a START may have come since.
        change = OptOutChange(left, True, "block", fault.title)
        _note(message, desk, lambda: consent.heed(desk.optouts, message.recipient, change, now))
    if answer.ours:
        desk.journal.error("send.rejected_as_malformed", message_id=message.id, code=fault.code)
    if answer.verdict is Verdict.PERMANENT or now_or_never:
        _fail(message, desk, fault, now, safe_to_retry=answer.verdict is not Verdict.PERMANENT)
        return _Trip(answer, replace(message, status=Status.FAILED, faults=(fault,)), arrival)
    return _Trip(answer, message, arrival)


def _note(message: Message, desk: Desk, write: Callable[[], object]) -> None:
    """Write down what holds for other texts too. If that fails, the next answer of the carrier says it again;
    what must not be lost for it is the record of this text, which comes after.
    """
    try:
        write()
    except Unavailable as exc:
        desk.journal.error("store.unavailable", what=exc.what, message_id=message.id)


def _fail(message: Message, desk: Desk, fault: Fault, now: int, *, safe_to_retry: bool = False) -> None:
    entry = Entry(now, Status.FAILED.value, "api" if message.route == "send" else "consumer", faults=(fault,))
    desk.messages.end(message, Status.FAILED, entry, now, safe_to_retry=safe_to_retry)


def _refusal(message: Message, answer: Answer) -> SendRefused:
    """The one error that tells the caller of a send why it did not go."""
    fault = answer.fault or Fault("", "")
    carrier = {"code": fault.code, "title": fault.title, "detail": fault.detail}
    if answer.verdict is Verdict.AMBIGUOUS:
        return _unknown(message)
    if answer.http_status == 401:
        return SendRefused(
            "The carrier refuses our API key. Check TelnyxApiKey.",
            code="carrier_unauthorized", status_code=401, message_id=message.id, carrier=carrier,
        )  # fmt: skip
    if answer.verdict is Verdict.BACK_OFF:
        wait = pacing.seconds_up(answer.wait_ms or 1000)
        return SendRefused(
            "The carrier asks us to slow down. Nothing was sent; try again later.",
            code="carrier_rate_limited", status_code=429, message_id=message.id, carrier=carrier,
            retry_after_s=wait,
        )  # fmt: skip
    if answer.verdict in (Verdict.NOT_SENT, Verdict.CONFIGURATION):
        reached = answer.verdict is Verdict.CONFIGURATION
        return SendRefused(
            "The carrier can't send for us at the moment. Nothing was sent; it is safe to try again."
            if reached
            else "The carrier could not be reached. Nothing was sent; it is safe to try again.",
            code="carrier_not_configured" if reached else "carrier_unreachable",
            status_code=503, message_id=message.id, retry_after_s=60 if reached else 5, carrier=carrier,
        )  # fmt: skip
    if answer.opted_out:
        return SendRefused(
            OPTED_OUT,
            code="recipient_opted_out", status_code=403, message_id=message.id, carrier=carrier,
        )  # fmt: skip
    status = answer.http_status if answer.http_status and 400 <= answer.http_status < 500 else 422
    return SendRefused(
        f"The carrier refuses this text: {fault.title}",
        code="carrier_refused", status_code=status, message_id=message.id, carrier=carrier,
    )  # fmt: skip


def _unknown(message: Message) -> SendRefused:
    return SendRefused(
        "The carrier did not say whether it took this text. It will not be sent twice: "
        "follow /sms/status, or repeat the request with the same Idempotency-Key.",
        code="outcome_unknown",
        status_code=504,
        message_id=message.id,
    )


# ---------------------------------------------------------------------------------------- the brakes


def _stop(control: Control, now: int) -> tuple[int, HeldBy, str] | None:
    """Until when, by what and why all sending is stopped; None if it is not.

    A breaker whose time has passed is not a stop: `_probe` decides who tries first.
    """
    if control.paused_since_ms is not None:
        look = pacing.recheck_ms(control.paused_since_ms, now)
        return now + look, HeldBy.PAUSED, control.pause_reason or "paused by the operator"
    if control.breaker_until_ms is not None and control.breaker_until_ms > now:
        return control.breaker_until_ms, HeldBy.BREAKER, control.breaker_reason
    return None


def _open_breaker(message: Message, answer: Answer, desk: Desk, now: int) -> None:
    fault = answer.fault or Fault("", "")
    until = pacing.next_utc_midnight_ms(now) if answer.until_utc_midnight else _breaker_until(desk, now)
    desk.limits.open_breaker(now, until, f"{fault.code} {fault.title}".strip())
    desk.meter.count(Metric.BREAKER_OPENED)
    desk.journal.error("breaker.opened", message_id=message.id, code=fault.code, title=fault.title)


def _breaker_until(desk: Desk, now: int) -> int:
    since = desk.limits.look("", "").control.breaker_since_ms or now
    return now + pacing.breaker_ms(since, now)


# ------------------------------------------------------------------------------------------- a batch


def send_batch(
    envelopes: Sequence[Envelope], desk: Desk, outbox: Outbox, deadline_ms: int, parallel: Parallel
) -> list[Result]:
    """Send each message of a batch when its slot comes, one worker a recipient, in order within it.

    What can't leave within a short wait or before `deadline_ms` is hidden in the queue until it may, together
    with all that stands behind it; its result has `again_ms`.
    """
    results: list[Result] = []
    lines: dict[str, list[Envelope]] = {}
    for_later = _for_later(envelopes)
    if for_later:
        results += _leave(for_later, desk, outbox)
    for envelope in envelopes:
        if envelope in for_later:
            continue
        if envelope.message_id is None:
            # Nothing can ever become of it, and as the head of its group it would block all behind it.
            desk.meter.count(Metric.UNREADABLE)
            desk.journal.error("queue.unreadable", queue_id=envelope.queue_id)
            results.append(Result(envelope))
            outbox.done([envelope])
        else:
            lines.setdefault(envelope.recipient, []).append(envelope)
    lanes = [_Lane(line, desk, outbox, deadline_ms - SEND_BUDGET_MS) for line in lines.values()]
    try:
        desk.carrier.prepare()
        _reserve_shared(lanes, desk)
    except Unavailable as exc:
        for lane in lanes:
            lane.give_up(exc)
    else:
        parallel([lane.run for lane in lanes])
    return results + [result for lane in lanes for result in lane.results]


def _for_later(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """What only a later release can read, and all that stands behind it in its line."""
    found: list[Envelope] = []
    lines: set[str] = set()
    for envelope in envelopes:
        if envelope.newer or envelope.recipient in lines:
            lines.add(envelope.recipient)
            found.append(envelope)
    return found


def _leave(envelopes: Sequence[Envelope], desk: Desk, outbox: Outbox) -> list[Result]:
    """Put back what a release that is on its way, or that we went back from, wrote: it is somebody's text."""
    for envelope in envelopes:
        if envelope.newer:
            desk.meter.count(Metric.NEWER_VERSION)
            desk.journal.error("queue.newer_version", queue_id=envelope.queue_id)
    again = desk.clock.now_ms() + NEWER_MS
    try:
        outbox.defer(envelopes, [NEWER_MS // 1000] * len(envelopes))
    except Unavailable as exc:
        # They come back when the queue's own timeout ends.
        desk.journal.error("store.unavailable", what=exc.what)
    return [Result(envelope, again_ms=again) for envelope in envelopes]


@dataclass(slots=True)
class _Place:
    """One message's place in a lane: when it may leave, and what decided that."""

    envelope: Envelope
    slot_ms: int | None = None
    floor_ms: int = 0
    held_by: HeldBy = HeldBy.RECIPIENT_RATE
    # The slot as it was reserved, before anything moved it: what stands behind in the queue has its own by that.
    reserved_ms: int = 0


def _reserve_shared(lanes: Sequence["_Lane"], desk: Desk) -> None:
    """One reservation a shared limit for the whole batch, dealt out so that no recipient has all first slots."""
    now, floor_ms = desk.clock.now_ms(), 0
    pace = desk.pace
    # One read tells on which side of now each limiter is, and whether the carrier asked for a pause, which voids
    # the slots before its end.
    road = desk.limits.look(lanes[0].recipient, desk.sender) if lanes and pace.shared else None
    if road:
        floor_ms = road.shared_not_before_ms
    for lane in lanes:
        lane.recall(now, floor_ms)
    fresh = [lane.fresh for lane in lanes]
    dealt = [
        places[row] for row in range(max(map(len, fresh), default=0)) for places in fresh if row < len(places)
    ]
    if not dealt or not road:
        return
    start = max(now, floor_ms)
    for key, limit, interval, held_by in (
        (pacing.sender_key(desk.sender), road.sender, pace.sender_ms, HeldBy.SENDER_RATE),
        (pacing.ACCOUNT_KEY, road.account, pace.account_ms, HeldBy.ACCOUNT_RATE),
    ):
        if not interval:
            continue
        ahead = (limit.tat_ms or 0) > start
        first = desk.limits.reserve(key, len(dealt), interval, start, ahead=ahead).first_ms
        for number, place in enumerate(dealt):
            floor = first + number * interval
            if floor > place.floor_ms:
                place.floor_ms = floor
                if floor > now:
                    place.held_by = held_by


class _Lane:
    """The messages of one recipient in a batch."""

    def __init__(self, envelopes: Sequence[Envelope], desk: Desk, outbox: Outbox, last_start_ms: int) -> None:
        self.results: list[Result] = []
        self._places = [_Place(envelope) for envelope in envelopes]
        self._desk = desk
        self._outbox = outbox
        self._last_start_ms = last_start_ms
        self._window_ms = desk.clock.now_ms() + pacing.SHORT_WAIT_MS
        self.recipient = envelopes[0].recipient
        self._spacing = pacing.spacing(desk.pace.recipient_ms)
        self._next_ms = 0
        self._must_push = False

    @property
    def _ids(self) -> list[str | None]:
        return [place.envelope.message_id for place in self._places]

    @property
    def fresh(self) -> list[_Place]:
        """Those that hold no slot yet."""
        return [place for place in self._places if place.slot_ms is None]

    def recall(self, now: int, void_ms: int) -> None:
        """Take up the slots that redelivered messages were given before, and let go of those dealt with.

        A slot up to `void_ms` does not count any more, nor does the moment to which the carrier put a text off.
        """
        self._guarded(lambda: self._recall(now, void_ms))

    def _recall(self, now: int, void_ms: int) -> None:
        shared = self._desk.pace.shared
        for place in list(self._places):
            if place.envelope.receives == 1 or not place.envelope.message_id:
                continue
            message = self._desk.messages.get(place.envelope.message_id)
            if message is None or message.status is Status.SENDING:
                # Not to be sent now, so it needs no slot of anybody's.
                place.slot_ms = now
            elif not message.status.waiting:
                self._desk.meter.count(Metric.DUPLICATES_SUPPRESSED)
                self.results.append(Result(place.envelope, message))
                self._places.remove(place)
            elif shared and message.held_by is HeldBy.CARRIER_BACKOFF:
                continue
            elif message.slot_ms is not None and message.slot_ms > max(now - pacing.STALE_SLOT_MS, void_ms):
                place.slot_ms, place.held_by = message.slot_ms, message.held_by or place.held_by

    def give_up(self, exc: Unavailable) -> None:
        """A store is down: nothing may leave that could not be recorded."""
        self._desk.journal.error("store.unavailable", what=exc.what, message_ids=self._ids)
        again = self._desk.clock.now_ms() + STORE_RETRY_MS
        self._defer([again] * len(self._places), keep_slots=False)

    def run(self) -> None:
        """Send what may leave now, hide the rest."""
        self._guarded(self._work)
        # At once, and not with the batch's answer: until then nobody else gets what stands behind.
        self._guarded(lambda: self._outbox.done([result.envelope for result in self.results if result.done]))

    def _work(self) -> None:
        self._plan()
        while self._places and self._send_first():
            pass
        if self._must_push:
            self._desk.limits.push(pacing.recipient_key(self.recipient), self._next_ms)

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do `work`; if it fails, what this recipient has left goes back, and nobody else's does."""
        try:
            work()
        except Unavailable as exc:
            self.give_up(exc)
        except Exception:
            # The one place that must survive anything: the other recipients' results are still to be told.
            self._desk.journal.exception("lane.crashed", message_ids=self._ids)
            self._desk.meter.count(Metric.CRASHED)
            self.give_up(Unavailable("A worker"))

    def _plan(self) -> None:
        """Give every place its slot: the recipient's limit, the shared floors, the order of the line."""
        fresh = self.fresh
        now = self._desk.clock.now_ms()
        first = now
        if fresh and self._spacing:
            first = self._desk.limits.reserve(
                pacing.recipient_key(self.recipient), len(fresh), self._spacing, max(now, fresh[0].floor_ms)
            ).first_ms
        for number, place in enumerate(fresh):
            slot = first + number * self._spacing
            if slot >= place.floor_ms:
                place.held_by = HeldBy.RECIPIENT_RATE
            place.slot_ms = max(slot, place.floor_ms)
            self._desk.meter.count(Metric.PACING_WAIT, place.slot_ms - now)
        for place in self._places:
            place.reserved_ms = place.slot_ms or 0
        self._shift(0)

    def _shift(self, not_before: int) -> None:
        """Move the slots so that the first is no sooner than `not_before` and the order and distances hold."""
        slots = pacing.line(not_before, self._spacing, [place.slot_ms or 0 for place in self._places])
        for place, slot in zip(self._places, slots, strict=True):
            place.slot_ms = slot

    def _send_first(self) -> bool:
        """Send the first place's message; False when the lane has to stop, the rest being hidden."""
        desk, place = self._desk, self._places[0]
        slot = place.slot_ms or 0
        if slot > self._window_ms or max(slot, desk.clock.now_ms()) > self._last_start_ms:
            return self._defer([place.slot_ms or 0 for place in self._places])
        desk.clock.sleep_until(slot - LEAD_MS)
        road = desk.limits.look(self.recipient, desk.sender)
        now = desk.clock.now_ms()
        stop = _stop(road.control, now)
        probing = stop is None and road.control.breaker_until_ms is not None
        if probing and not desk.limits.probe(now, now + PROBE_MS):
            stop = (now + PROBE_MS, HeldBy.BREAKER, road.control.breaker_reason)
        if stop:
            # Not until a breaker's end, even where that is known: an operator may close it sooner.
            paused = stop[1] is HeldBy.PAUSED
            again = stop[0] if paused else min(stop[0], now + MOST_HIDDEN_MS)
            return self._defer([again] * len(self._places), keep_slots=False)
        if road.not_before_ms > slot:
            if road.shared_not_before_ms > slot and desk.pace.shared:
                # Every recipient's slot lies before it: leaving all at that moment would break the very limit
                # that the carrier asks for, so each takes a new slot then.
                return self._defer([road.shared_not_before_ms] * len(self._places), keep_slots=False)
            if road.shared_not_before_ms > slot:
                for other in self._places:
                    other.held_by = HeldBy.CARRIER_BACKOFF
            self._shift(road.not_before_ms)
            return True
        if road.opted_out:
            self.results.append(_suppress(place.envelope, desk))
            self._places.pop(0)
            return True
        result, arrival = _attempt(place.envelope, slot, desk)
        if probing and result.answer and result.answer.verdict is not Verdict.CONFIGURATION:
            desk.limits.close_breaker()
        if result.again_ms is not None:
            self._shift(result.again_ms)
            for other in self._places:
                other.held_by = result.held_by or other.held_by
            slots = [other.slot_ms or 0 for other in self._places]
            return self._defer(slots, keep_slots=result.answer is not None)
        self.results.append(result)
        self._places.pop(0)
        if arrival is not None:
            self._next_ms = pacing.next_departure(arrival, desk.pace.recipient_ms)
            late = self._next_ms > min(place.reserved_ms + self._spacing, road.recipient.tat_ms or 0)
            self._must_push = bool(self._spacing) and late
            self._shift(self._next_ms)
        return True

    def _defer(self, slots: list[int], *, keep_slots: bool = True) -> bool:
        """Hide all that is left until the first may leave: the whole tail, and no part of it for longer.

        As long as one message of a group is hidden, SQS may keep back those before it too.
        """
        if not self._places:
            return False
        now = self._desk.clock.now_ms()
        envelopes = [place.envelope for place in self._places]
        for place, slot in zip(self._places, slots, strict=True):
            self.results.append(Result(place.envelope, again_ms=slot))
        try:
            if keep_slots:
                for place, slot in zip(self._places, slots, strict=True):
                    if place.envelope.message_id:
                        self._desk.messages.hold(place.envelope.message_id, slot, place.held_by)
            # Who has a slot waits inside the invocation for the rest of the last second. Nobody else does: a text
            # that came back a moment too soon would go round until then, and each time is a receive.
            rest_ms = 0 if keep_slots else 999
            delay_s = pacing.visibility_s(slots[0] + rest_ms, now)
            self._outbox.defer(envelopes, [delay_s] * len(envelopes))
        except Unavailable as exc:
            # They come back when the queue's own timeout ends, in order all the same.
            self._desk.journal.error("store.unavailable", what=exc.what, message_ids=self._ids)
        self._places = []
        return False


def _attempt(envelope: Envelope, slot: int, desk: Desk) -> tuple[Result, int | None]:
    """Claim a message, send it at its slot and settle what came of it; and when it can have arrived."""
    now = desk.clock.now_ms()
    claim = desk.messages.claim(envelope.message_id or "", desk.new_id(), now)
    message = claim.message
    if message is None:
        desk.meter.count(Metric.UNKNOWN_ID)
        desk.journal.error("queue.unknown_id", queue_id=envelope.queue_id, message_id=envelope.message_id)
        return Result(envelope), None
    if not claim.won:
        return _redelivered(envelope, message, desk, now), None
    if now >= message.accepted_ms + desk.validity_ms:
        return Result(envelope, _expire(message, desk, now)), None
    desk.clock.sleep_until(slot)
    desk.meter.count(Metric.QUEUE_AGE, desk.clock.now_ms() - message.accepted_ms)
    trip = _request(message, desk)
    if trip.answer.verdict not in (Verdict.NOT_SENT, Verdict.BACK_OFF, Verdict.CONFIGURATION):
        return Result(envelope, trip.message, trip.answer), trip.arrival_ms
    return _put_back(envelope, trip, desk), None


def _suppress(envelope: Envelope, desk: Desk) -> Result:
    """End a text whose recipient has opted out since it was accepted."""
    now = desk.clock.now_ms()
    message = desk.messages.get(envelope.message_id or "")
    if message and message.status.waiting:
        fault = Fault("recipient_opted_out", OPTED_OUT)
        entry = Entry(now, Status.SUPPRESSED.value, "consumer", faults=(fault,))
        if desk.messages.end(message, Status.SUPPRESSED, entry, now):
            desk.journal.info("send.suppressed", message_id=message.id)
    return Result(envelope, message)


def _expire(message: Message, desk: Desk, now: int) -> Message:
    """End a claimed text that has waited longer than it was valid."""
    fault = Fault("expired_unsent", "The text waited longer than it was valid, and was not sent.")
    entry = Entry(now, Status.EXPIRED_UNSENT.value, "consumer", faults=(fault,))
    desk.messages.end(message, Status.EXPIRED_UNSENT, entry, now)
    desk.journal.info("send.expired", message_id=message.id)
    return replace(message, status=Status.EXPIRED_UNSENT, faults=(fault,))


def _redelivered(envelope: Envelope, message: Message, desk: Desk, now: int) -> Result:
    """A queue message whose text is not waiting: it was dealt with, or another invocation still deals with it."""
    if message.status is Status.SENDING:
        dead_ms = (message.claimed_ms or 0) + CLAIM_MS
        if now < dead_ms:
            return Result(envelope, message, again_ms=dead_ms)
        # The invocation that claimed it is gone, and may have sent it.
        fault = Fault("claim_lost", "The invocation that was sending this text ended without a word.")
        desk.messages.ambiguous(message, fault, now)
    else:
        desk.meter.count(Metric.DUPLICATES_SUPPRESSED)
        desk.journal.info("queue.redelivered", message_id=message.id, status=message.status.value)
    return Result(envelope, message)


def _put_back(envelope: Envelope, trip: _Trip, desk: Desk) -> Result:
    """Return a message that was proven not sent to the head of its line, or end it after its last attempt."""
    now = desk.clock.now_ms()
    answer, message = trip.answer, trip.message
    fault = answer.fault or Fault("", "")
    waiting = answer.verdict is not Verdict.NOT_SENT
    if not waiting and message.attempts >= MAX_ATTEMPTS:
        _fail(message, desk, fault, now)
        return Result(envelope, replace(message, status=Status.FAILED, faults=(fault,)), answer)
    if answer.verdict is Verdict.CONFIGURATION:
        again, held_by = now + PROBE_MS, HeldBy.BREAKER
    else:
        wait = answer.wait_ms if waiting else None
        again = now + (wait if wait is not None else pacing.backoff_ms(message.attempts, desk.jitter()))
        held_by = HeldBy.CARRIER_BACKOFF
    # Waiting is not failing: an attempt that the carrier or the account turned away is given back.
    desk.messages.release(message, now, slot_ms=again, held_by=held_by, refund=waiting)
    return Result(envelope, message, answer, again, held_by)
