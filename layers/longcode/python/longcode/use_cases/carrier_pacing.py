"""Texts at the limits of the recipients' carriers: the count of T-Mobile's day, and the rate of a minute."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from longcode.domain import campaign, pacific, pacing
from longcode.domain.campaign import CarrierLimits
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy
from longcode.use_cases import day_counts, number_lookup
from longcode.use_cases.day_counts import Count
from longcode.use_cases.ports import Parallel
from longcode.use_cases.send_attempt import SendAttempt, SendDependencies
from longcode.use_cases.slots import LATE_MS, Limited, Slots, SlottedMessage

# So many days are tried: more than the longest validity reaches, two weeks from the middle of a day, so that what
# none of them takes is held for its end.
_DAYS_TRIED = 16
# The queue shows a text up to a second before its time: one that waits for its end must be out of date by then.
_SHOWN_MS = 1_000


def limited(limits: CarrierLimits, gate: Gate, subscription: Subscription | None, now: int) -> Limited:
    """The limits of one recipient, by what is known of them."""
    carrier = subscription.carrier if subscription and subscription.believed(now) else None
    rated, capped = next(iter(limits.rated(carrier)), None), next(iter(limits.capped(carrier)), None)
    return Limited(
        carrier is not None,
        rated,
        limits.per_minute[rated] if rated else 0,
        capped,
        limits.per_day[capped] if capped else 0,
        max((stop.until_ms for stop in gate.carrier_stops if stop.carrier is rated), default=0),
    )


def look(
    recipients: Sequence[str], gate: Gate, deps: SendDependencies, parallel: Parallel
) -> Mapping[str, Limited]:
    """The limits of each recipient of a batch. Without any limit nothing is read, and no number is looked up."""
    limits = campaign.limits(deps.campaign, gate.campaign)
    if not limits.any or not recipients:
        return {}
    now, known = deps.clock.now_ms(), dict(deps.carriers.subscriptions(recipients))
    unknown = [number for number in recipients if number not in known or not known[number].believed(now)]
    known |= number_lookup.look_up(unknown, deps, parallel)
    now = deps.clock.now_ms()
    return {number: limited(limits, gate, known.get(number), now) for number in recipients}


def count_for_days(queues: Sequence[tuple[Limited, Sequence[SlottedMessage]]], deps: SendDependencies) -> None:
    """Count the texts of a batch for the day on which they may leave: one write for those of today.

    What today has no room for is counted for the next day that has, and its slot is no sooner.
    """
    for carrier in sorted({limit.capped for limit, _ in queues if limit.capped}):
        per_day = next(limit.per_day for limit, _ in queues if limit.capped is carrier)
        at_most = _of_day(per_day, deps.priority, deps)
        texts = dealt([items for limit, items in queues if limit.capped is carrier])
        now = deps.clock.now_ms()
        uncounted = [item for item in texts if item.cap_day != pacific.open_day(max(now, item.floor_ms)).name]
        _count(carrier, at_most, uncounted, deps)


def _of_day(per_day: int, priority: Priority, deps: SendDependencies) -> int:
    """What texts of a priority may use of a carrier's day: bulk leaves a share of it to the others."""
    return per_day * (100 - deps.campaign.transactional) // 100 if priority is Priority.BULK else per_day


def is_counted(slots: Slots, deps: SendDependencies) -> bool:
    """Whether the first text is counted for the day in which it would leave, by now if there is room in it.

    It may have waited into the next day, or have been given its slot before there was such a limit.
    """
    item = slots.items[0]
    now = max(item.slot_ms or 0, deps.clock.now_ms())
    if slots.limited.capped is None or item.cap_day == pacific.open_day(now).name:
        return True
    waiting = [one for one in slots.items if one.message.status.waiting and not one.another_day]
    count_for_days([(slots.limited, waiting)], deps)
    for one in waiting:
        if one.another_day:
            one.slot_ms = max(one.slot_ms or 0, one.floor_ms)
    slots.shift(item.slot_ms or 0)
    return not item.another_day


def _count(carrier: Carrier, at_most: int, texts: Sequence[SlottedMessage], deps: SendDependencies) -> None:
    now = deps.clock.now_ms()
    day = pacific.open_day(now)
    for _ in range(_DAYS_TRIED):
        texts = _in_time(texts, day.begins_ms, at_most, deps)
        if not texts:
            return
        # What stands behind a text that waits for a later day is of that day too.
        here = [item for item in texts if item.floor_ms < day.ends_ms]
        weights = [item.message.segments for item in here]
        fits = deps.carriers.take(carrier, day.name, at_most, weights, day.ends_ms) if here else 0
        for item in here[:fits]:
            item.cap_day = day.name
            if day.begins_ms > now:
                hold_until(item, max(day.begins_ms, item.floor_ms))
        counted = {id(item) for item in here[:fits]}
        texts, day = [item for item in texts if id(item) not in counted], pacific.open_day(day.ends_ms)


def _in_time(
    texts: Sequence[SlottedMessage], begins_ms: int, at_most: int, deps: SendDependencies
) -> list[SlottedMessage]:
    """Those that can still leave on a day that begins then; the others wait for their end, and are not counted."""
    found: list[SlottedMessage] = []
    for item in texts:
        if item.message.segments <= at_most and begins_ms < item.message.valid_until_ms(deps.validity_ms):
            found.append(item)
        else:
            next_day_ms = pacific.next_day_ms(deps.clock.now_ms()) + pacific.BEGINS_MS
            hold_until(item, min(next_day_ms, item.message.valid_until_ms(deps.validity_ms) + _SHOWN_MS))
    return found


def hold_until(item: SlottedMessage, begins_ms: int) -> None:
    """Let a text leave on a later day, and take no slot of any limit before then."""
    item.floor_ms, item.held_by, item.another_day = begins_ms, HeldBy.CARRIER_DAY_CAP, True


def dealt(queues: Sequence[Sequence[SlottedMessage]]) -> list[SlottedMessage]:
    """The first text of each recipient, then the second of each, and so on."""
    rows = range(max(map(len, queues), default=0))
    return [items[row] for row in rows for items in queues if row < len(items)]


def reserve_rates(queues: Sequence[tuple[Limited, Sequence[SlottedMessage]]], deps: SendDependencies) -> None:
    """Reserve the slots of a batch at its carriers: one write a carrier for the first text of each recipient.

    When the others may leave, the distance to the one before decides. Only where all wait for a minute to come do
    they take their slots at once, dealt like the first.
    """
    spacing_ms = pacing.spacing(deps.pace.recipient_ms)
    for carrier in sorted({limit.rated for limit, _ in queues if limit.rated}):
        own = [(limit, items) for limit, items in queues if limit.rated is carrier and items]
        if not own:
            continue
        limit, now = own[0][0], deps.clock.now_ms()
        firsts = [items[0] for _, items in own]
        reserve_rate(limit, firsts, deps)
        rest = dealt([items[1:] for _, items in own])
        if rest and max(item.carrier_ms or 0 for item in firsts) > now + pacing.SHORT_WAIT_MS:
            reserve_rate(limit, rest, deps, spacing_ms)
        for item in [*firsts, *rest]:
            if (item.carrier_ms or 0) > item.floor_ms:
                item.floor_ms = item.carrier_ms or 0
                if item.floor_ms > now:
                    item.held_by = HeldBy.CARRIER_RATE


def reserve_rate(
    limit: Limited, items: Sequence[SlottedMessage], deps: SendDependencies, spacing_ms: int = 0
) -> pacing.Reservation:
    """Reserve the slots of texts at their carrier, from now on; those of one recipient `spacing_ms` apart."""
    assert limit.rated
    key, per_minute = pacing.carrier_key(deps.sender, limit.rated), limit.per_minute
    if deps.priority is Priority.BULK:
        key = pacing.bulk_key(key)
        per_minute = max(1, per_minute * (100 - deps.campaign.transactional) // 100)
    found = campaign.departures([item.message.segments for item in items], per_minute)
    moments: list[int] = []
    last, later = dict[str, int](), 0
    for item, offset in zip(items, found.offsets_ms, strict=True):
        recipient = item.message.recipient
        later = max(later, last.get(recipient, -spacing_ms) + spacing_ms - offset)
        last[recipient] = offset + later
        moments.append(offset + later)
    # Where nothing left of late, a long text need not keep its distance from what was before.
    now = deps.clock.now_ms() - moments[0]
    ahead = deps.seen_tats.get(key, 0) > now
    reservation = deps.limits.reserve(key, 1, found.length_ms + later, now, ahead=ahead)
    deps.seen_tats[key] = reservation.tat_ms
    for item, moment in zip(items, moments, strict=True):
        item.carrier_ms = reservation.first_ms + moment
    return reservation


def take_slot(slots: Slots, deps: SendDependencies, window_ms: int) -> int:
    """When the carrier lets the first text leave, which takes a slot of its minute; 0: it has no limit.

    Only when its other limits are through: a slot that passes unused is another text's. What stands behind takes
    its slots too if the first one's is after `window_ms`.
    """
    item = slots.items[0]
    moment = max(item.slot_ms or 0, deps.clock.now_ms())
    if slots.limited.rated is None:
        return 0
    if item.carrier_ms is not None and item.carrier_ms >= moment - LATE_MS:
        return item.carrier_ms
    reserve_rate(slots.limited, [item], deps)
    at_ms = item.carrier_ms or 0
    if at_ms > moment:
        slots.shift(at_ms)
        item.held_by = HeldBy.CARRIER_RATE
    if at_ms > window_ms:
        # All that waits for a minute to come waits in turn with the texts of others.
        _reserve_rest(slots, deps)
    return at_ms


def _reserve_rest(slots: Slots, deps: SendDependencies) -> None:
    """Let what stands behind the first text take its slots at the carrier at the same time."""
    rest = [item for item in slots.items[1:] if item.message.status.waiting and not item.another_day]
    if not rest:
        return
    reserve_rate(slots.limited, rest, deps, slots.spacing)
    for item in rest:
        item.slot_ms = max(item.slot_ms or 0, item.carrier_ms or 0)
        if item.keeps_carrier_slot(item.slot_ms):
            item.held_by = HeldBy.CARRIER_RATE


def settle(slots: Slots, item: SlottedMessage, attempt: SendAttempt) -> None:
    """Give back what was counted for a carrier's day where the answer names another carrier."""
    limited, named = slots.limited, attempt.answer.subscription
    slots.let_go(item)
    if limited.known or limited.capped is None or named is None or item.cap_day is None:
        return
    if named.carrier is not limited.capped:
        slots.unused.append((limited.capped, item.cap_day, item.message.segments))


@dataclass(slots=True)
class Passage:
    """What a text that leaves at once has taken of its carrier's limits.

    `free_ms` is when it may leave; where that is too late it has taken nothing, and `held_by` says why.
    """

    free_ms: int
    held_by: HeldBy | None = None
    capped: Carrier | None = None
    days: tuple[str, ...] = ()
    weight: int = 0

    def give_back(self, deps: SendDependencies) -> None:
        """Take the text off its day's count."""
        if self.capped:
            give_back([(self.capped, day, self.weight) for day in self.days], deps)

    def passed(self, gate: Gate, deps: SendDependencies) -> tuple[int, HeldBy, str] | None:  # noqa: ARG002
        """As send_attempt.stop, if the moment has passed for which something was taken."""
        return None

    def settle(self, deps: SendDependencies, answer: Answer) -> None:
        """The same if the answer named another carrier, or said that the text was not taken."""
        named, perhaps = answer.subscription, (Verdict.ACCEPTED, Verdict.AMBIGUOUS)
        if answer.verdict not in perhaps or (named and named.carrier is not self.capped):
            self.give_back(deps)


def pass_at_once(message: Message, gate: Gate, deps: SendDependencies, most_ms: int) -> Passage:
    """Take what a text needs of its carrier's limits, to leave within `most_ms`."""
    limits, known = campaign.limits(deps.campaign, gate.campaign), gate.subscription
    if limits.any and not (known and known.believed(deps.clock.now_ms())):
        known = number_lookup.look_up([message.recipient], deps).get(message.recipient)
    now, item = deps.clock.now_ms(), SlottedMessage(message)
    limit = limited(limits, gate, known, now)
    passage = Passage(now, None, limit.capped, (), message.segments)
    if limit.capped:
        # Around midnight it may be counted for either day, so it takes its place in both.
        day = pacific.open_day(now)
        for name in sorted({pacific.day_of(now - pacific.BEGINS_MS), day.name} - {message.cap_day}):
            at_most = _of_day(limit.per_day, message.priority, deps)
            if not deps.carriers.take(limit.capped, name, at_most, [message.segments], day.ends_ms):
                passage.give_back(deps)
                return Passage(pacific.next_day_ms(now) + pacific.BEGINS_MS, HeldBy.CARRIER_DAY_CAP)
            passage.days += (name,)
    if limit.rated:
        try:
            reservation = reserve_rate(limit, [item], deps)
        except Unavailable:
            passage.give_back(deps)
            raise
        passage.free_ms = item.carrier_ms or now
        if passage.free_ms > now + most_ms:
            key, length_ms = (
                pacing.carrier_key(deps.sender, limit.rated),
                reservation.tat_ms - reservation.first_ms,
            )
            deps.limits.give_back(key, reservation, 1, length_ms)
            passage.give_back(deps)
            return Passage(passage.free_ms, HeldBy.CARRIER_RATE)
    return passage


def pass_again(message: Message, gate: Gate, deps: SendDependencies, most_ms: int, patient_ms: int) -> bool:
    """Whether a text in doubt, of which the carrier may never have heard, may leave again, by now or after a wait.

    It waits `most_ms` at the most. Where its carrier has no room until then it gives way for `patient_ms` after
    its first try, and then leaves at the expense of the margin: behind a queue that never ends it would be late.
    """
    passage = pass_at_once(message, gate, deps, most_ms)
    if passage.held_by:
        return deps.clock.now_ms() >= (message.claimed_ms or 0) + patient_ms
    deps.clock.sleep_until(passage.free_ms)
    return True


def give_back(unused: Iterable[Count], deps: SendDependencies) -> None:
    """Take what was counted for a day and did not leave to that carrier off the count."""
    day_counts.give_back(unused, deps.carriers, deps.metrics, deps.logger)
