"""What the tests of deliveries have in common: a world with receivers, and the way of an event to them."""

import base64
import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from longcode.domain.message import Message
from longcode.domain.status import Status
from longcode.domain.subscriptions import Secret, Subscription
from tests.support.fakes import (
    FakeClock,
    FakeDeliveryLog,
    FakeDeliveryQueue,
    FakeReceivers,
    FakeSubscriptions,
    Mapping,
    World,
    make_world,
)
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import make_message
from tests.support.fakes.stream import event

URL = "https://hooks.example.com/sms"
SECRET = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
_numbers = itertools.count(1)


class Deliveries:
    """A world, its receivers, and one subscription to all events at URL."""

    def __init__(self, *, whole_groups: bool = False, **more: Any) -> None:
        clock = FakeClock()
        self.receivers = FakeReceivers(clock)
        parts: dict[str, Any] = {
            "clock": clock,
            "outbound": self.receivers,
            "delivery_queue": FakeDeliveryQueue(clock, whole_groups=whole_groups),
        }
        self.world: World = make_world(**(parts | more))
        self.clock = self.world.clock
        self._writes = 0
        self.subscription = self.subscribe()
        # One worker of each function, as a container that stays.
        self._publisher = self.world.handler("publisher")
        self.mapping = self.workers(5)

    @property
    def subscriptions(self) -> FakeSubscriptions:
        found = self.world.service.subscriptions
        assert isinstance(found, FakeSubscriptions)
        return found

    @property
    def queue(self) -> FakeDeliveryQueue:
        found = self.world.service.delivery_queue
        assert isinstance(found, FakeDeliveryQueue)
        return found

    @property
    def log(self) -> FakeDeliveryLog:
        found = self.world.service.delivery_log
        assert isinstance(found, FakeDeliveryLog)
        return found

    def subscribe(self, url: str = URL, *events: str) -> Subscription:
        """A subscription, to all events if none are named."""
        made = Subscription(
            f"whs_{next(_numbers):022}", url, frozenset(events or ["*"]), (Secret(SECRET),), START_MS
        )
        self.subscriptions.kept[made.id] = made
        return made

    def now(self) -> Subscription:
        """The subscription as it is."""
        return self.subscriptions.kept[self.subscription.id]

    def workers(self, count: int) -> Mapping:
        """So many workers of the deliverer in turn, each with a memory of its own."""
        turns = itertools.cycle([self.world.handler("deliverer") for _ in range(count)])
        return Mapping(self.queue.queue, lambda event, context: next(turns)(event, context))

    def publish(self, *writes: tuple[Message | Any, Message | Any]) -> Any:
        """Hand writes of the messages table to the publisher, which are there by then."""
        for _, after in writes:
            if isinstance(after, Message):
                self.world.messages.accept(after)
        self._writes += len(writes)
        return self._publisher(event(*writes, first=self._writes - len(writes) + 1), None)

    def text_events(self, ident: str | None = None) -> list[tuple[Message | None, Message]]:
        """The writes of a text that is queued, sent and delivered: three events."""
        now = self.clock.now_ms()
        queued = make_message(**({"id": ident} if ident else {}), accepted_ms=now, updated_ms=now)
        sent = replace(queued, status=Status.SENT, telnyx_id=queued.id)
        return [(None, queued), (queued, sent), (sent, replace(sent, status=Status.DELIVERED))]

    def run(self, until_ms: int | None = None, *, concurrency: int = 5) -> None:
        """Deliver until nothing is left, or until then."""
        self.mapping.run(until_ms=until_ms, concurrency=concurrency, at_most=1_000_000)
        if until_ms is not None and self.clock.now_ms() < until_ms:
            self.clock.sleep_until(until_ms)

    def statuses(self, url: str = URL) -> dict[str, list[str]]:
        """message id → the statuses that a receiver took, in their order."""
        found: dict[str, list[str]] = {}
        for one in self.receivers.taken(url):
            data = json.loads(one.body)["data"]
            found.setdefault(data["message_id"], []).append(data["status"])
        return found

    def ids(self, url: str = URL) -> Sequence[str]:
        """The ids of the events that a receiver took, in their order."""
        return [one.headers["webhook-id"] for one in self.receivers.taken(url)]
