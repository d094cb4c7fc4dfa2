"""The webhook subscriptions, in the webhooks table: one item each, all under one key."""

import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from longcode.aws.attributes import typed, typed_item, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, pause_s, translated
from longcode.aws.dynamo import Item
from longcode.domain.errors import Unavailable
from longcode.domain.subscriptions import DisabledReason, Secret, Subscription

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The webhooks table"
PK = "subscriptions"
# Sorts apart from every id. Each creation moves it on, so that of two that have counted the same one is refused.
_GUARD = "#creations"
# How often a creation that met another counts anew: each time one of them was made.
_TRIES = 8
# What says that another write of the same items is under way.
_MET = frozenset(["TransactionConflict", "TransactionInProgressException"])
_THERE = "attribute_exists(pk)"


class DynamoSubscriptions:
    """subscription_store.Subscriptions over DynamoDB.

    How many there are is no condition that DynamoDB knows. A creation counts the items, and writes the new one
    together with a guard that must be as it was when they were counted. A deletion leaves the guard alone: it only
    makes room.
    """

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def all(self) -> list[Subscription]:
        found = [_read(item) for key, item in self._items().items() if key != _GUARD]
        return sorted(found, key=lambda one: (one.created_ms, one.id))

    def get(self, subscription_id: str) -> Subscription | None:
        with translated(_WHAT):
            answer = self._client.get_item(TableName=self._table, Key=_key(subscription_id), ConsistentRead=True)
        return _read(answer["Item"]) if "Item" in answer else None

    def create(self, subscription: Subscription, at_most: int) -> bool:
        for tries in range(1, _TRIES + 1):
            items = self._items()
            if subscription.id in items:
                # Done already, and only the answer was lost.
                return True
            guard = items.pop(_GUARD, None)
            if len(items) >= at_most:
                return False
            if self._write(subscription, int(guard["creations"]["N"]) if guard else 0):
                return True
            self._sleep(pause_s(tries))
        raise Unavailable(_WHAT)

    def _write(self, subscription: Subscription, creations: int) -> bool:
        """Write a new one, if none was made since so many `creations`."""
        guard: Any = {
            "TableName": self._table,
            "Key": _key(_GUARD),
            "UpdateExpression": "SET creations = :next",
            "ConditionExpression": "creations = :before" if creations else "attribute_not_exists(pk)",
            "ExpressionAttributeValues": typed_item(
                {":next": creations + 1} | ({":before": creations} if creations else {})
            ),
        }
        item = {"pk": typed(PK), "sk": typed(subscription.id)} | _written(subscription)
        put: Any = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            with translated(_WHAT):
                self._client.transact_write_items(TransactItems=[{"Update": guard}, {"Put": put}])
        except Unavailable as exc:
            if _codes(exc.__cause__) & {"ConditionalCheckFailed", *_MET}:
                return False
            raise
        return True

    def change(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        events: frozenset[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Subscription | None:
        said = {"url": url, "events": events, "description": description}
        values = {f":{name}": value for name, value in said.items() if value is not None}
        changes = [f"#{name} = :{name}" for name, value in said.items() if value is not None]
        gone = ["failing_since_ms"] if enabled or url is not None else []
        if enabled:
            gone += ["disabled", "disabled_by"]
        elif enabled is False:
            # Why it was disabled before still holds.
            changes.append("disabled = if_not_exists(disabled, :request)")
            values[":request"] = DisabledReason.REQUEST
        expression = f"SET {', '.join(changes)}" if changes else ""
        if gone:
            expression += f" REMOVE {', '.join(gone)}"
        if not expression:
            return self.get(subscription_id)
        try:
            return _read(self._changed(subscription_id, expression.strip(), _THERE, values))
        except ConditionFailed:
            return None

    def set_secrets(self, subscription_id: str, before: tuple[Secret, ...], after: tuple[Secret, ...]) -> bool:
        values = {":before": _secrets(before), ":after": _secrets(after)}
        try:
            self._changed(subscription_id, "SET secrets = :after", f"{_THERE} AND secrets = :before", values)
        except ConditionFailed as exc:
            # Done already, and only the answer was lost: no other call has these secrets.
            return bool(exc.item) and exc.item["secrets"] == typed(values[":after"])
        return True

    def delete(self, subscription_id: str) -> bool:
        with translated(_WHAT):
            answer = self._client.delete_item(
                TableName=self._table, Key=_key(subscription_id), ReturnValues="ALL_OLD"
            )
        return "Attributes" in answer

    def note_failing(self, subscription_id: str, since_ms: int) -> Subscription | None:
        condition = f"{_THERE} AND (attribute_not_exists(failing_since_ms) OR failing_since_ms > :since)"
        try:
            return _read(
                self._changed(subscription_id, "SET failing_since_ms = :since", condition, {":since": since_ms})
            )
        except ConditionFailed as exc:
            return _read(exc.item) if exc.item else None

    def note_success(self, subscription_id: str) -> None:
        with suppress(ConditionFailed):
            self._changed(subscription_id, "REMOVE failing_since_ms", _THERE, {})

    def disable(self, subscription_id: str, reason: DisabledReason) -> bool:
        values = {":reason": reason, ":by": secrets.token_hex(8)}
        changes, condition = "SET disabled = :reason, disabled_by = :by", "attribute_not_exists(disabled)"
        try:
            self._changed(subscription_id, changes, f"{_THERE} AND {condition}", values)
        except ConditionFailed as exc:
            # Done already, and only the answer was lost.
            return untyped_item(exc.item).get("disabled_by") == values[":by"]
        return True

    # Any: the values are plain, and DynamoDB's types differ by attribute.
    def _changed(self, subscription_id: str, changes: str, condition: str, values: dict[str, Any]) -> Item:
        optional: Any = {"ExpressionAttributeValues": typed_item(values)} if values else {}
        names = {f"#{name}": name for name in re.findall(r"#(\w+)", changes)}
        if names:
            optional["ExpressionAttributeNames"] = names
        with translated(_WHAT):
            return self._client.update_item(
                TableName=self._table,
                Key=_key(subscription_id),
                UpdateExpression=changes,
                ConditionExpression=condition,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **optional,
            )["Attributes"]

    def _items(self) -> dict[str, Item]:
        """Each item by its sort key, the guard among them. They are few and small: one page."""
        with translated(_WHAT):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": typed(PK)},
                ConsistentRead=True,
            )
        return {item["sk"]["S"]: item for item in answer["Items"]}


def _key(subscription_id: str) -> Any:
    return {"pk": typed(PK), "sk": typed(subscription_id)}


def _written(one: Subscription) -> Item:
    fields: dict[str, Any] = {
        "url": one.url,
        "events": one.events,
        "secrets": _secrets(one.secrets),
        "created_ms": one.created_ms,
        "description": one.description,
        "disabled": one.disabled,
        "failing_since_ms": one.failing_since_ms,
    }
    return typed_item({name: value for name, value in fields.items() if value is not None})


def _secrets(found: tuple[Secret, ...]) -> list[dict[str, Any]]:
    return [{"value": one.value, "expires_ms": one.expires_ms} for one in found]


def _read(item: Item) -> Subscription:
    fields = untyped_item(item)
    failing = fields.get("failing_since_ms")
    return Subscription(
        id=fields["sk"],
        url=fields["url"],
        events=frozenset(fields["events"]),
        secrets=tuple(
            Secret(one["value"], None if one["expires_ms"] is None else int(one["expires_ms"]))
            for one in fields["secrets"]
        ),
        created_ms=int(fields["created_ms"]),
        description=fields["description"],
        disabled=DisabledReason(fields["disabled"]) if "disabled" in fields else None,
        failing_since_ms=None if failing is None else int(failing),
    )


def _codes(cause: BaseException | None) -> set[str]:
    """Why a write was refused: the error's code, and of a transaction that of each operation."""
    if not isinstance(cause, ClientError):
        return set()
    # Any: the reasons come with this one error only, so botocore's type does not have them.
    response: dict[str, Any] = dict(cause.response)
    reasons: list[Item] = response.get("CancellationReasons", [])
    return {response["Error"]["Code"], *(reason["Code"] for reason in reasons)}
