"""The deliveries to a subscription as its user sees them, and asks for them again."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from longcode.domain.deliveries import Delivery
from longcode.domain.delivery_request import DeliveryQuery, ReplayRequest
from longcode.domain.errors import InvalidRequest, Unavailable, WebhooksOff
from longcode.domain.event_types import RECEIVED
from longcode.domain.subscriptions import Subscription
from longcode.use_cases.delivery_ports import DeliveryLog, DeliveryPage, DeliveryQueue
from longcode.use_cases.ports import Logger

# In one call, so that it ends in time. A call that has more to do says so.
REPLAYED_MOST = 500
_PAGE = 100


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many were put into the queue, and where the next call goes on; None if nothing is left."""

    replayed: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class DeliveryAdmin:
    """What a user does with deliveries. `queue` is None where nothing is delivered. May raise Unavailable."""

    log: DeliveryLog
    queue: DeliveryQueue | None
    logger: Logger

    def page(self, subscription: Subscription, wanted: DeliveryQuery) -> DeliveryPage:
        """One page, the newest event first."""
        return self.log.page(
            subscription.id,
            wanted.since_ms,
            wanted.until_ms,
            newest_first=True,
            state=wanted.state,
            after=wanted.after,
            at_most=wanted.limit,
        )

    def replay(self, subscription: Subscription, wanted: ReplayRequest) -> Replayed:
        """Have events delivered again, the oldest first. Raises InvalidRequest and WebhooksOff."""
        if self.queue is None:
            raise WebhooksOff(OFF)
        if subscription.disabled:
            raise InvalidRequest("The subscription is disabled. Enable it first.", field="subscription_id")
        cursor: str | None = None
        if wanted.event_ids:
            found = self._by_id(subscription, wanted)
        else:
            found, cursor = self._of_a_time(subscription, wanted)
        # Each request is a further delivery, also of one that was replayed a moment ago.
        name = secrets.token_hex(8)
        answer = self.queue.put([replace(one.event, replay=name) for one in _in_turns(found)])
        if answer.taken < len(found):
            raise Unavailable(answer.fault)
        self.logger.info("deliveries.replayed", subscription_id=subscription.id, replayed=len(found))
        return Replayed(len(found), cursor)

    def _by_id(self, subscription: Subscription, wanted: ReplayRequest) -> list[Delivery]:
        found = self.log.get([(subscription.id, ident) for ident in wanted.event_ids])
        for place, ident in enumerate(wanted.event_ids):
            if (subscription.id, ident) not in found:
                raise InvalidRequest(
                    "There is no delivery of this event to this subscription, or none any more.",
                    field=f"event_ids[{place}]",
                )
        return sorted(found.values(), key=lambda one: one.event.event_id)

    def _of_a_time(self, subscription: Subscription, wanted: ReplayRequest) -> tuple[list[Delivery], str | None]:
        found: list[Delivery] = []
        after = wanted.after
        while True:
            page = self.log.page(
                subscription.id,
                wanted.since_ms,
                wanted.until_ms,
                newest_first=False,
                state=None,
                after=after,
                at_most=min(_PAGE, REPLAYED_MOST - len(found)),
            )
            found += page.deliveries
            after = page.after
            if after is None or len(found) >= REPLAYED_MOST:
                return found, after


def _in_turns(found: Sequence[Delivery]) -> list[Delivery]:
    """The first event of each text, then the second of each, and so on.

    One call of the queue takes events of different groups. A text's events follow each other, so in the order of
    their time 500 of them are 400 calls one after the other; so they are 50.
    """
    groups: dict[str, list[Delivery]] = {}
    for one in found:
        groups.setdefault(one.event.group, []).append(one)
    rows = [sorted(members, key=_place) for members in groups.values()]
    return [one for turn in zip_longest(*rows) for one in turn if one]


def _place(one: Delivery) -> tuple[str, bool]:
    """The place of an event among those of its text: ids of the same millisecond are in no order.

    Of the two events of a text that came in and is unclear, that it came is the first.
    """
    return json.loads(one.event.data).get("sequence", ""), one.event.type != RECEIVED


OFF = "This stack delivers no events to URLs: set its parameter WebhookDeliveries to on."
