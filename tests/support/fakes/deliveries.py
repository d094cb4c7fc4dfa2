"""Deliveries to webhook subscriptions, in memory: their queue, what is kept of each, and receivers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from longcode.aws import delivery_queue
from longcode.domain.deliveries import Delivery, DeliveryState, QueuedEvent, event_ms
from longcode.domain.errors import Unavailable
from longcode.domain.events import PublishResult
from longcode.use_cases.delivery_ports import DeliveryPage, Received
from longcode.use_cases.outbound_ports import CallFailed, OutboundAnswer
from longcode.use_cases.queue_ports import Envelope
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.queue import FakeQueue


class FakeDeliveryQueue:
    """delivery_ports.DeliveryQueue over a FIFO queue in memory; `queue` is that."""

    def __init__(self, clock: FakeClock, *, whole_groups: bool = False) -> None:
        self.faults = FaultInjector("put", "hide")
        self.queue = FakeQueue(clock, name="deliveries.fifo", max_receives=10**6, whole_groups=whole_groups)

    def put(self, events: Sequence[QueuedEvent]) -> PublishResult:
        for number, event in enumerate(events):
            try:
                with self.faults.around("put", event.event_id):
                    self.queue.append(
                        delivery_queue.body(event), event.group, delivery_queue.deduplication_id(event)
                    )
            except Unavailable:
                return PublishResult(number, "The delivery queue")
        return PublishResult(len(events))

    def hide(self, received: Sequence[Received], delay_s: int) -> None:
        with self.faults.around("hide"):
            envelopes = [
                Envelope(None, one.group, one.queue_id, one.receipt_handle, one.receives) for one in received
            ]
            self.queue.hide(envelopes, [delay_s] * len(envelopes))


class FakeDeliveryLog:
    """delivery_ports.DeliveryLog in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector("get", "save", "page")
        self.kept: dict[tuple[str, str], Delivery] = {}

    def get(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Delivery]:
        with self.faults.around("get"):
            return {key: self.kept[key] for key in keys if key in self.kept}

    def save(self, delivery: Delivery, before: Delivery | None) -> Delivery | None:
        key = delivery.event.subscription_id, delivery.event.event_id
        with self.faults.around("save", delivery.event.event_id):
            found = self.kept.get(key)
            if found is not None and (before is None or found.attempts != before.attempts):
                return None if found == delivery else found
            self.kept[key] = delivery
            return None

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
        with self.faults.around("page"):
            ids = sorted((ident for of, ident in self.kept if of == subscription_id), reverse=newest_first)
            within = [ident for ident in ids if since_ms <= event_ms(ident) < until_ms]
            if after is not None:
                within = [ident for ident in within if (ident < after if newest_first else ident > after)]
            found: list[Delivery] = []
            for ident in within:
                delivery = self.kept[subscription_id, ident]
                if state in (None, delivery.state):
                    found.append(delivery)
                if len(found) == at_most:
                    return DeliveryPage(found, ident)
            return DeliveryPage(found, None)


@dataclass(frozen=True)
class Called:
    """One call of a receiver, and its answer's status; None where it failed."""

    at_ms: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int | None


# What a receiver answers at a moment: its status, or None where it does not answer within the timeout.
Answer = Callable[[Called], int | None]


@dataclass
class FakeReceivers:
    """outbound_ports.Outbound: the user's own systems, by URL, in virtual time. `takes_ms` is each call's time."""

    clock: FakeClock
    answers: dict[str, Answer] = field(default_factory=dict)
    takes_ms: int = 50
    calls: list[Called] = field(default_factory=list)
    faults: FaultInjector = field(default_factory=lambda: FaultInjector("call"))

    def check(self, url: str) -> None:
        """Every URL may be called."""

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        timeout_s: float = 10.0,
        at_most: int = 4096,
    ) -> OutboundAnswer:
        assert method == "POST"
        with self.faults.around("call"):
            called = Called(self.clock.now_ms(), url, headers, content, None)
            answer = self.answers[url](called) if url in self.answers else 200
            self.clock.pass_ms(self.takes_ms if answer is not None else round(timeout_s * 1000))
            self.calls.append(Called(called.at_ms, url, headers, content, answer))
        if answer is None:
            raise CallFailed("timed out")
        return OutboundAnswer(answer, {}, b"")

    def taken(self, url: str) -> list[Called]:
        """The calls that it answered by 2xx, in their order."""
        return [one for one in self.calls if one.url == url and one.status and 200 <= one.status < 300]
