"""Slots at the recipient's carrier, taken as a text of a batch is about to leave."""

from longcode.domain.status import HeldBy
from longcode.use_cases import carrier_pacing
from longcode.use_cases.send_attempt import SendAttempt, SendDependencies
from longcode.use_cases.slots import LATE_MS, Slots, SlottedMessage


def take(slots: Slots, item: SlottedMessage, window_ms: int, deps: SendDependencies) -> int:
    """When the recipient's carrier lets a text leave, which takes a slot of its minute; 0: it has no limit.

    Only now, as its other limits are through: a slot that passes unused is another text's. What waits beyond
    `window_ms` waits in turn with the texts of others.
    """
    moment = max(item.slot_ms or 0, deps.clock.now_ms())
    if slots.limited.rated is None:
        return 0
    if item.carrier_ms is not None and item.carrier_ms >= moment - LATE_MS:
        return item.carrier_ms
    carrier_pacing.reserve_rate(slots.limited, [item], deps)
    at_ms = item.carrier_ms or 0
    if at_ms > moment:
        slots.shift(at_ms)
        item.held_by = HeldBy.CARRIER_RATE
    if at_ms > window_ms:
        _take_rest(slots, deps)
    return at_ms


def _take_rest(slots: Slots, deps: SendDependencies) -> None:
    """Let what stands behind the first text take its slots at the carrier at the same time."""
    rest = [item for item in slots.items[1:] if item.message.status.waiting and not item.another_day]
    if not rest:
        return
    carrier_pacing.reserve_rate(slots.limited, rest, deps, slots.spacing)
    for item in rest:
        item.slot_ms = max(item.slot_ms or 0, item.carrier_ms or 0)
        if item.keeps_carrier_slot(item.slot_ms):
            item.held_by = HeldBy.CARRIER_RATE


def keep_count(slots: Slots, item: SlottedMessage, attempt: SendAttempt) -> None:
    """Give back what was counted for a carrier's day where the answer names another carrier."""
    limited, named = slots.limited, attempt.answer.subscription
    if limited.known or limited.capped is None or named is None or item.cap_day is None:
        return
    if named.carrier is not limited.capped:
        slots.unused.append((limited.capped, item.cap_day, item.message.segments))
