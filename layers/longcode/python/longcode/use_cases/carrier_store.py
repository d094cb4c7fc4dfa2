"""The port for what is known of carriers: who is on which, what was counted for the day, and which are stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from longcode.domain.campaign import CampaignFacts
    from longcode.domain.carrier_refusals import CarrierRefusal
    from longcode.domain.carriers import Carrier, CarrierStop, Subscription


class Carriers(Protocol):
    """What is known of carriers. Limits.read_gate reads it too, for one recipient. May raise Unavailable."""

    def subscriptions(self, numbers: Sequence[str]) -> Mapping[str, Subscription]:
        """What was learnt of up to 100 numbers. One that nothing is known of is not in it."""

    def learn(self, number: str, subscription: Subscription) -> None:
        """Keep which carrier a number is on, in the place of what was seen before; what was seen later stays."""

    def forget(self, number: str) -> None:
        """Keep nothing of a number's carrier any more."""

    def take(self, carrier: Carrier, day: str, at_most: int, weights: Sequence[int], until_ms: int) -> int:
        """Count the first of `weights` on a day's count, as many as fit below `at_most`: how many of them did.

        The count is kept until two days after `until_ms`, the day's end.
        """

    def counted_on(self, carrier: Carrier, day: str) -> int:
        """How many segments are on a day's count."""

    def give_back(self, carrier: Carrier, day: str, weight: int) -> None:
        """Take segments that were not sent off a day's count; never below zero."""

    def stop(self, sender: str, stop: CarrierStop) -> None:
        """Let no text from `sender` go to a carrier for a while; never ends a longer stop sooner."""

    def refused(self, sender: str, refusal: CarrierRefusal) -> CarrierStop | None:
        """Let no text from `sender` go to the carrier that refused one, as `CarrierRefusal.stop` says.

        The stop, None where it says nothing new. Of several at once for one fault, one makes it.
        """

    def know(self, sender: str, facts: CampaignFacts) -> None:
        """Keep what the provider reported of a sender's campaign, in the place of what it reported before."""
