"""Brakes of campaigns: what each text adds to the counts of its tag and carrier, and what pauses them."""

# Only what is bad costs a write of its own. What has left is added up and written once a batch. A count that is
# lost is no reason not to send: it is noted, and the next one counts.

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from longcode.domain import pacing
from longcode.domain.carriers import Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Fault, Message
from longcode.domain.metrics import Metric
from longcode.domain.outcomes import Answer, Receipt, Recorded, Recording, Verdict
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import BrakeSetting, Pause, Subject, SubjectKind, Tally, subjects
from longcode.use_cases import store_failures
from longcode.use_cases.brake_store import BrakeStore
from longcode.use_cases.ports import Clock, Logger, Metrics

# What only an operator ends: it is looked at again after a while that does not depend on an end.
PAUSES = (HeldBy.PAUSED, HeldBy.TAG_PAUSED, HeldBy.CARRIER_PAUSED)
# A receipt's end that is a failure of its text; and those after which it has been counted.
_FAILURES = (Status.SENDING_FAILED, Status.EXPIRED, Status.DELIVERY_FAILED)
_FAILED = (Status.FAILED, *_FAILURES)


@dataclass(slots=True)
class Brakes:
    """Counts texts and pauses their tag or carrier. Without a `setting` nothing is counted."""

    store: BrakeStore
    setting: BrakeSetting | None
    is_filtered: Callable[[Fault], bool]
    clock: Clock
    metrics: Metrics
    logger: Logger
    # What has left and is not written yet. A batch's recipients are worked on side by side.
    _left: dict[Subject, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def answered(self, message: Message, answer: Answer, gate: Gate) -> None:
        """The provider has answered the first request for a text: it has left if that took it, or may have."""
        if answer.verdict in (Verdict.ACCEPTED, Verdict.AMBIGUOUS):
            self._left_now(message, answer, gate)

    def refused(self, message: Message, answer: Answer, gate: Gate, *, again: bool = False) -> None:
        """A text was refused for good; `again` is one that may have left before, and was counted then."""
        if not again:
            self._left_now(message, answer, gate)
        if self.setting:
            self._bad(message, self._carrier(answer, gate), self._failure([answer.fault] if answer.fault else []))

    def _left_now(self, message: Message, answer: Answer, gate: Gate) -> None:
        if self.setting is None:
            return
        with self._lock:
            for subject in subjects(message, self._carrier(answer, gate)):
                self._left[subject] = self._left.get(subject, 0) + 1

    def _carrier(self, answer: Answer, gate: Gate) -> str | None:
        return _believed(answer.subscription or gate.subscription, self.clock.now_ms())

    def received(self, recording: Recording, receipt: Receipt) -> None:
        """A receipt was kept. Only one that has moved its text counts: each may come more than once."""
        before = recording.before
        if before is None or recording.recorded is not Recorded.ADVANCED:
            return
        if receipt.status in _FAILURES and before.status not in _FAILED:
            named = receipt.subscription
            self._bad(before, named.carrier if named else before.carrier, self._failure(receipt.faults))

    def opted_out(self, message: Message) -> None:
        """The recipient of a text has opted out after it."""
        self._bad(message, message.carrier, Tally(opted_out=1))

    def flush(self) -> None:
        """Write what has left: once a batch, one write a tag and carrier in it."""
        with self._lock:
            rows, self._left = self._left, {}
        for subject, count in rows.items():
            self._count(subject, Tally(sent=count), self.clock.now_ms())

    def _failure(self, faults: Sequence[Fault]) -> Tally:
        return Tally(failed=1, filtered=int(any(self.is_filtered(fault) for fault in faults)))

    def _bad(self, message: Message, carrier: str | None, more: Tally) -> None:
        if self.setting is None:
            return
        left_ms = message.claimed_ms or message.accepted_ms
        for subject in subjects(message, carrier):
            with self._lock:
                waiting = self._left.pop(subject, 0)
            bad_tag = (message.tag or "") if subject.kind is SubjectKind.CARRIER else None
            self._count(subject, more.plus(Tally(sent=waiting)), left_ms, bad_tag)

    def _count(self, subject: Subject, more: Tally, left_ms: int, bad_tag: str | None = None) -> None:
        now = self.clock.now_ms()
        try:
            tally = self.store.add(subject, more, left_ms, now, bad_tag)
            judged = tally is not None and subject.is_judged(tally)
            reason = self.setting.verdict(tally) if self.setting and tally and judged else None
            if tally and reason:
                self._pause(subject, Pause(now, reason, "brake"), tally, now)
        except Unavailable as exc:
            store_failures.note(exc, self.metrics, self.logger, **{subject.kind.value: subject.name})

    def _pause(self, subject: Subject, pause: Pause, tally: Tally, now: int) -> None:
        if not self.store.pause(subject, pause, counted_ms=now):
            return
        self.metrics.count(Metric.CAMPAIGN_PAUSED)
        self.logger.error("brake.paused", kind=subject.kind.value, name=subject.name, reason=pause.reason)
        self.store.announce(subject, pause, tally, now)


def pause(subject: Subject, reason: str, store: BrakeStore, now_ms: int) -> bool:
    """Pause a tag or a carrier by an operator's word; False if it was paused already. Raises Unavailable."""
    made = Pause(now_ms, reason, "operator")
    done = store.pause(subject, made)
    if done:
        standing = store.standings([subject], now_ms).get(subject)
        store.announce(subject, made, standing.tally if standing else Tally(), now_ms)
    return done


def resume(subject: Subject, store: BrakeStore, now_ms: int) -> Pause | None:
    """End a pause, of a brake or an operator, and count anew; the pause that there was. Raises Unavailable."""
    before = store.resume(subject, now_ms)
    if before:
        store.announce(subject, None, Tally(), now_ms)
    return before


def held(message: Message, gate: Gate, now: int) -> tuple[int, HeldBy, str] | None:
    """When to look again, by what and why a bulk text is held back; None if its tag and carrier are not paused."""
    if message.priority is not Priority.BULK:
        return None
    carrier = _believed(gate.subscription, now)
    if gate.tag_pause:
        made, held_by, what = gate.tag_pause, HeldBy.TAG_PAUSED, "its tag is paused"
    elif carrier and carrier in gate.carrier_pauses:
        made, held_by, what = gate.carrier_pauses[carrier], HeldBy.CARRIER_PAUSED, "bulk to its carrier is paused"
    else:
        return None
    reason = f"{what}: {made.reason}" if made.reason else what
    return now + pacing.recheck_ms(made.since_ms, now), held_by, reason


def _believed(known: Subscription | None, now: int) -> str | None:
    """A carrier that is known and recent enough to go by."""
    return known.carrier if known and known.believed(now) else None
