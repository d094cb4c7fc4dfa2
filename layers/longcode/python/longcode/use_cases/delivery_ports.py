"""The ports of deliveries to webhook subscriptions: their queue, and what is kept of each."""

# Times are epoch milliseconds.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from longcode.domain.deliveries import Delivery, DeliveryState, QueuedEvent
from longcode.domain.events import PublishResult


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the delivery queue as received.

    `event` is None where the body can't be read; `newer` says that a later release can. `sent_ms` is when it was
    put in, by the queue's clock.
    """

    event: QueuedEvent | None
    group: str
    queue_id: str
    receipt_handle: str
    receives: int
    sent_ms: int
    newer: bool = False


class DeliveryQueue(Protocol):
    """The queue of events for subscriptions, in order for each group."""

    def put(self, events: Sequence[QueuedEvent]) -> PublishResult:
        """Put events in, in their order; those of one group never overtake each other. Never raises.

        The same event for the same subscription twice within five minutes is once, unless `replay` differs.
        """

    def hide(self, received: Sequence[Received], delay_s: int) -> None:
        """Hide them for so many seconds, with all behind them in their groups. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, and the id of the event that the next page begins behind; None if this was the last."""

    deliveries: Sequence[Delivery]
    after: str | None


class DeliveryLog(Protocol):
    """What became of each event at each subscription, for KEPT_DAYS. Each call may raise Unavailable."""

    def get(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Delivery]:
        """Those that there are of up to 100 (subscription id, event id)."""

    def save(self, delivery: Delivery, before: Delivery | None) -> Delivery | None:
        """Write it in the place of `before`, as it was read. If that is not there any more nothing is written,
        and what is there is returned.
        """

    def page(
        self,
        subscription_id: str,
        since_ms: int,
        until_ms: int,
        *,
        newest_first: bool,
        state: DeliveryState | None,
        after: str | None,
        at_most: int,
    ) -> DeliveryPage:
        """Those whose event was from `since_ms` on and before `until_ms`, behind that of the id `after`.

        A page may have fewer than `at_most`, or none, and there may be more all the same.
        """
