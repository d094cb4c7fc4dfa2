"""What is known of carriers, in the limits table: with a recipient, with the sender, and as counts of a day."""

import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from longcode.aws import carrier_codec
from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.day_counts import DayCounts
from longcode.aws.dynamo import Table
from longcode.domain.campaign import CampaignFacts
from longcode.domain.carriers import BELIEVED_MS, Carrier, CarrierStop, Subscription
from longcode.domain.errors import Unavailable
from longcode.domain.pacing import recipient_key, sender_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    from longcode.domain.carrier_refusals import CarrierRefusal

_WHAT = "The limits table"
_TRIES = 6


class DynamoCarriers:
    """carrier_store.Carriers over DynamoDB.

    What is counted of a day is so as other counts are (`DayCounts`).
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self._table = Table(client, table, _WHAT)
        self._counts = DayCounts(client, table, sleep)
        self._sleep = sleep

    def subscriptions(self, numbers: Sequence[str]) -> Mapping[str, Subscription]:
        if not numbers:
            return {}
        keys = {recipient_key(number): number for number in numbers}
        rows = {self._table.name: [{"pk": typed(key)} for key in keys]}
        items = get_items(self._table.client, rows, _WHAT, self._sleep)[self._table.name]
        found = {keys[item["pk"]["S"]]: carrier_codec.subscription(untyped_item(item)) for item in items}
        return {number: known for number, known in found.items() if known}

    def learn(self, number: str, subscription: Subscription) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                recipient_key(number),
                "SET carrier = :carrier, line_type = :line, carrier_seen = :seen, expires_at = :expires",
                "attribute_not_exists(carrier_seen) OR carrier_seen <= :seen",
                {
                    ":carrier": subscription.carrier.value,
                    ":line": subscription.line_type,
                    ":seen": subscription.seen_ms,
                    ":expires": _expiry(subscription.seen_ms),
                },
                "NONE",
            )

    def forget(self, number: str) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                recipient_key(number),
                "REMOVE carrier, line_type, carrier_seen",
                "attribute_exists(carrier)",
                {},
                "NONE",
            )

    def take(self, carrier: Carrier, day: str, at_most: int, weights: Sequence[int], until_ms: int) -> int:
        return self._counts.take_fitting(_day_key(carrier, day), at_most, weights, until_ms)

    def read_count(self, carrier: Carrier, day: str) -> int:
        key = _day_key(carrier, day)
        return self._counts.read_counts([key])[key]

    def give_back(self, carrier: Carrier, day: str, weight: int) -> None:
        self._counts.uncount(_day_key(carrier, day), weight)

    def stop(self, sender: str, stop: CarrierStop) -> None:
        until = f"stop_{stop.carrier}"
        with suppress(ConditionFailed):
            self._write_stop(sender, stop, f"attribute_not_exists({until}) OR {until} < :until")

    def refused(self, sender: str, refusal: "CarrierRefusal") -> CarrierStop | None:
        until, before, mark = f"stop_{refusal.carrier}", None, secrets.token_hex(8)
        for _ in range(_TRIES):
            stop = refusal.stop(before)
            if stop is None:
                return None
            as_seen = f"{until} = :seen" if before else f"attribute_not_exists({until})"
            try:
                self._write_stop(sender, stop, as_seen, {":seen": before.until_ms} if before else {}, mark)
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("stopped_by") == mark:
                    # Written already, and only the answer was lost.
                    return stop
                before = carrier_codec.carrier_stop(item, refusal.carrier)
                continue
            return stop
        # Others wrote one between each look and the write after it.
        raise Unavailable(_WHAT)

    def _write_stop(
        self,
        sender: str,
        stop: CarrierStop,
        condition: str,
        values: Mapping[str, int] | None = None,
        mark: str = "",
    ) -> None:
        name = f"stop_{stop.carrier}"
        self._table.update(
            sender_key(sender),
            f"SET {name} = :until, {name}_by = :held, {name}_times = :times, expires_at = :expires, "
            "stopped_by = :mark",
            condition,
            {
                ":until": stop.until_ms,
                ":held": stop.held_by.value,
                ":times": stop.times,
                ":expires": _expiry(stop.until_ms),
                ":mark": mark,
                **(values or {}),
            },
            "NONE",
        )

    def know(self, sender: str, facts: CampaignFacts) -> None:
        reported = {name: value for name, value in asdict(facts).items() if value not in (None, "")}
        self._table.update(
            sender_key(sender),
            "SET campaign = :reported, expires_at = :expires",
            "",
            {":reported": reported, ":expires": _expiry(facts.read_ms)},
            "NONE",
        )


def _expiry(at_ms: int) -> int:
    return (at_ms + BELIEVED_MS) // 1000


def _day_key(carrier: Carrier, day: str) -> str:
    return f"carrier#{carrier}#{day}"
