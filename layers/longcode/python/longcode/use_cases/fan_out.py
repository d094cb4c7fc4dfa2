"""Each published event to each webhook subscription that wants it, by the delivery queue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from longcode.domain import webhook_body
from longcode.domain.deliveries import QueuedEvent, group_of
from longcode.domain.errors import Unavailable
from longcode.domain.events import Event, PublishResult
from longcode.domain.subscriptions import Subscription
from longcode.use_cases.delivery_ports import DeliveryQueue
from longcode.use_cases.subscription_cache import SubscriptionCache


@dataclass(frozen=True, slots=True)
class FanOut:
    """From the publisher's events to queue messages."""

    subscriptions: SubscriptionCache
    deliveries: DeliveryQueue

    def queue(self, events: Sequence[Event]) -> PublishResult:
        """Queue events for all who want them; how many events, from the first on, are queued for every one.

        Never raises. Where the subscriptions can't be read it is none.
        """
        try:
            subscriptions = self.subscriptions.all()
        except Unavailable as exc:
            return PublishResult(0, exc.what)
        rows = [(number, one) for number, event in enumerate(events) for one in _wanted(event, subscriptions)]
        if not rows:
            return PublishResult(len(events))
        answer = self.deliveries.put([one for _, one in rows])
        done = len(events) if answer.taken == len(rows) else rows[answer.taken][0]
        return PublishResult(done, answer.fault)


def _wanted(event: Event, subscriptions: Sequence[Subscription]) -> Iterator[QueuedEvent]:
    wanting = [one for one in subscriptions if one.wants(event.kind)]
    if not wanting:
        return
    data = webhook_body.kept(event.detail) if event.message_id else webhook_body.whole(event.detail)
    for one in wanting:
        group = group_of(one.id, event.about)
        yield QueuedEvent(one.id, event.id, event.kind, group, data, event.message_id)
