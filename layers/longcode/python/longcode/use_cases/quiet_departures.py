"""Quiet hours in the consumer: what would leave in them is put off until they end, and all else goes on."""

# Nothing is reserved for a text that is put off: a campaign that runs into the evening would fill the sender's
# limit with slots that are never used.

from collections.abc import Callable
from dataclasses import replace

from longcode.domain import pacing
from longcode.domain.gate import Gate, Limiter
from longcode.domain.message import Message, Place
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import leaves_ms
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import day_counts, schedule
from longcode.use_cases.queue_ports import Queue
from longcode.use_cases.recipient_batch import RecipientBatch
from longcode.use_cases.send_attempt import SendDependencies, may_leave
from longcode.use_cases.slots import Slots, SlottedMessage

# So many texts of a recipient queue are looked through for those that follow one that is put off.
_BEHIND_MOST = 1_000


def _leaves(slots: Slots, gate: Gate | None, deps: SendDependencies) -> Callable[[SlottedMessage], int]:
    """The moment before which a text does not leave: its slot, or where it has none now, or what `gate` says.

    What stands before it in its batch does not count: a text that is let pass here moves the limits on, so that
    none that comes later leaves before one that was put off.
    """
    pace, now, limited = deps.pace, deps.clock.now_ms(), slots.limited
    moments = [now]
    sender, account = gate.shared(deps.priority) if gate else (Limiter(), Limiter())
    moments += [sender.tat_ms or 0] if pace.sender_ms else []
    moments += [account.tat_ms or 0] if pace.account_ms else []
    if gate and limited.rated:
        key = pacing.carrier_key(deps.sender, limited.rated)
        key = pacing.bulk_key(key) if deps.priority is Priority.BULK else key
        moments.append(deps.seen_tats.get(key, 0))
    shared = max(moments)

    def leaves(item: SlottedMessage) -> int:
        return max(now, item.floor_ms, shared if item.slot_ms is None else item.slot_ms)

    return leaves


def put_off(batch: RecipientBatch, slots: Slots, deps: SendDependencies, queue: Queue, gate: Gate | None) -> None:
    """Put off the texts of one recipient that would leave in their quiet hours, and give back their slots.

    When each would its slot says; of one without a slot the limits in `gate`, if that is given. Those behind one
    that is put off follow it if they keep quiet hours too, so that their order holds.
    """
    later, before, leaves, now = 0, list(slots.items), _leaves(slots, gate, deps), deps.clock.now_ms()
    first: Message | None = None
    for item in before:
        if not (item.message.quiet_zones and item.message.status.waiting):
            continue
        at_ms = max(leaves(item), later)
        opens_ms = leaves_ms(item.message, at_ms, deps.quiet_hours)
        if not later and opens_ms == at_ms:
            continue
        # One that was cancelled meanwhile, or is at work elsewhere, stays: its claim will tell.
        if _put_off_one(batch, slots, deps, queue, item, item.message, opens_ms):
            later, first = opens_ms, first or item.message
    _give_back(before, slots)
    if first and may_leave(first, deps, now):
        # By now others may leave still.
        _put_off_behind(first, later, slots, deps, queue, now)


def _put_off_behind(
    first: Message, later: int, slots: Slots, deps: SendDependencies, queue: Queue, now: int
) -> None:
    """Let those follow that stand behind a text that was put off and are not in its batch.

    Some have slots by which they would leave before it. Their queue messages will find them put off.
    """
    here = {item.message.id for item in slots.items}
    lined = deps.messages.recipient_queue(
        first.queue_name, until=Place(now + 1, 0), at_most=_BEHIND_MOST, priority=deps.priority
    )
    ids = [text.message_id for text in lined if text.place > first.place and text.message_id not in here]
    for message in deps.messages.get_all(ids) if ids else []:
        if not (message.quiet_zones and message.status.waiting) or message.ready_ms > now:
            continue
        later = leaves_ms(message, later, deps.quiet_hours)
        if _hold(message, later, deps, queue, now):
            slots.unused += day_counts.counted(message, message.cap_day)


def _give_back(before: list[SlottedMessage], slots: Slots) -> None:
    """Free the slots of those that are gone, as far as none that is still here has a later one."""
    here = {id(item) for item in slots.items}
    kept = max((number for number, item in enumerate(before, 1) if id(item) in here), default=0)
    slots.give_back(before[kept:])


def put_off_claimed(
    batch: RecipientBatch, slots: Slots, deps: SendDependencies, queue: Queue, claimed: Message, opens_ms: int
) -> None:
    """Put off the first text, which is claimed."""
    item = slots.items[0]
    if not _put_off_one(batch, slots, deps, queue, item, claimed, opens_ms):
        # Its claim was taken for dead, and the text is in doubt.
        batch.close(slots.items.pop(0), claimed)


def _put_off_one(
    batch: RecipientBatch,
    slots: Slots,
    deps: SendDependencies,
    queue: Queue,
    item: SlottedMessage,
    message: Message,
    opens_ms: int,
) -> bool:
    """Hold a text, as it was read or claimed, until its quiet hours end; False if that is not ours to do.

    Its queue message is done: a timer brings it back.
    """
    held = _hold(message, opens_ms, deps, queue, deps.clock.now_ms())
    if held is None:
        return False
    slots.items = [one for one in slots.items if one is not item]
    slots.uncount(item)
    batch.close(item, held)
    return True


def _hold(message: Message, opens_ms: int, deps: SendDependencies, queue: Queue, now: int) -> Message | None:
    """The message as it is held; None if it was dealt with meanwhile."""
    if not deps.messages.put_off(message, opens_ms, HeldBy.QUIET_HOURS, now):
        return None
    held = replace(
        message,
        status=Status.HELD,
        not_before_ms=opens_ms,
        held_by=HeldBy.QUIET_HOURS,
        slot_ms=None,
        cap_day=None,
        claim_id=None,
    )
    deps.logger.info("send.put_off", message_id=message.id, until_ms=opens_ms)
    schedule.set_timer(held, queue, deps.clock, deps.metrics, deps.logger)
    return held
