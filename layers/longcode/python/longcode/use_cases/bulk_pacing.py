"""Bulk texts give way: each takes its slots of shared limits when it leaves, and only where they are free."""

# By their turn, which they take ahead (`consume`), bulk texts use no more of a limit than is not reserved. The
# slot itself they take last, as otherwise a code would wait for all the slots that a campaign has taken ahead. So
# a code waits for the one bulk text that has just left, and no longer.

from collections.abc import Iterator
from dataclasses import dataclass

from longcode.domain import campaign, pacing
from longcode.domain.pacing import Reservation
from longcode.domain.status import HeldBy
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.slots import Slots, SlottedMessage

# So far ahead of its time a slot is taken all the same: at a fast limit the next free one is always a bit later.
_AHEAD_MS = 200
# A text leaves when its slots have passed unused, so that a code that comes right after it leaves at once. Many
# short texts may leave no room for that to a long one: after so many tries it takes its slots first and waits for
# them, up to so long.
_TRIES, _LEAD_MS = 12, 6_000
# From a text's last slot on it takes so long until the request leaves: its claim is written, and the gate read.
_LEAVES_AFTER_MS = 50
# The longest that a text stays away after it has found a limit taken, as others look for the same moment.
_AWAY_MS = 8_000


@dataclass(frozen=True, slots=True)
class _Limit:
    """A limit as a text meets it: the text takes `length_ms` of it, and leaves `lead_ms` after the beginning."""

    key: str
    length_ms: int
    lead_ms: int
    held_by: HeldBy


def take_slots(slots: Slots, deps: SendDependencies) -> bool:
    """Take what the first text needs of its limits to leave now; False, and its slot moved, if one is taken.

    Raises Unavailable.
    """
    item, taken = slots.items[0], list[tuple[_Limit, Reservation]]()
    leaves_ms = now = max(item.slot_ms or 0, deps.clock.now_ms())
    for limit in _limits(item, slots, deps):
        own = limit.held_by is HeldBy.RECIPIENT_RATE
        if own:
            leaves_ms = max(leaves_ms, deps.clock.now_ms() + _LEAVES_AFTER_MS)
        start_ms = leaves_ms if own else now - limit.lead_ms
        ahead_ms = max(0, _AHEAD_MS - limit.length_ms) if limit.lead_ms else 0
        latest_ms = start_ms + (ahead_ms if item.tries < _TRIES else min(limit.lead_ms, _LEAD_MS) + ahead_ms)
        reservation, tat_ms = deps.limits.reserve_free(
            limit.key, limit.length_ms, start_ms, latest_ms, keeps_away=own
        )
        if reservation is None:
            for other, unused in taken:
                deps.limits.give_back(other.key, unused, 1, other.length_ms)
            again_ms = _again_ms(item, limit, max(tat_ms + limit.lead_ms, now + 1), deps)
            slots.put_off_first(again_ms, limit.held_by)
            return False
        taken.append((limit, reservation))
        leaves_ms = max(leaves_ms, reservation.first_ms + limit.lead_ms)
    item.tries = 0
    item.slot_ms = item.reserved_ms = leaves_ms
    item.until_ms = leaves_ms + slots.spacing
    return True


def _limits(item: SlottedMessage, slots: Slots, deps: SendDependencies) -> Iterator[_Limit]:
    """The recipient's limit last: its next text keeps a distance from the moment at which this one leaves."""
    pace, segments, limited = deps.pace, item.message.segments, slots.limited
    shared = [
        (pacing.sender_key(deps.sender), pace.sender_ms, HeldBy.SENDER_RATE),
        (pacing.ACCOUNT_KEY, pace.account_ms, HeldBy.ACCOUNT_RATE),
    ]
    if limited.rated:
        key = pacing.carrier_key(deps.sender, limited.rated)
        # By their turns bulk texts keep the distance that long ones need in a carrier's minute (`departures`). To
        # codes it is the plain one: they would wait for seconds, and have a reserved share. A text counts as a
        # whole where it leaves: what has passed before it must not bring as many more into a minute from there.
        at_most = max(1, limited.per_minute - segments - 1)
        shared.append((key, campaign.segment_ms(at_most), HeldBy.CARRIER_RATE))
    for key, interval_ms, held_by in shared:
        if interval_ms:
            yield _Limit(key, segments * interval_ms, segments * interval_ms, held_by)
    if slots.spacing:
        yield _Limit(pacing.recipient_key(item.message.recipient), slots.spacing, 0, HeldBy.RECIPIENT_RATE)


def _again_ms(item: SlottedMessage, limit: _Limit, free_ms: int, deps: SendDependencies) -> int:
    """When to try again: when the limit is free. Of one that is shared later and later, for all wait for that."""
    if limit.held_by is HeldBy.RECIPIENT_RATE:
        return free_ms
    item.tries += 1
    slot_ms = limit.length_ms // item.message.segments
    return free_ms + int(deps.jitter() * min(_AWAY_MS, slot_ms * item.tries // 2))
