"""The limits table: one item a limiter, and the item that stops all sending.

A reservation is one write that guesses on which side of now the limiter's TAT lies and is repeated on the
other side if it guessed wrong. Comparing and setting would collapse here: each loser of a race would have to
read and try again, where this adds to whatever the value has become.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from longcode.aws import ConditionFailed, translated
from longcode.errors import Unavailable
from longcode.pacing import ACCOUNT_KEY, Reservation, recipient_key, sender_key
from longcode.ports import Control, Limiter, Road

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The limits table"
# A limiter that nobody used for a day has nothing to say.
_KEEP_S = 86_400
# A day's count: that day, and one more for whoever wants to know.
_KEEP_COUNT_S = 2 * 86_400
_TRIES = 6
_CONTROL = "control"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class DynamoLimits:
    """ports.Limits over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, messages_table: str) -> None:
        self._client = client
        self._table = table
        # Whether the recipient has opted out is in the other table, and is asked in the same look.
        self._messages_table = messages_table

    def reserve(self, key: str, count: int, interval_ms: int, now_ms: int, *, ahead: bool = False) -> Reservation:
        for _ in range(_TRIES):
            try:
                item = self._update(
                    key,
                    f"SET tat = {'tat + :length' if ahead else ':end'}, expires_at = :expires",
                    "tat > :now" if ahead else "attribute_not_exists(tat) OR tat <= :now",
                    {":now": now_ms, ":expires": self._expiry(now_ms + count * interval_ms)}
                    | ({":length": count * interval_ms} if ahead else {":end": now_ms + count * interval_ms}),
                )
            except ConditionFailed:
                ahead = not ahead
                continue
            tat = int(item["tat"])
            return Reservation(tat - count * interval_ms, tat)
        # Both guesses lost each time: the TAT crossed now at every try, which only clocks far apart can do.
        raise Unavailable(_WHAT)

    def push(self, key: str, not_before_ms: int) -> None:
        values = {":at": not_before_ms, ":expires": self._expiry(not_before_ms)}
        try:
            self._update(
                key,
                "SET not_before = :at, expires_at = :expires",
                "attribute_not_exists(not_before) OR not_before < :at",
                values,
            )
        except ConditionFailed:
            return

    def count(self, key: str, at_most: int, now_ms: int) -> bool:
        try:
            self._update(
                key,
                "SET expires_at = :expires ADD counted :one",
                "attribute_not_exists(counted) OR counted < :most",
                {":one": 1, ":most": at_most, ":expires": now_ms // 1000 + _KEEP_COUNT_S},
            )
        except ConditionFailed:
            return False
        return True

    def uncount(self, key: str) -> None:
        with suppress(ConditionFailed):
            self._update(key, "ADD counted :less", "counted > :none", {":less": -1, ":none": 0})

    def look(self, recipient: str, sender: str) -> Road:
        keys = (recipient_key(recipient), sender_key(sender), ACCOUNT_KEY, _CONTROL)
        ledger = f"O#{recipient}"
        with translated(_WHAT):
            answer = self._client.batch_get_item(
                RequestItems={
                    self._table: {"Keys": [{"pk": _serialize(key)} for key in keys], "ConsistentRead": True},
                    self._messages_table: {"Keys": [{"pk": _serialize(ledger)}], "ConsistentRead": True},
                }
            )
        if answer.get("UnprocessedKeys"):
            # Not knowing whether sending is stopped is no leave to send.
            raise Unavailable(_WHAT)
        found = {item["pk"]["S"]: _plain(item) for item in answer["Responses"].get(self._table, [])}
        recipient_item, sender_item, account_item, control = (found.get(key, {}) for key in keys)
        return Road(
            recipient=_limiter(recipient_item),
            sender=_limiter(sender_item),
            account=_limiter(account_item),
            control=Control(
                paused_since_ms=_whole(control.get("paused_since")),
                pause_reason=str(control.get("pause_reason", "")),
                breaker_since_ms=_whole(control.get("breaker_since")),
                breaker_until_ms=_whole(control.get("breaker_until")),
                breaker_reason=str(control.get("breaker_reason", "")),
            ),
            opted_out=any(_plain(item)["opted_out"] for item in answer["Responses"].get(self._messages_table, [])),
        )

    def pause(self, now_ms: int, reason: str) -> None:
        self._update(
            _CONTROL,
            "SET paused_since = if_not_exists(paused_since, :now), pause_reason = :reason REMOVE expires_at",
            None,
            {":now": now_ms, ":reason": reason},
        )

    def resume(self) -> None:
        self._update(_CONTROL, "REMOVE paused_since, pause_reason, expires_at", None, {})

    def open_breaker(self, now_ms: int, until_ms: int, reason: str) -> None:
        self._update(
            _CONTROL,
            "SET breaker_since = if_not_exists(breaker_since, :now), breaker_until = :until, "
            "breaker_reason = :reason REMOVE expires_at",
            None,
            {":now": now_ms, ":until": until_ms, ":reason": reason},
        )

    def probe(self, now_ms: int, until_ms: int) -> bool:
        try:
            self._update(
                _CONTROL,
                "SET breaker_until = :until",
                "breaker_until <= :now",
                {":until": until_ms, ":now": now_ms},
            )
        except ConditionFailed:
            return False
        return True

    def close_breaker(self) -> None:
        self._update(_CONTROL, "REMOVE breaker_since, breaker_until, breaker_reason", None, {})

    def _expiry(self, at_ms: int) -> int:
        return at_ms // 1000 + _KEEP_S

    # Any: the table's JSON, read by the callers above.
    def _update(
        self, key: str, changes: str, condition: str | None, values: Mapping[str, str | int]
    ) -> dict[str, Any]:
        optional: dict[str, Any] = {}
        if condition:
            optional["ConditionExpression"] = condition
        if values:
            optional["ExpressionAttributeValues"] = {name: _serialize(value) for name, value in values.items()}
        with translated(_WHAT):
            item = self._client.update_item(
                TableName=self._table,
                Key={"pk": _serialize(key)},
                UpdateExpression=changes,
                ReturnValues="ALL_NEW",
                **optional,
            ).get("Attributes", {})
        return _plain(item)


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _deserialize(value) for name, value in item.items()}


def _limiter(item: dict[str, Any]) -> Limiter:
    return Limiter(_whole(item.get("tat")), _whole(item.get("not_before")))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
