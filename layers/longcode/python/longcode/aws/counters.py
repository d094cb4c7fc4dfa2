"""How many messages are in each status, and more of a tag: `S#all` and `S#tag#<tag>`, counted exactly once."""

import hashlib
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import batched
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from longcode.aws import keys
from longcode.aws.attributes import typed, typed_item, untyped
from longcode.aws.clients import Sleep, get_items, translated
from longcode.aws.dynamo import Item
from longcode.domain import tag_counts
from longcode.domain.errors import Unavailable
from longcode.domain.events import Counted
from longcode.domain.tag_counts import Number, TagCounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The counters"
# What one transaction takes, the marker among them.
MOST_ITEMS = 100
# How many items each counter is. The first has the name that it had as the only one.
SHARDS = 8
# A transaction that meets another tries the next shard. With so many tries it visits each.
_TRIES = SHARDS
# How long it waits before that, at most, and how often the wait is doubled.
_BACKOFF_S, _DOUBLINGS = 0.02, 4
# What says that another transaction is under way: on one of the items, or the same one, which botocore repeats.
_MET = "TransactionConflict"
_SAME = "TransactionInProgressException"
# The stream keeps a change for a day, so that is how long one can come again.
_MARKER_S = 2 * 86_400
# Characters of a change's name in a marker: half of what AWS names it by, so that a batch of 38 is one write unit.
_NAME = 16

_DAY_MS = 86_400_000
# A page of the list of tags, and how many of them are read at most: a tag may be on it eight times.
_LIST_PAGE, _LIST_PAGES = 500, 20


@dataclass(slots=True)
class _Difference:
    """What a batch adds to one counter, by the names of its counts; and the last day that it has a new text of."""

    counts: dict[str, Number] = field(default_factory=dict)
    day_ms: int | None = None


# tag (None: all) → what changes of its counter.
Differences = dict[str | None, _Difference]


class DynamoCounters:
    """publish_ports.Counters over DynamoDB.

    A batch of the table's stream may come again, whole or cut otherwise. So the counts of a batch are written
    together with a marker that names its changes, on the condition that there is none yet.

    Each counter is several items, and a batch adds to one of them: DynamoDB cancels a transaction that meets
    another one on the same item, and a campaign's batches all count for the same tag. What is read is the sum.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        sleep: Sleep = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._chance = chance

    def read(self, tag: str | None) -> dict[str, int]:
        return dict(tag_counts.read(self._sums(tag)).by_status)

    def read_tag(self, tag: str) -> TagCounts:
        return tag_counts.read(self._sums(tag))

    def _sums(self, tag: str | None) -> dict[str, Number]:
        # One shard may have less than nothing: a text came into another one.
        sums: dict[str, Number] = {}
        wanted = [{"pk": typed(_key(tag, shard))} for shard in range(SHARDS)]
        for item in get_items(self._client, {self._table: wanted}, _WHAT, self._sleep)[self._table]:
            for name, value in item.items():
                if "N" in value:
                    sums[name] = sums.get(name, 0) + Decimal(value["N"])
        return sums

    def tags(self, since_ms: int, at_most: int) -> list[str]:
        found: dict[str, None] = {}
        more: Item = {}
        for _ in range(_LIST_PAGES):
            with translated(_WHAT):
                answer = self._client.query(
                    TableName=self._table,
                    IndexName="by_peer",
                    KeyConditionExpression="peer = :list AND accepted_ms >= :since",
                    ExpressionAttributeValues={":list": typed(keys.TAGS), ":since": typed(_day(since_ms))},
                    ScanIndexForward=False,
                    Limit=_LIST_PAGE,
                    **more,
                )
            found |= dict.fromkeys(_tag_of(item["pk"]["S"]) for item in answer["Items"])
            if len(found) >= at_most or "LastEvaluatedKey" not in answer:
                break
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return list(found)[:at_most]

    def add(self, counted: Sequence[Counted], now_ms: int) -> None:
        left = list(counted)
        while left:
            portion, differences = _portion(left)
            # Also where nothing is left to add: a part of it may have been counted before.
            there = self._write(portion, differences, now_ms)
            if there is None:
                left = left[len(portion) :]
                continue
            if len(there) > len(left):
                # Less came than was counted: what begins with the rest must find its marker too.
                with translated(_WHAT):
                    self._client.put_item(TableName=self._table, Item=_marker(there[len(left) :], now_ms))
            left = left[len(there) :]

    def _write(self, portion: Sequence[Counted], differences: Differences, now_ms: int) -> list[str] | None:
        """Count `portion`, or answer the names of what was counted before, from its first on."""
        mark: Item = {
            "TableName": self._table,
            "Item": _marker([name_of(one.event_id) for one in portion], now_ms),
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        first = int(self._chance() * SHARDS)
        for number in range(_TRIES):
            shard = (first + number) % SHARDS
            updates = [self._update(tag, shard, counts) for tag, counts in differences.items()]
            operations: Any = [{"Put": mark}, *updates]
            try:
                with translated(_WHAT):
                    self._client.transact_write_items(TransactItems=operations)
            except Unavailable as exc:
                reasons = _reasons(exc.__cause__)
                if reasons and reasons[0]["Code"] == "ConditionalCheckFailed":
                    return [
                        "".join(name)
                        for name in batched(untyped(reasons[0]["Item"]["events"]), _NAME, strict=True)
                    ]
                if not {_MET, _SAME} & {_code(exc.__cause__), *(reason["Code"] for reason in reasons)}:
                    raise
                self._sleep(self._chance() * _BACKOFF_S * 2 ** min(number, _DOUBLINGS))
            else:
                return None
        raise Unavailable(_WHAT)

    def _update(self, tag: str | None, shard: int, difference: _Difference) -> Item:
        places = [(f"#c{number}", f":c{number}", count) for number, count in enumerate(difference.counts)]
        names = {name: str(count) for name, _, count in places}
        values = {value: typed(difference.counts[count]) for _, value, count in places}
        changes = "ADD " + ", ".join(f"{name} {value}" for name, value, _ in places)
        if difference.day_ms is not None:
            # On the list of tags. It has the day alone, so the entry of the index is written once a day.
            changes = f"SET peer = :list, accepted_ms = :day {changes}"
            values |= {":list": typed(keys.TAGS), ":day": typed(difference.day_ms)}
        # No item of a counter expires: of several each would go at a time of its own, and what is left be wrong.
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": typed(_key(tag, shard))},
                "UpdateExpression": changes,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        }


def _key(tag: str | None, shard: int) -> str:
    # A number at the end of a tag's key could be a part of the tag.
    which = shard or ""
    return f"S#all{which}" if tag is None else f"S#tag{which}#{tag}"


def _tag_of(key: str) -> str:
    return re.sub(r"\AS#tag[0-9]*#", "", key)


def _day(at_ms: int) -> int:
    return at_ms // _DAY_MS * _DAY_MS


def name_of(event_id: str) -> str:
    """What a marker names a change by: no two of the two days that it is kept have the same."""
    return hashlib.blake2b(event_id.encode(), digest_size=_NAME // 2).hexdigest()


def _marker(names: Sequence[str], now_ms: int) -> Item:
    return typed_item({"pk": f"B#{names[0]}", "events": "".join(names), "expires_at": now_ms // 1000 + _MARKER_S})


def _portion(counted: Sequence[Counted]) -> tuple[Sequence[Counted], Differences]:
    """As many of the first as one transaction can count, and what changes by them."""
    differences: Differences = {}
    for number, one in enumerate(counted):
        new = {tag for tag, _, _ in one.differences()} - differences.keys()
        if len(differences) + len(new) >= MOST_ITEMS:
            return counted[:number], _without_zeros(differences)
        for tag, name, by in one.differences():
            counts = differences.setdefault(tag, _Difference()).counts
            counts[name] = counts.get(name, 0) + by
        if one.new_tag:
            own = differences.setdefault(one.new_tag, _Difference())
            own.day_ms = max(_day(one.accepted_ms), own.day_ms or 0)
    return counted, _without_zeros(differences)


def _without_zeros(differences: Differences) -> Differences:
    for difference in differences.values():
        difference.counts = {name: by for name, by in difference.counts.items() if by}
    return {tag: difference for tag, difference in differences.items() if difference.counts}


def _code(cause: BaseException | None) -> str:
    return cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""


def _reasons(cause: BaseException | None) -> list[Item]:
    """Why a transaction was cancelled, operation by operation; nothing if it failed otherwise."""
    if not isinstance(cause, ClientError):
        return []
    # Any: the reasons come with this one error only, so botocore's type does not have them.
    response: dict[str, Any] = dict(cause.response)
    reasons: list[Item] = response.get("CancellationReasons", [])
    return reasons
