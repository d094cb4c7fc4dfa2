"""When each of one recipient's texts may leave: their slots, in the order of acceptance."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from longcode.domain import pacific, pacing
from longcode.domain.campaign import MINUTE_MS
from longcode.domain.carriers import Carrier
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import day_counts, store_failures
from longcode.use_cases.day_counts import Count
from longcode.use_cases.queue_ports import Envelope
from longcode.use_cases.send_attempt import SendAttempt, SendDependencies

# A text whose slot at its carrier has passed by more than this takes another one: it would come into a minute that
# has its own already.
LATE_MS = 500
# So long a turn of bulk holds. After a longer stop all whose turns have passed would ask for the same slots.
_TURN_MS = 60_000
# A text that waited for a day takes its other slots when that is about to begin: the queue shows it up to a second
# before.
_DAY_IS_NEAR_MS = 1_500


@dataclass(frozen=True, slots=True)
class Limited:
    """Which limits of carriers the texts to one recipient count against; None and 0 where there is none.

    `known` is whether their carrier is. Until it is, they count against AT&T's minute and T-Mobile's day.
    `stopped_ms` is when the last stop of the carrier with a rate ended, or ends.
    """

    known: bool = False
    rated: Carrier | None = None
    per_minute: int = 0
    capped: Carrier | None = None
    per_day: int = 0
    stopped_ms: int = 0

    def keeps(self, slot_ms: int) -> bool:
        """Whether a slot at the carrier's rate is one, and not the end of a stop with what stands behind it."""
        return self.rated is not None and not self.stopped_ms <= slot_ms < self.stopped_ms + MINUTE_MS


@dataclass(slots=True)
class SlottedMessage:
    """A text with its slot: when it may leave, what decided that, and which queue messages wait with it."""

    message: Message
    envelopes: list[Envelope] = field(default_factory=list)
    slot_ms: int | None = None
    # Its turn at a brake, as Message.turn.
    turn: int | None = None
    floor_ms: int = 0
    held_by: HeldBy = HeldBy.RECIPIENT_RATE
    # Whether its slot was reserved for it just now, and nothing says so yet.
    fresh: bool = False
    # The slot as it was reserved, before anything moved it: what stands behind in the queue has its own by that. 0
    # where slots were kept from before: they may have been moved since, and what stands behind has an older one.
    reserved_ms: int = 0
    # Its slot at the recipient's carrier, None if it has none yet; the day of the carrier's that it was counted
    # for, and whether that day is still to come.
    carrier_ms: int | None = None
    cap_day: str | None = None
    another_day: bool = False
    # What was counted for it and will not leave to that carrier.
    unused: Count | None = None
    # Whether it is bulk and has had its turn at its carrier, which it keeps when it gives way (`bulk_pacing`).
    had_turn: bool = False
    # How often it has found a limit taken that it gives way at (`bulk_pacing`).
    tries: int = 0
    # Before when nothing else leaves to its recipient, as it has noted there (`bulk_pacing`).
    until_ms: int = 0
    # Its place among the texts of its recipient (RecipientLimits) before the request, and from then on.
    place_ms: int | None = None
    used_ms: int | None = None

    def __post_init__(self) -> None:
        # It may be in the queue a little before its time.
        self.floor_ms = max(self.floor_ms, self.message.not_before_ms or 0)
        self.cap_day = self.cap_day or self.message.cap_day

    def keeps_carrier_slot(self, slot_ms: int) -> bool:
        """Whether it leaves by its slot at the carrier if it leaves then."""
        return self.carrier_ms is not None and slot_ms <= self.carrier_ms + LATE_MS


class Slots:
    """The texts of one recipient that wait in a batch, the first to leave in front, each with its slot."""

    def __init__(self, recipient: str, deps: SendDependencies) -> None:
        self.items: list[SlottedMessage] = []
        self.spacing = pacing.spacing(deps.pace.recipient_ms)
        self.limited = Limited()
        # What was counted for a day and will not leave to that carrier.
        self.unused: list[Count] = []
        # When the last texts left to the recipient, where that is limited.
        self.departures: tuple[int, ...] = ()
        self._key = pacing.recipient_key(recipient)
        self._deps = deps
        # What is bulk takes its slots when it leaves (`bulk_pacing`), so none is reserved ahead.
        self._bulk = deps.priority is Priority.BULK
        self._planned = False
        # When the slots were given: what is left until its own a text waits for.
        self._planned_ms = 0
        self._reservation: pacing.Reservation | None = None
        # Up to when the recipient's limit knows of these texts.
        self._covered_ms = 0

    @property
    def fresh(self) -> list[SlottedMessage]:
        """Those that hold no slot yet."""
        return [item for item in self.items if item.slot_ms is None]

    def recall(self, now: int) -> None:
        """Take up the slots that texts were given before.

        A recipient's own slots only keep a distance, so one that has passed is as good as any. A shared one is
        void once it has passed; so is the moment to which the provider put a text off, and the end of a carrier's
        stop, which is the same for many recipients. What the recipient's own limits put off asks them anew.
        """
        shared = self._deps.pace.shared
        # A turn of bulk that has passed makes no burst: the text gives way all the same.
        late_ms, stale_ms = (_TURN_MS, _TURN_MS) if self._bulk else (LATE_MS, pacing.STALE_SLOT_MS)
        void = (HeldBy.RECIPIENT_LIMIT, HeldBy.PROVIDER_BACKOFF if shared else None)
        for item in [] if self._planned else self.items:
            message = item.message
            item.turn, item.cap_day = message.turn, message.cap_day
            self._recall_count(item)
            if message.status is Status.SENDING:
                # Not to be sent now, so it needs no slot.
                item.slot_ms = now
            elif message.slot_ms is None or message.held_by in void:
                continue
            elif message.held_by is HeldBy.CARRIER_DAY_CAP:
                self._recall_day(item, message.slot_ms, now)
            elif message.held_by is HeldBy.CARRIER_RATE:
                if self.limited.keeps(message.slot_ms) and message.slot_ms >= now - late_ms:
                    item.slot_ms = item.carrier_ms = message.slot_ms
                    item.had_turn = self._bulk
                    item.held_by = HeldBy.CARRIER_RATE
            elif not shared or message.slot_ms > now - stale_ms:
                item.slot_ms, item.held_by = message.slot_ms, message.held_by or item.held_by

        another_day_ms = 0
        for item in self.items:
            if item.another_day:
                another_day_ms = item.slot_ms or 0
            item.floor_ms = max(item.floor_ms, another_day_ms)

    def _recall_count(self, item: SlottedMessage) -> None:
        """Where the carrier was learnt meanwhile, or has no such limit any more, the count of a day is unused."""
        if self.limited.capped is None and item.cap_day:
            item.unused = Carrier.T_MOBILE, item.cap_day, item.message.segments
            item.cap_day = None

    def let_go(self, item: SlottedMessage) -> None:
        """Give back what a text was counted for, now that its record has it no more: so no one does it again."""
        if item.unused:
            self.unused.append(item.unused)
            item.unused = None
        self.release_place(item)

    def uncount(self, item: SlottedMessage) -> None:
        """The same of a text that leaves on no day that is known: it was put off or has ended."""
        self.unused += day_counts.counted(item.message, item.cap_day)
        item.cap_day = None
        self.let_go(item)

    def _recall_day(self, item: SlottedMessage, slot_ms: int, now: int) -> None:
        """Of a text that waits for a day of its carrier: it goes on waiting, or takes its slots of that day."""
        if self.limited.capped is None:
            return
        if pacific.day_of(slot_ms) > pacific.day_of(now + _DAY_IS_NEAR_MS):
            item.slot_ms, item.held_by, item.another_day = slot_ms, HeldBy.CARRIER_DAY_CAP, True
        else:
            item.floor_ms = slot_ms

    def plan(self) -> None:
        """Give every text its slot, once: the recipient's limit, the shared floors, the order of acceptance."""
        if self._planned:
            return
        self._planned, fresh = True, self.fresh
        deps, now = self._deps, self._deps.clock.now_ms()
        first = now
        # What waits for another day takes its slots when that has begun.
        today = [item for item in fresh if not item.another_day]
        if today and self.spacing and not self._bulk:
            start = max(now, today[0].floor_ms)
            self._reservation = deps.limits.reserve(self._key, len(today), self.spacing, start)
            first = self._reservation.first_ms
        for number, item in enumerate(today):
            slot = first + number * self.spacing
            if slot > item.floor_ms and not item.keeps_carrier_slot(slot):
                item.held_by = HeldBy.RECIPIENT_RATE
            item.slot_ms, item.fresh = max(slot, item.floor_ms), not self._bulk
            deps.metrics.count(Metric.PACING_WAIT, item.slot_ms - now)
        for item in self.fresh:
            item.slot_ms = item.floor_ms
        self._deal(all_fresh=len(today) == len(self.items))
        self.shift(now)
        self._cover()
        self._planned_ms = deps.clock.now_ms()

    def _cover(self) -> None:
        """Let the limit know of slots beyond it, which were kept from before and moved since."""
        ends = [(item.slot_ms or 0) + self.spacing for item in self.items if not item.another_day]
        self._covered_ms = self._reservation.tat_ms if self._reservation else 0
        if ends:
            self._cover_until(ends[-1])

    def _cover_until(self, ends_ms: int) -> None:
        if self.spacing and not self._bulk and ends_ms > self._covered_ms:
            self._deps.limits.cover(self._key, ends_ms)
            self._covered_ms = ends_ms

    def cover_first(self, now: int) -> None:
        """The same of the first text, which leaves next and may have been moved: bulk texts keep away from it.

        They may come at any moment, from another queue. What left before says so (`Limits.reserve_free`).
        """
        slot = self.items[0].slot_ms or 0
        if max(slot, now) > slot + pacing.GUARD_MS or slot + self.spacing > self._covered_ms:
            self._cover_until(max(slot, now) + self.spacing)

    def _deal(self, *, all_fresh: bool) -> None:
        """A slot is a slot: the first text takes the first, for whichever text it was reserved.

        With it comes the day that it was counted for, and its slot at the carrier. A text of another length takes
        its own when it leaves.
        """
        slots = [
            (
                item.slot_ms or 0,
                item.held_by,
                item.carrier_ms,
                item.cap_day,
                item.another_day,
                item.message.segments,
            )
            for item in self.items
        ]
        slots.sort(key=itemgetter(0))
        for item, dealt in zip(self.items, slots, strict=True):
            slot_ms, held_by, carrier_ms, cap_day, another_day, segments = dealt
            fits = segments == item.message.segments
            if held_by is HeldBy.CARRIER_RATE and not fits:
                held_by = HeldBy.RECIPIENT_RATE
            item.slot_ms, item.held_by, item.carrier_ms = slot_ms, held_by, carrier_ms if fits else None
            item.cap_day, item.another_day = cap_day if fits else None, another_day
            item.reserved_ms = slot_ms if all_fresh else 0

    def shift(self, not_before: int) -> None:
        """Move the slots so that the first is no sooner than `not_before` and the order and distances hold."""
        slots = pacing.spaced(not_before, self.spacing, [item.slot_ms or 0 for item in self.items])
        for item, slot in zip(self.items, slots, strict=True):
            item.slot_ms = slot
            moved = item.carrier_ms is not None and not item.keeps_carrier_slot(slot)
            if moved and item.held_by is HeldBy.CARRIER_RATE:
                # Said of a slot, it would be taken for the carrier's.
                item.held_by = HeldBy.RECIPIENT_RATE

    def put_off_first(self, not_before: int, held_by: HeldBy) -> None:
        """Move the first text, which gives way and keeps its turn, and with it all that stands behind."""
        item = self.items[0]
        item.held_by = held_by
        self.shift(not_before)
        if item.carrier_ms is not None:
            # Of all words only that for the carrier's rate says that it has had its turn there.
            item.carrier_ms, item.held_by = item.slot_ms, HeldBy.CARRIER_RATE

    def forget_carrier_slots(self) -> None:
        """Let each text take another slot at its carrier."""
        for item in self.items:
            item.carrier_ms = None

    def hold_all(self, held_by: HeldBy) -> None:
        """Note for all of them what they wait for."""
        for item in self.items:
            item.held_by = held_by

    def keep(self) -> None:
        """Note each slot on its text; where that can't be done, give back what no other slot is built on."""
        try:
            for item in self.items:
                message, slot = item.message, item.slot_ms
                if slot is None or message.status is Status.SENDING:
                    continue
                noted = (message.slot_ms, message.held_by, message.turn, message.cap_day)
                if noted != (slot, item.held_by, item.turn, item.cap_day):
                    self._deps.messages.hold(message, slot, item.held_by, item.turn, item.cap_day)
                item.fresh = False
                self.let_go(item)
        except Unavailable as exc:
            store_failures.note(
                exc, self._deps.metrics, self._deps.logger, message_ids=[item.message.id for item in self.items]
            )
            self.give_back(self.items)

    def give_back(self, items: Sequence[SlottedMessage]) -> None:
        """Free the slots of `items` that were reserved just now and that nothing else remembers."""
        unused = sum(item.fresh for item in items)
        if self._reservation is None or not unused:
            return
        try:
            self._deps.limits.give_back(self._key, self._reservation, unused, self.spacing)
        except Unavailable as exc:
            store_failures.note(exc, self._deps.metrics, self._deps.logger)

    def note_wait(self) -> None:
        """Let the log say what the first text waited for in this invocation, if it did."""
        item = self.items[0]
        slot = item.slot_ms or 0
        if slot > self._planned_ms:
            self._deps.logger.info(
                "send.waited", message_id=item.message.id, held_by=item.held_by.value,
                waited_ms=slot - self._planned_ms, slot_ms=slot,
            )  # fmt: skip

    def take_place(self) -> bool:
        """Whether the first text has to wait for a place among its recipient's; it has taken one if not."""
        if not self._deps.pace.recipient_limits:
            return False
        # Loaded where there are such limits, as below.
        from longcode.use_cases import recipient_limits

        return recipient_limits.take_place(self, self._deps)

    def holds_place(self) -> bool:
        """Whether the first text may leave by its place at this very moment, or needs none."""
        if self.items[0].place_ms is None:
            return True
        from longcode.use_cases import recipient_limits

        return recipient_limits.holds_place(self, self._deps)

    def release_place(self, item: SlottedMessage) -> None:
        """Give back the place of a text that does not leave now."""
        if item.place_ms is not None:
            from longcode.use_cases import recipient_limits

            recipient_limits.release(self, item, self._deps)

    def settle_place(self, item: SlottedMessage, attempt: SendAttempt) -> None:
        """Keep the place by which a text was asked for, or give it back if it did not leave."""
        if item.used_ms is not None:
            from longcode.use_cases import recipient_limits

            recipient_limits.settle(self, item, attempt, self._deps)
