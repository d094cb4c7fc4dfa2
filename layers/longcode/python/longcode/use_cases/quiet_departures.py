"""Texts whose turn comes in their recipient's quiet hours: they are held until those end."""

from dataclasses import replace

from longcode.domain.carriers import Carrier
from longcode.domain.gate import Gate
from longcode.domain.message import Message
from longcode.domain.pacing import Pace
from longcode.domain.quiet_hours import leaves_ms
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Queue
from longcode.use_cases.recipient_batch import RecipientBatch
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.slots import Slots, SlottedMessage


def shared_ms(gate: Gate, pace: Pace) -> int:
    """The moment from which the limits that recipients share have a free slot."""
    tats = (pace.sender_ms and gate.sender.tat_ms, pace.account_ms and gate.account.tat_ms)
    return max(tat_ms or 0 for tat_ms in tats)


def hold_quiet(
    slots: Slots, batch: RecipientBatch, deps: SendDependencies, queue: Queue, not_before_ms: int = 0
) -> None:
    """Hold the texts that would leave in quiet hours, by their slots.

    One without a slot has its turn no sooner than `not_before_ms`. If it is held for that, it takes none: a
    campaign that runs into the evening must not fill a limit with slots that no one uses.
    """
    if deps.quiet_hours is None:
        return
    now, gone = deps.clock.now_ms(), list[SlottedMessage]()
    free_ms = max(now, not_before_ms)
    for item in list(slots.items):
        slot_ms = item.message.slot_ms if item.slot_ms is None else item.slot_ms
        at_ms = max(now, slot_ms) if slot_ms is not None else max(free_ms, item.floor_ms)
        opens_ms = leaves_ms(item.message, at_ms, deps.quiet_hours)
        if opens_ms == at_ms or not item.message.status.waiting:
            free_ms = at_ms + slots.spacing
            continue
        at_the_end = item is slots.items[-1]
        put_off(item, item.message, opens_ms, slots, batch, deps, queue)
        gone = [*gone, item] if at_the_end else []
    slots.give_back(gone)


def is_quiet(item: SlottedMessage, deps: SendDependencies) -> int | None:
    """Until when quiet hours hold a text that would leave now, or at its slot; None if they do not."""
    at_ms = max(item.slot_ms or 0, deps.clock.now_ms())
    opens_ms = leaves_ms(item.message, at_ms, deps.quiet_hours)
    return None if opens_ms == at_ms else opens_ms


def put_off(
    item: SlottedMessage,
    message: Message,
    until_ms: int,
    slots: Slots,
    batch: RecipientBatch,
    deps: SendDependencies,
    queue: Queue,
) -> None:
    """Hold a text until then, as it is now (`message`, perhaps claimed). It leaves the batch.

    Where that fails another has changed it, and its own write decides.
    """
    if deps.messages.put_off(message, until_ms, HeldBy.QUIET_HOURS, deps.clock.now_ms()):
        day = item.cap_day or message.cap_day
        if day and not item.unused:
            # The one carrier that has a limit of a day.
            slots.unused.append((Carrier.T_MOBILE, day, message.segments))
        slots.let_go(item)
        deps.logger.info("send.held", message_id=message.id, until_ms=until_ms)
        _set_timer(replace(message, status=Status.HELD, not_before_ms=until_ms), deps, queue)
    slots.items.remove(item)
    if item.envelopes and slots.items and not any(one.envelopes for one in slots.items):
        # Without one nothing would bring the others here again.
        slots.items[-1].envelopes += item.envelopes
        item.envelopes = []
    batch.close(item, message)


def _set_timer(message: Message, deps: SendDependencies, queue: Queue) -> None:
    # Loaded with the first text that is held.
    from longcode.use_cases import schedule

    schedule.set_timer(message, queue, deps.clock, deps.metrics, deps.logger)
