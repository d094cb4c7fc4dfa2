"""The service's side: what waits and why, and what is stored of the texts of one person."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from longcode.domain.gate import Control, Gate
from longcode.domain.message import Message
from longcode.domain.search import Search
from longcode.domain.tag_brake import Subject, SubjectKind, tag_of
from longcode.domain.test_mode import is_marked, unmarked
from longcode.telnyx import error_codes
from longcode.use_cases import enqueue
from longcode.use_cases.ports import Waiting
from longcode.use_cases.test_limits import limits_of
from longcode_cli import campaigns
from longcode_cli.overview import RecipientQueue, look
from longcode_cli.stack import Stack

# Any, in all of this module: JSON for the page.
_TEXTS_READ = 2000
_QUEUES = 12
_SCHEDULED = 30
_OF_ONE = 30
_KEPT = 500
_TAGS = 8
_TAGS_OF_MS = 3 * 86_400_000


def now_ms() -> int:
    """This machine's time, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def waiting(stack: Stack) -> dict[str, Any]:
    """Queues, pauses, breaker and stops, the recipients that wait longest, and what is held for later."""
    now = now_ms()
    seen = look(stack, now, at_most_texts=_TEXTS_READ, at_most_recipients=_QUEUES)
    texts = stack.messages.waiting(_TEXTS_READ)[0] if seen.texts or seen.held else []
    later = sorted((text for text in texts if text.place.ready_ms > now), key=lambda text: text.place)
    return {
        "queues": {priority.value: asdict(depth) for priority, depth in seen.queues.items()},
        "dead_letters": seen.dead_letters,
        "control": _control(seen.gate.control),
        "stops": list(_stops(seen.gate, now)),
        "carrier_pauses": [
            {"carrier": carrier, "since_ms": pause.since_ms, "reason": pause.reason, "by": pause.by}
            for carrier, pause in seen.gate.carrier_pauses.items()
        ],
        "tags": _tags(stack, now),
        "campaign": _campaign(seen.gate),
        "texts": seen.texts,
        "recipients": seen.recipients,
        "complete": seen.complete,
        "recipient_queues": [_queue(one) for one in seen.recipient_queues],
        "held": seen.held,
        "scheduled": _scheduled(stack, later[:_SCHEDULED]),
        "by_number": dict(Counter(unmarked(text.recipient) for text in texts if text.place.ready_ms <= now)),
        "interval_ms": stack.pace.recipient_ms,
    }


class People:
    """What is stored of one person's texts. A text that has ended is read once."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._ended: dict[str, Message] = {}

    def of(self, number: str) -> dict[str, Any]:
        """Their latest texts, newest first, and whether they have opted out."""
        now, stack = now_ms(), self._stack
        found = stack.finder.find(Search(peer=number, test=None), None, _OF_ONE, now)
        messages = [message for message in map(self._read, found.ids) if message]
        gate = stack.limits.read_gate(number, stack.sender)
        return {
            "opted_out": gate.opted_out,
            "carrier": gate.subscription.carrier.value if gate.subscription else None,
            "texts": [_shown(message, stack, now) for message in messages],
            "more": found.next is not None,
        }

    def _read(self, message_id: str) -> Message | None:
        known = self._ended.get(message_id)
        if known:
            return known
        message = self._stack.messages.get(message_id)
        if message and message.status.final:
            if len(self._ended) >= _KEPT:
                self._ended.pop(next(iter(self._ended)))
            self._ended[message_id] = message
        return message


def _shown(message: Message, stack: Stack, now: int) -> dict[str, Any]:
    shown = {
        "message_id": message.id,
        "telnyx_id": message.telnyx_id,
        "direction": message.direction,
        "status": message.status.value,
        "final": message.status.final,
        "waiting": message.status.waiting,
        "text": message.text,
        "segments": message.segments,
        "media": len(message.media_urls) or len(message.media),
        "priority": message.priority.value,
        "category": message.category,
        "tag": message.shown_tag,
        "route": message.route,
        "accepted_ms": message.accepted_ms,
        "updated_ms": message.updated_ms,
        "send_at_ms": message.send_at_ms,
        "test": message.test,
        "opt_out": message.opt_out,
        "errors": [asdict(fault) for fault in message.faults],
    }
    return shown | (_forecast(message, stack, now) if message.status.waiting else {})


def _forecast(message: Message, stack: Stack, now: int) -> dict[str, Any]:
    limits = limits_of(message, stack.limits)
    gate = limits.read_gate(message.recipient, message.sender, message.priority, tag_of(message))
    found = enqueue.forecast(message, stack.messages, gate, now, stack.pace, stack.quiet_hours)
    return {
        "eta_ms": found.eta_ms,
        "held_by": found.held_by,
        "position": found.position,
        "reason": found.reason,
    }


def _scheduled(stack: Stack, later: list[Waiting]) -> list[dict[str, Any]]:
    """The first texts that are held until a later time, in the order of their times."""
    messages = (stack.messages.get(text.message_id) for text in later)
    return [
        {
            "message_id": message.id,
            "number": message.recipient,
            "text": message.text,
            "priority": message.priority.value,
            "ready_ms": message.ready_ms,
            "held_by": message.held_by,
            "test": message.test,
        }
        for message in messages
        if message and message.status.waiting
    ]


def _queue(one: RecipientQueue) -> dict[str, Any]:
    return {
        "number": unmarked(one.recipient),
        "test": is_marked(one.recipient),
        "priority": one.priority.value,
        "texts": one.texts,
        "oldest_ms": one.oldest_ms,
        "eta_ms": one.eta_ms,
        "held_by": one.held_by,
    }


def _control(control: Control) -> dict[str, Any]:
    return {
        "paused_since_ms": control.paused_since_ms,
        "pause_reason": control.pause_reason,
        "pauses": {
            priority.value: {"since_ms": pause.since_ms, "reason": pause.reason}
            for priority, pause in control.pauses.items()
        },
        "breaker_since_ms": control.breaker_since_ms,
        "breaker_until_ms": control.breaker_until_ms,
        "breaker_reason": control.breaker_reason,
        "breaker_stopped_by": (
            error_codes.explain(control.breaker_fault).stopped_by if control.breaker_until_ms is not None else None
        ),
    }


def _tags(stack: Stack, now: int) -> list[dict[str, Any]]:
    """The tags of the last days' texts, and which of them are paused."""
    subjects = [Subject(SubjectKind.TAG, tag) for tag in campaigns.counters(stack).tags(now - _TAGS_OF_MS, _TAGS)]
    standings = campaigns.brakes(stack).standings(subjects, now)
    pauses = {one.name: standing.pause for one, standing in standings.items()}
    return [
        {"tag": one.name, "pause": asdict(pause) if (pause := pauses.get(one.name)) else None} for one in subjects
    ]


def _stops(gate: Gate, now: int) -> Iterator[dict[str, Any]]:
    """Which texts wait for a carrier or for the provider's own queue, and until when."""
    for stop in gate.carrier_stops:
        if stop.until_ms > now:
            yield {"carrier": stop.carrier.value, "until_ms": stop.until_ms, "held_by": stop.held_by}
    until = gate.sender.not_before_ms
    if until is not None and until > now:
        yield {"carrier": None, "until_ms": until, "held_by": "provider_backoff"}


def _campaign(gate: Gate) -> dict[str, Any] | None:
    known = gate.campaign
    if known is None:
        return None
    return {
        "att_per_minute": known.att_per_minute,
        "t_mobile_per_day": known.t_mobile_per_day,
        "assignment": known.assignment,
    }
