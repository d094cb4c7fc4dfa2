"""The queue messages of a batch: what became of each, and how they are deleted or hidden."""

from collections.abc import Sequence
from dataclasses import dataclass

from longcode.domain.errors import Unavailable
from longcode.domain.message import Message
from longcode.domain.outcomes import Answer
from longcode.domain.status import HeldBy
from longcode.use_cases import store_failures
from longcode.use_cases.queue_ports import Envelope, Queue
from longcode.use_cases.send_attempt import SendDependencies
from longcode.use_cases.slots import SlottedMessage

# A queue message received so often is replaced by a fresh one: a thousand receives are the dead letters.
RENEW_AFTER = 300


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one message of a batch. `again_ms` set: it is still to be sent, not before then.

    `envelope` is None for a text that was taken along without a queue message of its own. `held_by` is what it
    waits for, None where that is not known, and `until_ms` the moment that it is to leave at or be looked at.
    """

    envelope: Envelope | None
    message: Message | None = None
    answer: Answer | None = None
    again_ms: int | None = None
    held_by: HeldBy | None = None
    until_ms: int | None = None

    @property
    def done(self) -> bool:
        """Whether the queue may forget it."""
        return self.again_ms is None


def put_off(
    items: Sequence[SlottedMessage], envelopes: Sequence[Envelope], again_ms: int, stop: HeldBy | None
) -> list[Result]:
    """What became of `envelopes`, all that are to wait until `again_ms`, with what holds each.

    That is the `stop` which holds all of them, or what the slot of its own text waits for, if that has one.
    """
    held = {
        envelope.queue_id: (item.held_by, item.slot_ms)
        for item in items
        if item.slot_ms
        for envelope in item.envelopes
    }
    results = []
    for envelope in envelopes:
        held_by, until_ms = (stop, again_ms) if stop else held.get(envelope.queue_id, (None, again_ms))
        results.append(Result(envelope, again_ms=again_ms, held_by=held_by, until_ms=until_ms))
    return results


def forget(envelopes: Sequence[Envelope], deps: SendDependencies, queue: Queue) -> None:
    """Delete queue messages; if that fails, they come once more and find their texts dealt with."""
    try:
        if envelopes:
            queue.delete(envelopes)
    except Unavailable as exc:
        ids = [envelope.message_id for envelope in envelopes]
        store_failures.note(exc, deps.metrics, deps.logger, message_ids=ids)


def hide(envelopes: Sequence[Envelope], delay_s: int, deps: SendDependencies, queue: Queue) -> None:
    """Hide queue messages for so long; if that fails, they come back when the queue's own timeout ends.

    A fresh one takes the place of one that was received often: waiting must not end among the dead letters,
    however long it takes.
    """
    # One without a group can't be put in again: which is its own the table knows, once it is asked.
    worn = [envelope for envelope in envelopes if envelope.receives >= RENEW_AFTER and envelope.recipient]
    rest = [envelope for envelope in envelopes if envelope not in worn]
    try:
        if rest:
            queue.hide(rest, [delay_s] * len(rest))
        if worn:
            queue.renew(worn)
    except Unavailable as exc:
        ids = [envelope.message_id for envelope in envelopes]
        store_failures.note(exc, deps.metrics, deps.logger, message_ids=ids)
