"""What the queue looks like at one moment: how much waits, who, for what and until when."""

from collections.abc import Mapping
from dataclasses import dataclass

from longcode.domain.gate import Gate
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy
from longcode.domain.tag_brake import tag_of
from longcode.use_cases import enqueue
from longcode.use_cases.ports import Waiting
from longcode.use_cases.test_limits import limits_of
from longcode_cli.queues import Depth, by_priority, depth, together
from longcode_cli.stack import Stack


@dataclass(frozen=True, slots=True)
class RecipientQueue:
    """The texts that wait for one recipient. `eta_ms` and `held_by` are those of the first."""

    recipient: str
    priority: Priority
    texts: int
    oldest_ms: int
    eta_ms: int | None
    held_by: HeldBy | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `complete` is false where more texts wait than were read."""

    queues: Mapping[Priority, Depth]
    dead_letters: int
    gate: Gate
    texts: int
    recipients: int
    oldest_ms: int | None
    recipient_queues: tuple[RecipientQueue, ...]
    complete: bool
    # Of those that were read: how many are held until later, and until when the first of them.
    held: int = 0
    held_until_ms: int | None = None

    @property
    def queue(self) -> Depth:
        """Both queues together."""
        return together(self.queues.values())


def look(stack: Stack, now_ms: int, *, at_most_texts: int, at_most_recipients: int) -> Overview:
    """Read up to `at_most_texts` waiting texts, and ask after the `at_most_recipients` that wait longest."""
    found, more = stack.messages.waiting(at_most_texts)
    waiting = [text for text in found if text.place.ready_ms <= now_ms]
    later = [text.place.ready_ms for text in found if text.place.ready_ms > now_ms]
    lined: dict[tuple[str, Priority], list[Waiting]] = {}
    for text in waiting:
        lined.setdefault((text.recipient, text.priority), []).append(text)
    longest_waiting = sorted(lined.values(), key=lambda texts: texts[0].place)
    return Overview(
        queues=by_priority(stack),
        dead_letters=depth(stack.sqs, stack.dead_letter_queue_url).total,
        gate=stack.limits.read_gate("", stack.sender),
        texts=len(waiting),
        recipients=len(lined),
        oldest_ms=min((text.place.ready_ms for text in waiting), default=None),
        recipient_queues=tuple(
            _recipient_queue(stack, texts, now_ms) for texts in longest_waiting[:at_most_recipients]
        ),
        complete=not more,
        held=len(later),
        held_until_ms=min(later, default=None),
    )


def _recipient_queue(stack: Stack, texts: list[Waiting], now_ms: int) -> RecipientQueue:
    head = stack.messages.get(texts[0].message_id)
    # Not waiting any more: the index lags behind by a moment.
    forecast = None
    if head is not None and head.status.waiting:
        limits = limits_of(head, stack.limits)
        gate = limits.read_gate(head.recipient, head.sender, head.priority, tag_of(head))
        forecast = enqueue.forecast(head, stack.messages, gate, now_ms, stack.pace, stack.quiet_hours)
    return RecipientQueue(
        recipient=texts[0].recipient,
        priority=texts[0].priority,
        texts=len(texts),
        oldest_ms=texts[0].place.ready_ms,
        eta_ms=forecast.eta_ms if forecast else None,
        held_by=forecast.held_by if forecast else None,
    )
