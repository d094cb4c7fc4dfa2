"""What became of each event at each webhook subscription, in the webhooks table: one item for each of both."""

# Key: `D#<subscription id>#<day of the event, UTC>`, and the event's id, which begins with its moment. So a
# delivery is found by its id alone, and those of a day are in the order of their events.

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from longcode.aws.attributes import typed_item, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items, translated
from longcode.aws.dynamo import Item
from longcode.domain.deliveries import (
    DAY_MS,
    KEPT_DAYS,
    Attempt,
    Delivery,
    DeliveryState,
    QueuedEvent,
    event_ms,
)
from longcode.domain.message import utc
from longcode.use_cases.delivery_ports import DeliveryPage

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The webhooks table"
PREFIX = "D#"
# As many keys as one call takes.
_BATCH = 100
# How many items one page looks at, where few of them are in the state that is asked for.
_MOST_READ = 1_000


class DynamoDeliveryLog:
    """delivery_ports.DeliveryLog over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def get(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Delivery]:
        found: dict[tuple[str, str], Delivery] = {}
        for some in batched(dict.fromkeys(keys), _BATCH, strict=False):
            wanted = {self._table: [_key(*one) for one in some]}
            for item in get_items(self._client, wanted, _WHAT, self._sleep)[self._table]:
                delivery = _read(item)
                found[delivery.event.subscription_id, delivery.event.event_id] = delivery
        return found

    def save(self, delivery: Delivery, before: Delivery | None) -> Delivery | None:
        item = _written(delivery)
        # Attempts are only ever added, so that they say which state of it was read.
        condition = "attempts = :before" if before else "attribute_not_exists(pk)"
        optional: Any = {}
        if before:
            optional["ExpressionAttributeValues"] = typed_item({":before": _attempts(before)})
        try:
            with translated(_WHAT):
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=condition,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **optional,
                )
        except ConditionFailed as exc:
            if not exc.item:
                # It is older than it is kept for, and went meanwhile.
                return self.save(delivery, None)
            found = _read(exc.item)
            # Done already, and only the answer was lost.
            return None if found == delivery else found
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
        found: list[Delivery] = []
        looked = 0
        for pk in self._days(subscription_id, since_ms, until_ms, after, newest_first=newest_first):
            low, high = f"evt_{max(since_ms, 0):013}", f"evt_{max(until_ms, 0):013}"
            if after and newest_first:
                high = min(high, after)
            elif after:
                low = max(low, after)
            if low > high:
                # DynamoDB refuses such a range.
                continue
            for item in self._items(pk, low, high, newest_first=newest_first):
                delivery = _read(item)
                if delivery.event.event_id in (after, high):
                    continue
                looked += 1
                if state in (None, delivery.state):
                    found.append(delivery)
                if len(found) == at_most or looked == _MOST_READ:
                    return DeliveryPage(found, delivery.event.event_id)
        return DeliveryPage(found, None)

    @staticmethod
    def _days(
        subscription_id: str, since_ms: int, until_ms: int, after: str | None, *, newest_first: bool
    ) -> Iterator[str]:
        """The keys of the days that may have some."""
        first, last = since_ms // DAY_MS, (until_ms - 1) // DAY_MS
        if after:
            begun = event_ms(after) // DAY_MS
            first, last = (first, min(last, begun)) if newest_first else (max(first, begun), last)
        days = range(last, first - 1, -1) if newest_first else range(first, last + 1)
        return (_day_key(subscription_id, day * DAY_MS) for day in days)

    def _items(self, pk: str, low: str, high: str, *, newest_first: bool) -> Iterator[Item]:
        """Those of a day, from one sort key to another."""
        more: Any = {}
        while True:
            with translated(_WHAT):
                answer = self._client.query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
                    ExpressionAttributeValues=typed_item({":pk": pk, ":low": low, ":high": high}),
                    ScanIndexForward=not newest_first,
                    **more,
                )
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _day_key(subscription_id: str, at_ms: int) -> str:
    return f"{PREFIX}{subscription_id}#{utc(at_ms):%Y-%m-%d}"


def _key(subscription_id: str, event_id: str) -> Item:
    return typed_item({"pk": _day_key(subscription_id, event_ms(event_id)), "sk": event_id})


def _written(delivery: Delivery) -> Item:
    event = delivery.event
    kept_until_ms = event_ms(event.event_id) + (KEPT_DAYS + 1) * DAY_MS
    if delivery.attempts:
        # An event of long ago that came now is kept for a while all the same.
        kept_until_ms = max(kept_until_ms, delivery.attempts[-1].at_ms + DAY_MS)
    fields: dict[str, Any] = {
        "type": event.type,
        "group": event.group,
        "data": event.data,
        "message_id": event.message_id,
        "state": delivery.state,
        "attempts": _attempts(delivery),
        "next_attempt_ms": delivery.next_attempt_ms,
        "expires_at": kept_until_ms // 1000,
    }
    written = typed_item({name: value for name, value in fields.items() if value is not None})
    return _key(event.subscription_id, event.event_id) | written


# In one attribute, which is compared as a whole; a list of maps would be three times as long.
def _attempts(delivery: Delivery) -> str:
    rows = [[one.at_ms, one.status, one.error, one.duration_ms] for one in delivery.attempts]
    return json.dumps(rows, separators=(",", ":"))


def _read(item: Mapping[str, Any]) -> Delivery:
    fields = untyped_item(item)
    subscription_id = fields["pk"].removeprefix(PREFIX).rpartition("#")[0]
    next_ms = fields.get("next_attempt_ms")
    return Delivery(
        QueuedEvent(
            subscription_id=subscription_id,
            event_id=fields["sk"],
            type=fields["type"],
            group=fields["group"],
            data=fields["data"],
            message_id=fields.get("message_id"),
        ),
        DeliveryState(fields["state"]),
        tuple(Attempt(*row) for row in json.loads(fields["attempts"])),
        None if next_ms is None else int(next_ms),
    )
