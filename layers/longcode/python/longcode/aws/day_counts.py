"""Counts of a day in the limits table: of what an API key, a destination or a carrier may have."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING

from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.dynamo import Table
from longcode.domain.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

WHAT = "The limits table"
# That day, and one more to be looked up.
_KEEP_S = 2 * 86_400
_TRIES = 6


class DayCounts:
    """The counts of ports.Limits over DynamoDB: a count adds where there is still room.

    So of parallel writers each gets what it counted. Its writes carry a mark of their own call.
    """

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Sleep) -> None:
        self._table = Table(client, table, WHAT)
        self._sleep = sleep

    def count(self, key: str, at_most: int, now_ms: int, many: int = 1) -> int:
        return self.take_fitting(key, at_most, [1] * many, now_ms)

    def take_fitting(self, key: str, at_most: int, weights: Sequence[int], until_ms: int) -> int:
        """Add the first of `weights` that fit below `at_most`; how many. The count stays two days from then."""
        mark, fits = secrets.token_hex(8), _fitting(weights, at_most)
        for _ in range(_TRIES):
            if not fits:
                return 0
            total = sum(weights[:fits])
            try:
                self._table.update(
                    key,
                    "SET expires_at = :expires, counted_by = :by ADD counted :more",
                    "(attribute_not_exists(counted) OR counted <= :room) "
                    "AND (attribute_not_exists(counted_by) OR counted_by <> :by)",
                    {
                        ":more": total,
                        ":room": at_most - total,
                        ":expires": until_ms // 1000 + _KEEP_S,
                        ":by": mark,
                    },
                )
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("counted_by") == mark:
                    # Counted already, and only the answer was lost.
                    return fits
                fits = _fitting(weights[:fits], at_most - int(item["counted"]))
                continue
            return fits
        # Others counted between each look and the write after it.
        raise Unavailable(WHAT)

    def uncount(self, key: str, many: int = 1) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                key,
                "SET counted_by = :by ADD counted :less",
                "counted >= :many AND (attribute_not_exists(counted_by) OR counted_by <> :by)",
                {":less": -many, ":many": many, ":by": secrets.token_hex(8)},
            )

    def read_counts(self, keys: Sequence[str]) -> dict[str, int]:
        if not keys:
            return {}
        rows = {self._table.name: [{"pk": typed(key)} for key in keys]}
        items = get_items(self._table.client, rows, WHAT, self._sleep)[self._table.name]
        found = {item["pk"]["S"]: int(untyped_item(item).get("counted", 0)) for item in items}
        return {key: found.get(key, 0) for key in keys}


def _fitting(weights: Sequence[int], room: int) -> int:
    """How many of the first of `weights` come to `room` at the most."""
    return sum(total <= room for total in accumulate(weights))
