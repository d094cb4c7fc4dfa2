"""When each of one recipient's texts may leave: their slots, in the order of acceptance."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from longcode.domain import pacing
from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Envelope
from longcode.use_cases.send_attempt import SendDependencies

# A stop of the recipient's carrier, whose end is no turn at a limit that recipients share.
_STOPPED = (HeldBy.CARRIER_RATE, HeldBy.CARRIER_DAY_CAP)


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


class Slots:
    """The texts of one recipient that wait in a batch, the first to leave in front, each with its slot."""

    def __init__(self, recipient: str, deps: SendDependencies) -> None:
        self.items: list[SlottedMessage] = []
        self.spacing = pacing.spacing(deps.pace.recipient_ms)
        self._key = pacing.recipient_key(recipient)
        self._deps = deps
        self._planned = False
        self._reservation: pacing.Reservation | None = None

    @property
    def fresh(self) -> list[SlottedMessage]:
        """Those that hold no slot yet."""
        return [item for item in self.items if item.slot_ms is None]

    def recall(self, now: int) -> None:
        """Take up the slots that texts were given before.

        A recipient's own slots only keep a distance, so one that has passed is as good as any. A shared one is
        void once it has passed; so is the moment to which the provider put a text off, and what was worked out
        from the end of a carrier's stop, once that is there: it is the same for many recipients.
        """
        shared = self._deps.pace.shared
        waited = [item.message.slot_ms or 0 for item in self.items if item.message.held_by in _STOPPED]
        void = (HeldBy.PROVIDER_BACKOFF, *(_STOPPED if min(waited, default=now) <= now else ()))
        for item in [] if self._planned else self.items:
            message = item.message
            item.turn = message.turn
            if message.status is Status.SENDING:
                # Not to be sent now, so it needs no slot.
                item.slot_ms = now
            elif message.slot_ms is None or (shared and message.held_by in void):
                continue
            elif not shared or message.slot_ms > now - pacing.STALE_SLOT_MS:
                item.slot_ms, item.held_by = message.slot_ms, message.held_by or item.held_by

    def plan(self) -> None:
        """Give every text its slot, once: the recipient's limit, the shared floors, the order of acceptance."""
        if self._planned:
            return
        self._planned, fresh = True, self.fresh
        deps, now = self._deps, self._deps.clock.now_ms()
        first = now
        if fresh and self.spacing:
            start = max(now, fresh[0].floor_ms)
            self._reservation = deps.limits.reserve(self._key, len(fresh), self.spacing, start)
            first = self._reservation.first_ms
        for number, item in enumerate(fresh):
            slot = first + number * self.spacing
            if slot >= item.floor_ms:
                item.held_by = HeldBy.RECIPIENT_RATE
            item.slot_ms, item.fresh = max(slot, item.floor_ms), True
            deps.metrics.count(Metric.PACING_WAIT, item.slot_ms - now)
        # A slot is a slot: the first text takes the first, for whichever text it was reserved.
        slots = sorted(((item.slot_ms or 0, item.held_by) for item in self.items), key=lambda slot: slot[0])
        for item, (slot_ms, held_by) in zip(self.items, slots, strict=True):
            item.slot_ms, item.held_by = slot_ms, held_by
            item.reserved_ms = slot_ms if len(fresh) == len(self.items) else 0
        self.shift(now)
        end_ms = (self.items[-1].slot_ms or 0) + self.spacing
        if self.spacing and end_ms > (self._reservation.tat_ms if self._reservation else 0):
            # Slots that were kept from before, and moved since, lie beyond what the limit knows.
            deps.limits.cover(self._key, end_ms)

    def shift(self, not_before: int) -> None:
        """Move the slots so that the first is no sooner than `not_before` and the order and distances hold."""
        slots = pacing.spaced(not_before, self.spacing, [item.slot_ms or 0 for item in self.items])
        for item, slot in zip(self.items, slots, strict=True):
            item.slot_ms = slot

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
                if (message.slot_ms, message.held_by, message.turn) != (slot, item.held_by, item.turn):
                    self._deps.messages.hold(message.id, slot, item.held_by, item.turn)
                item.fresh = False
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
