"""Texts at the limits of their recipient (RecipientLimits): which must wait, until when, and who has a place."""

# Loaded only where there are such limits.

from collections.abc import Sequence
from dataclasses import dataclass

from longcode.domain.errors import SendRefused, Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.pacing import SHORT_WAIT_MS, seconds_up
from longcode.domain.recipient_limits import forecast, free_ms
from longcode.domain.status import HeldBy
from longcode.use_cases import store_failures
from longcode.use_cases.carrier_pacing import Passage
from longcode.use_cases.send_attempt import SendAttempt, SendDependencies
from longcode.use_cases.slots import Slots, SlottedMessage

# The queue shows a text up to a second before its time: one that waits for its end must be out of date by then.
_SHOWN_MS = 1_000
# With these answers a text has left, or may have.
_LEFT = (Verdict.ACCEPTED, Verdict.AMBIGUOUS)

_FULL = "RecipientLimits lets one person have in a while"


def hold(queues: Sequence[Slots], deps: SendDependencies) -> None:
    """Let wait what the limits of its recipient have no room for, before it takes a slot of any other limit."""
    found = deps.departures().last([slots.items[0].message.recipient for slots in queues])
    now = deps.clock.now_ms()
    for slots in queues:
        slots.departures = found.get(slots.items[0].message.recipient, ())
        for item, at_ms in _moments(slots, deps, now):
            if at_ms > max(now, item.floor_ms):
                item.floor_ms, item.held_by = at_ms, HeldBy.RECIPIENT_LIMIT
                # It takes its slots when it is through that.
                item.another_day = at_ms > now + SHORT_WAIT_MS


def take_place(slots: Slots, deps: SendDependencies) -> bool:
    """Take a place for the first text, which leaves next; whether it has to wait, for all places are taken."""
    item = slots.items[0]
    moment = max(item.slot_ms or 0, deps.clock.now_ms())
    if not item.message.status.waiting or moment >= item.message.valid_until_ms(deps.validity_ms):
        return False
    _take(slots, deps, moment)
    if item.place_ms is not None:
        return False
    for each, at_ms in _moments(slots, deps, moment):
        if at_ms > (each.slot_ms or 0):
            each.slot_ms, each.held_by = at_ms, HeldBy.RECIPIENT_LIMIT
    slots.shift(item.slot_ms or 0)
    return True


def holds_place(slots: Slots, deps: SendDependencies) -> bool:
    """Whether the first text may leave at this very moment. It takes another place where its own has passed."""
    item, now = slots.items[0], deps.clock.now_ms()
    if item.place_ms is not None and now > item.place_ms:
        _take(slots, deps, now)
        if item.place_ms is None:
            return False
    item.used_ms, item.place_ms = item.place_ms, None
    return True


def settle(slots: Slots, item: SlottedMessage, attempt: SendAttempt, deps: SendDependencies) -> None:
    """After a request: the place of a text that did not leave is free again; one that came late says so."""
    place_ms, item.used_ms = item.used_ms, None
    if place_ms is None:
        return
    if attempt.answer.verdict not in _LEFT:
        item.place_ms = place_ms
        release(slots, item, deps)
    elif attempt.arrival_ms > place_ms:
        _move(item.message, place_ms, attempt.arrival_ms, deps)


def release(slots: Slots, item: SlottedMessage, deps: SendDependencies) -> None:
    """Give back the place of a text that does not leave now."""
    place_ms, item.place_ms = item.place_ms, None
    if place_ms is None:
        return
    slots.departures = tuple(at_ms for at_ms in slots.departures if at_ms != place_ms)
    give_back(item.message, place_ms, deps)


def give_back(message: Message, place_ms: int, deps: SendDependencies) -> None:
    """Give back the place of a text that did not leave by it."""
    try:
        deps.departures().give_back(message.recipient, place_ms)
    except Unavailable as exc:
        # The recipient has one text less in this period.
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)


def _move(message: Message, place_ms: int, left_ms: int, deps: SendDependencies) -> None:
    try:
        deps.departures().move(message.recipient, deps.pace.recipient_limits, place_ms, left_ms)
    except Unavailable as exc:
        # Its period ends a few seconds too soon.
        store_failures.note(exc, deps.metrics, deps.logger, message_id=message.id)


def _take(slots: Slots, deps: SendDependencies, moment: int) -> None:
    item, limits = slots.items[0], deps.pace.recipient_limits
    place = deps.departures().take(
        item.message.recipient, limits, moment, slots.departures, instead_of=item.place_ms
    )
    item.place_ms, slots.departures = place.at_ms, place.departures


def _moments(slots: Slots, deps: SendDependencies, now: int) -> list[tuple[SlottedMessage, int]]:
    """When each text that waits may leave as far as these limits go, or is out of date before that."""
    items = [item for item in slots.items if item.message.status.waiting]
    found = forecast(slots.departures, deps.pace.recipient_limits, now, len(items), slots.spacing)
    ends = [item.message.valid_until_ms(deps.validity_ms) for item in items]
    return [(item, min(at_ms, end_ms + _SHOWN_MS)) for item, at_ms, end_ms in zip(items, found, ends, strict=True)]


# ------------------------------------------------------------------------------------- at once, and again


@dataclass(slots=True)
class PassageWithPlace(Passage):
    """What a text that leaves at once has taken: of its carrier's limits, and its recipient's place."""

    message: Message | None = None
    place_ms: int | None = None

    def give_back(self, deps: SendDependencies) -> None:
        """Give back all of it."""
        Passage.give_back(self, deps)
        self._leave_place(deps)

    def settle(self, deps: SendDependencies, answer: Answer) -> None:
        """Give back what the answer says was not used."""
        Passage(self.free_ms, self.held_by, self.capped, self.days, self.weight).settle(deps, answer)
        now = deps.clock.now_ms()
        if answer.verdict not in _LEFT:
            self._leave_place(deps)
        elif self.message and self.place_ms is not None and now > self.place_ms:
            # It may have been on its way for all that time.
            _move(self.message, self.place_ms, now, deps)

    def passed(self, gate: Gate, deps: SendDependencies) -> tuple[int, HeldBy, str] | None:
        """Take another place where the own has passed: until when, by what and why it waits if not."""
        now, limits = deps.clock.now_ms(), deps.pace.recipient_limits
        if self.message is None or self.place_ms is None or now <= self.place_ms:
            return None
        seen = gate.recipient.departures
        place = deps.departures().take(self.message.recipient, limits, now, seen, instead_of=self.place_ms)
        self.place_ms = place.at_ms
        if place.at_ms is not None:
            return None
        return free_ms(place.departures, limits, now), HeldBy.RECIPIENT_LIMIT, _FULL

    def _leave_place(self, deps: SendDependencies) -> None:
        place_ms, self.place_ms = self.place_ms, None
        if self.message and place_ms is not None:
            give_back(self.message, place_ms, deps)


def expect_room(message: Message, gate: Gate, deps: SendDependencies) -> None:
    """Raises SendRefused where a text that is to leave at once would find no place, by what is known so far."""
    now = deps.clock.now_ms()
    at_ms = free_ms(gate.recipient.departures, deps.pace.recipient_limits, now)
    if at_ms > now:
        raise _refusal(message, at_ms - now)


def take_at_once(message: Message, gate: Gate, deps: SendDependencies, passage: Passage) -> PassageWithPlace:
    """Take a place for a text that leaves at once. Raises SendRefused, with nothing of `passage` left taken."""
    now, limits = deps.clock.now_ms(), deps.pace.recipient_limits
    try:
        place = deps.departures().take(message.recipient, limits, now, gate.recipient.departures)
        if place.at_ms is None:
            raise _refusal(message, free_ms(place.departures, limits, now) - now)
    except (SendRefused, Unavailable):
        passage.give_back(deps)
        raise
    taken = passage.free_ms, passage.held_by, passage.capped, passage.days, passage.weight
    return PassageWithPlace(*taken, message, place.at_ms)


def _refusal(message: Message, wait_ms: int) -> SendRefused:
    return SendRefused(
        f"There were as many texts as {_FULL}. Nothing was sent; a queued text waits.",
        code=HeldBy.RECIPIENT_LIMIT.value,
        message_id=message.id,
        retry_after_s=seconds_up(wait_ms),
    )


def take_again(message: Message, gate: Gate, deps: SendDependencies, patient_ms: int) -> int | None:
    """The place of a text in doubt that is to leave again by now, as the provider may never have heard of it.

    None: there is no room. Then it waits for `patient_ms` after its first try, and leaves all the same after that,
    and is counted: behind others who never end it would be late.
    """
    now, seen = deps.clock.now_ms(), gate.recipient.departures
    late = now >= (message.claimed_ms or 0) + patient_ms
    return deps.departures().take(message.recipient, deps.pace.recipient_limits, now, seen, at_any_rate=late).at_ms


def settle_again(message: Message, place_ms: int, answer: Answer, deps: SendDependencies) -> None:
    """Give back the place of a replay that the provider did not take."""
    if answer.verdict not in _LEFT:
        give_back(message, place_ms, deps)
