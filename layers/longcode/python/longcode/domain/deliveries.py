"""Deliveries of events to webhook subscriptions: what is kept of each, and when the next attempt is due."""

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum

# After a failure the next attempt waits for so long, after the last of these each time; until an event is as old
# as GIVE_UP_MS. After a bad deployment a receiver has its events within minutes, after a night within hours.
DELAYS_S = (5, 30, 120, 300, 900, 1800, 3600, 7200, 14400)
GIVE_UP_MS = 24 * 3_600_000
# Of a delay: so that the events of an outage do not all come back at one moment. It only makes a delay longer.
MOST_JITTER = 0.1
# How many attempts of an event are kept, which is more than 24 hours have.
MOST_ATTEMPTS = 20
# For how long a delivery can be listed and replayed.
KEPT_DAYS = 7
# A subscription without one success for so long is disabled.
FAILING_MS = 3 * 24 * 3_600_000
# By an event that has waited for so long itself.
FAILING_EVENT_MS = 3_600_000

DAY_MS = 86_400_000
_EVENT_ID = re.compile(r"evt_([0-9]{13})_[A-Za-z0-9_-]{22}", re.ASCII)
_LAST_MS = 10**13 - 1


class DeliveryState(StrEnum):
    """What became of an event at a subscription so far."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a subscription's URL: its answer's `status`, or None and what went wrong in a few words."""

    at_ms: int
    status: int | None
    error: str | None
    duration_ms: int


@dataclass(frozen=True, slots=True)
class QueuedEvent:
    """An event on its way to one subscription.

    `data` is the event's detail as JSON, without whom it is about where `message_id` names a text: that is read
    from the text itself (`webhook_body`). `group` is whose events keep their order; `replay` is empty for an event
    that goes out by itself, and for one that someone asked for again a name of that request.
    """

    subscription_id: str
    event_id: str
    type: str
    group: str
    data: str
    message_id: str | None = None
    replay: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one event at one subscription; `attempts` are the last ones, the oldest first."""

    event: QueuedEvent
    state: DeliveryState
    attempts: tuple[Attempt, ...] = ()
    next_attempt_ms: int | None = None

    def failures_since(self, since_ms: int) -> int:
        """How many of its attempts were made since then: none of them succeeded where it is still under way."""
        return sum(attempt.at_ms >= since_ms for attempt in self.attempts)


def noted(
    event: QueuedEvent,
    before: Delivery | None,
    attempt: Attempt,
    state: DeliveryState,
    next_attempt_ms: int | None = None,
) -> Delivery:
    """A delivery with one attempt more; which request it was replayed by is not kept."""
    attempts = (*(before.attempts if before else ()), attempt)[-MOST_ATTEMPTS:]
    return Delivery(replace(event, replay=""), state, attempts, next_attempt_ms)


def next_attempt_ms(failures: int, queued_ms: int, now_ms: int, jitter: float) -> int | None:
    """When to try again after so many failures of an event that was queued at `queued_ms`; None: not any more.

    `jitter` is a chance from 0 to 1. The last attempt is made as the event becomes too old.
    """
    end_ms = queued_ms + GIVE_UP_MS
    if now_ms >= end_ms:
        return None
    delay_s = DELAYS_S[min(failures, len(DELAYS_S)) - 1]
    return min(now_ms + round(delay_s * 1000 * (1 + MOST_JITTER * jitter)), end_ms)


def event_id(at_ms: int, change: str, kind: str) -> str:
    """The id of the event of this kind that a change of the table made: the same whenever the change comes again.

    It has the event's moment in it, by which its deliveries are found.
    """
    digest = hashlib.sha256(f"{change}#{kind}".encode()).digest()[:16]
    name = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"evt_{min(max(at_ms, 0), _LAST_MS):013}_{name}"


def is_event_id(text: str) -> bool:
    """Whether `text` can be the id of an event."""
    return _EVENT_ID.fullmatch(text) is not None


def event_ms(ident: str) -> int:
    """The moment in an event's id, epoch milliseconds."""
    found = _EVENT_ID.fullmatch(ident)
    assert found
    return int(found[1])


def group_of(subscription_id: str, about: str) -> str:
    """Whose events keep their order at a subscription: those about one text or one number. It has no number."""
    return hashlib.sha256(f"{subscription_id}#{about}".encode()).hexdigest()[:32]
