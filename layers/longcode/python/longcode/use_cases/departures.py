"""What a text still needs when its slot has come: of its carrier, of its recipient, and a turn at a brake."""

from longcode.domain import braking
from longcode.domain.braking import Brake
from longcode.domain.priority import Priority
from longcode.use_cases import bulk_pacing, carrier_pacing
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.slots import Slots, SlottedMessage

# Bulk takes a turn at a brake this long ahead at most: a code would have to wait for all that it has taken.
_TURN_MS = 1_000
# The longest that it stays away after it has found none.
_AWAY_MS = 60_000


def take_slots(slots: Slots, deps: SendDependencies, window_ms: int) -> bool:
    """Take what the first text needs to leave at its slot or now; False, and the slots moved, if it has to wait.

    Raises Unavailable.
    """
    item = slots.items[0]
    moment = max(item.slot_ms or 0, deps.clock.now_ms())
    bulk = deps.priority is Priority.BULK
    # A bulk text that gave way has had its turn.
    if not item.had_turn and carrier_pacing.take_slot(slots, deps, window_ms) > moment:
        return False
    item.had_turn = bulk
    if slots.take_place():
        return False
    return not bulk or bulk_pacing.take_slots(slots, deps)


def turn_ms(item: SlottedMessage, brake: Brake, deps: SendDependencies, now: int) -> int:
    """When a brake of the sender lets a text leave, which takes a turn at it; bulk none that is far ahead."""
    if item.turn is None and deps.priority is Priority.BULK:
        latest = braking.front(brake, now + _TURN_MS)
        item.turn = deps.limits.take_turn_by(deps.sender, brake, now, latest)
        if item.turn is None:
            # Others look for the same turn: the more there are, the longer it waits already.
            waits_ms = (now - item.message.ready_ms) // 20
            return now + _TURN_MS + int(deps.jitter() * min(max(waits_ms, _TURN_MS), _AWAY_MS))
    if item.turn is None:
        item.turn = deps.limits.take_turn(deps.sender, brake, now)
    return braking.due_ms(brake, item.turn)
