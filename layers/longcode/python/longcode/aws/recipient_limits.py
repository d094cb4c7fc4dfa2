"""When the last texts left to a recipient, in their item of the limits table."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from longcode.aws import limits_codec
from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.dynamo import Table
from longcode.domain import recipient_limits
from longcode.domain.errors import Unavailable
from longcode.domain.pacing import recipient_key
from longcode.domain.recipient_limits import RecipientLimit
from longcode.use_cases.recipient_store import Place

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The limits table"
# As the recipient's other limit is kept: longer than the longest period.
_KEEP_S = 31 * 86_400
# Each try that is lost is a place that another took, and a limit has at most 50 of them.
_TRIES = 100

type _Departures = tuple[int, ...]


class DynamoDepartures:
    """recipient_store.Departures over DynamoDB.

    All departures of a recipient are compared and set at once: how much room there is depends on each of them. Who
    loses the race learns from the refused write how they stand now, and needs no read before the next try. A write
    carries a mark of its own call, so that the client library may repeat one whose answer was lost. Only if others
    wrote in between is a place taken that no text uses.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self._table = Table(client, table, _WHAT)
        self._sleep = sleep

    def last(self, numbers: Sequence[str]) -> Mapping[str, _Departures]:
        if not numbers:
            return {}
        keys = {recipient_key(number): number for number in numbers}
        rows = {self._table.name: [{"pk": typed(key)} for key in keys]}
        items = get_items(self._table.client, rows, _WHAT, self._sleep)[self._table.name]
        found = {keys[item["pk"]["S"]]: limits_codec.departures(untyped_item(item)) for item in items}
        return {number: departures for number, departures in found.items() if departures}

    def take(
        self,
        number: str,
        limits: Sequence[RecipientLimit],
        now_ms: int,
        seen: _Departures,
        *,
        instead_of: int | None = None,
        at_any_rate: bool = False,
    ) -> Place:
        at_ms: int | None = None

        def changed(there: _Departures) -> _Departures:
            nonlocal at_ms
            others = _without(there, instead_of)
            if recipient_limits.free_ms(others, limits, now_ms) > now_ms and not at_any_rate:
                at_ms = None
                return others
            at_ms, departures = recipient_limits.with_departure(others, limits, now_ms)
            return departures

        return Place(departures=self._change(number, seen, changed, now_ms), at_ms=at_ms)

    def move(self, number: str, limits: Sequence[RecipientLimit], place_ms: int, left_ms: int) -> None:
        def changed(there: _Departures) -> _Departures:
            return recipient_limits.noted([*_without(there, place_ms), left_ms], limits)

        self._change(number, self.last([number]).get(number, ()), changed, left_ms)

    def give_back(self, number: str, place_ms: int) -> None:
        seen = self.last([number]).get(number, ())
        self._change(number, seen, lambda there: _without(there, place_ms), place_ms)

    def _change(
        self, number: str, seen: _Departures, changed: Callable[[_Departures], _Departures], now_ms: int
    ) -> _Departures:
        mark, expires = secrets.token_hex(8), now_ms // 1000 + _KEEP_S
        for _ in range(_TRIES):
            departures = changed(seen)
            if departures == seen:
                return seen
            try:
                self._write(number, seen, departures, mark, expires)
            except ConditionFailed as exc:
                item = untyped_item(exc.item)
                if item.get("departures_by") != mark:
                    seen = limits_codec.departures(item)
                    continue
            return departures
        raise Unavailable(_WHAT)

    def _write(self, number: str, seen: _Departures, departures: _Departures, mark: str, expires: int) -> None:
        change = "SET departures = :departures, departures_by = :by, expires_at = :expires"
        values: dict[str, object] = {":by": mark, ":departures": departures, ":expires": expires}
        if not departures:
            change = "SET departures_by = :by REMOVE departures"
            values = {":by": mark}
        as_seen = "departures = :seen" if seen else "attribute_not_exists(departures)"
        if seen:
            values[":seen"] = seen
        self._table.update(recipient_key(number), change, as_seen, values, "NONE")


def _without(departures: _Departures, place_ms: int | None) -> _Departures:
    return tuple(at_ms for at_ms in departures if at_ms != place_ms)
