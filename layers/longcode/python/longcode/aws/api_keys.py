"""What API keys may do, in the messages table: one item for each key, by the id that API Gateway gave it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from longcode.aws.attributes import typed_item, untyped_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Table
from longcode.domain.api_keys import GUESTS_MOST, ApiKey, KeyKind, Scope

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# The stream's filter does not let these through.
PREFIX = "K#"
_WHAT = "The table of API keys"
# An ended key is kept for longer than a backup of the table, so that no restore lets it live again.
_KEEP_ENDED_S = 40 * 86_400
_HAS_LIST = "attribute_exists(pk) AND kind = :guest_list"


class DynamoApiKeys:
    """key_store.KeyStore over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table, _WHAT)

    def get(self, key_id: str) -> ApiKey | None:
        item = self._table.get(PREFIX + key_id)
        return None if item is None else _key(untyped_item(item))

    def create(self, key: ApiKey) -> bool:
        try:
            self._table.put(typed_item(_fields(key)), "attribute_not_exists(pk)")
        except ConditionFailed as exc:
            # Written already, where only the answer was lost.
            return _key(untyped_item(exc.item)) == key
        return True

    def end(self, key_id: str, at_ms: int | None) -> bool:
        if at_ms is None:
            change, values = "REMOVE expires_ms, expires_at", {}
        else:
            change = "SET expires_ms = :at, expires_at = :gone"
            values = {":at": at_ms, ":gone": at_ms // 1000 + _KEEP_ENDED_S}
        try:
            self._table.update(PREFIX + key_id, change, "attribute_exists(pk)", values, returns="NONE")
        except ConditionFailed:
            return False
        return True

    def allow(self, key_id: str, number: str) -> bool:
        room = "(attribute_not_exists(guests) OR size(guests) < :most OR contains(guests, :number))"
        values = {":number": number, ":most": GUESTS_MOST}
        return self._change_list(key_id, "ADD guests :numbers", f"{_HAS_LIST} AND {room}", number, values)

    def disallow(self, key_id: str, number: str) -> bool:
        return self._change_list(key_id, "DELETE guests :numbers", _HAS_LIST, number, {})

    def _change_list(
        self, key_id: str, change: str, condition: str, number: str, values: Mapping[str, object]
    ) -> bool:
        own = {":numbers": frozenset([number]), ":guest_list": KeyKind.GUEST_LIST}
        try:
            self._table.update(PREFIX + key_id, change, condition, {**values, **own}, returns="NONE")
        except ConditionFailed:
            return False
        return True


# Any: an item is whatever JSON the table holds.
def _fields(key: ApiKey) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "pk": PREFIX + key.id,
        "name": key.name,
        "kind": key.kind,
        "scopes": key.scopes,
        "created_ms": key.created_ms,
        "guests": key.guests,
        "expires_ms": key.expires_ms,
        "owner_id": key.owner_id,
    }
    # A set of nothing is none to DynamoDB.
    return {name: value for name, value in fields.items() if value}


# Any: the same.
def _key(fields: Mapping[str, Any]) -> ApiKey:
    """The key in an item. A scope of a later version is left out; a kind of one reaches no one."""
    expires = fields.get("expires_ms")
    kind = str(fields.get("kind"))
    return ApiKey(
        id=str(fields["pk"]).removeprefix(PREFIX),
        name=str(fields.get("name", "")),
        kind=KeyKind(kind) if kind in set(KeyKind) else KeyKind.TEST,
        scopes=frozenset(Scope(scope) for scope in fields.get("scopes", ()) if scope in set(Scope)),
        created_ms=int(fields.get("created_ms", 0)),
        guests=frozenset(fields.get("guests", ())),
        expires_ms=None if expires is None else int(expires),
        owner_id=str(fields.get("owner_id", "")),
    )
