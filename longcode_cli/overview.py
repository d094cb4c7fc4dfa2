"""What the queue looks like at one moment: how much waits, who, for what and until when."""

from dataclasses import dataclass

from longcode.domain.gate import Gate
from longcode.domain.status import HeldBy
from longcode.use_cases import enqueue
from longcode.use_cases.ports import Waiting
from longcode_cli.redrive import Depth, depth
from longcode_cli.target import Target


@dataclass(frozen=True, slots=True)
class Line:
    """The texts that wait for one recipient. `eta_ms` and `held_by` are those of the first."""

    recipient: str
    texts: int
    oldest_ms: int
    eta_ms: int | None
    held_by: HeldBy | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it. `complete` is false where more texts wait than were read."""

    queue: Depth
    dead_letters: int
    gate: Gate
    texts: int
    recipients: int
    oldest_ms: int | None
    lines: tuple[Line, ...]
    complete: bool


def look(target: Target, now_ms: int, *, at_most_texts: int, at_most_lines: int) -> Overview:
    """Read up to `at_most_texts` waiting texts, and ask after the oldest `at_most_lines` lines."""
    waiting, more = target.messages.waiting(at_most_texts)
    by_recipient: dict[str, list[Waiting]] = {}
    for text in waiting:
        by_recipient.setdefault(text.recipient, []).append(text)
    longest_waiting = sorted(by_recipient.values(), key=lambda texts: texts[0].accepted_ms)
    return Overview(
        queue=depth(target.sqs, target.queue_url),
        dead_letters=depth(target.sqs, target.dead_letter_queue_url).total,
        gate=target.limits.read_gate("", target.sender),
        texts=len(waiting),
        recipients=len(by_recipient),
        oldest_ms=min((text.accepted_ms for text in waiting), default=None),
        lines=tuple(_line(target, texts, now_ms) for texts in longest_waiting[:at_most_lines]),
        complete=not more,
    )


def _line(target: Target, texts: list[Waiting], now_ms: int) -> Line:
    head = target.messages.get(texts[0].message_id)
    # Not waiting any more: the index lags behind by a moment.
    forecast = None
    if head is not None and head.status.waiting:
        forecast = enqueue.forecast(
            head, target.messages, target.limits.read_gate(head.recipient, head.sender), now_ms, target.pace
        )
    return Line(
        recipient=texts[0].recipient,
        texts=len(texts),
        oldest_ms=texts[0].accepted_ms,
        eta_ms=forecast.eta_ms if forecast else None,
        held_by=forecast.held_by if forecast else None,
    )
