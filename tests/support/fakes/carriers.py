"""What is known of carriers, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from longcode.domain.campaign import CampaignFacts
from longcode.domain.carrier_refusals import CarrierRefusal
from longcode.domain.carriers import Carrier, CarrierStop, Subscription
from tests.support.fakes.fault_injector import FaultInjector


class FakeCarriers:
    """carrier_store.Carriers in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector(
            "subscriptions", "learn", "forget", "take", "counted_on", "give_back", "stop", "refused", "know"
        )
        self.known: dict[str, Subscription] = {}
        self.counted: Counter[tuple[Carrier, str]] = Counter()
        self.stops: dict[str, dict[Carrier, CarrierStop]] = {}
        self.facts: dict[str, CampaignFacts] = {}

    def subscriptions(self, numbers: Sequence[str]) -> Mapping[str, Subscription]:
        with self.faults.around("subscriptions"):
            return {number: self.known[number] for number in numbers if number in self.known}

    def learn(self, number: str, subscription: Subscription) -> None:
        with self.faults.around("learn"):
            known = self.known.get(number)
            if known is None or known.seen_ms <= subscription.seen_ms:
                self.known[number] = subscription

    def forget(self, number: str) -> None:
        with self.faults.around("forget"):
            self.known.pop(number, None)

    def take(self, carrier: Carrier, day: str, at_most: int, weights: Sequence[int], until_ms: int) -> int:
        with self.faults.around("take"):
            room = at_most - self.counted[carrier, day]
            fits = sum(total <= room for total in accumulate(weights))
            self.counted[carrier, day] += sum(weights[:fits])
            return fits

    def counted_on(self, carrier: Carrier, day: str) -> int:
        with self.faults.around("counted_on"):
            return self.counted[carrier, day]

    def give_back(self, carrier: Carrier, day: str, weight: int) -> None:
        with self.faults.around("give_back"):
            if self.counted[carrier, day] >= weight:
                self.counted[carrier, day] -= weight

    def stop(self, sender: str, stop: CarrierStop) -> None:
        with self.faults.around("stop"):
            stops = self.stops.setdefault(sender, {})
            there = stops.get(stop.carrier)
            if there is None or there.until_ms < stop.until_ms:
                stops[stop.carrier] = stop

    def refused(self, sender: str, refusal: CarrierRefusal) -> CarrierStop | None:
        with self.faults.around("refused"):
            stops = self.stops.setdefault(sender, {})
            stop = refusal.stop(stops.get(refusal.carrier))
            if stop:
                stops[refusal.carrier] = stop
            return stop

    def know(self, sender: str, facts: CampaignFacts) -> None:
        with self.faults.around("know"):
            self.facts[sender] = facts

    def stops_of(self, sender: str) -> tuple[CarrierStop, ...]:
        """As a look at the gate shows them."""
        found = self.stops.get(sender, {})
        return tuple(found[carrier] for carrier in Carrier if carrier in found)
