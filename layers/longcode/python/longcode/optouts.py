"""The ledger of who wants no texts: one item a number in the messages table, without an end."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from longcode.aws import ConditionFailed, translated
from longcode.ports import OptOut, OptOutChange

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The messages table"
# The by_peer index lists the opted-out under this key, which is no phone number.
_LIST = "optouts"

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class DynamoOptOuts:
    """ports.OptOuts over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, number: str) -> OptOut | None:
        with translated(_WHAT):
            item = self._client.get_item(
                TableName=self._table, Key={"pk": _serialize(f"O#{number}")}, ConsistentRead=True
            ).get("Item")
        return image(item) if item else None

    def put(self, number: str, change: OptOutChange) -> bool:
        was = self.get(number)
        if was and was.opted_out is change.opted_out:
            # Said once more: it holds from now on, and is no line in the history, which would grow without end.
            self._say_again(number, change.at_ms)
            return False
        listed = "SET peer = :list, accepted_ms = :at, " if change.opted_out else "SET "
        values: dict[str, object] = {
            ":out": change.opted_out,
            ":at": change.at_ms,
            ":number": number,
            ":none": [],
            ":row": [
                {
                    "at_ms": change.at_ms,
                    "opted_out": change.opted_out,
                    "source": change.source,
                    "note": change.note,
                }
            ],
        }
        if change.opted_out:
            values[":list"] = _LIST
        try:
            with translated(_WHAT):
                self._client.update_item(
                    TableName=self._table,
                    Key={"pk": _serialize(f"O#{number}")},
                    UpdateExpression=listed
                    + "phone = :number, opted_out = :out, changed_ms = :at, "
                    + "history = list_append(if_not_exists(history, :none), :row)"
                    + ("" if change.opted_out else " REMOVE peer, accepted_ms"),
                    # An event that is older than the last change, or that change once more, has no say.
                    ConditionExpression="attribute_not_exists(pk) OR changed_ms < :at",
                    ExpressionAttributeValues={name: _serialize(value) for name, value in values.items()},
                )
        except ConditionFailed:
            return False
        return True

    def _say_again(self, number: str, at_ms: int) -> None:
        with suppress(ConditionFailed), translated(_WHAT):
            self._client.update_item(
                TableName=self._table,
                Key={"pk": _serialize(f"O#{number}")},
                UpdateExpression="SET changed_ms = :at",
                ConditionExpression="changed_ms < :at",
                ExpressionAttributeValues={":at": _serialize(at_ms)},
            )

    def page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        start: dict[str, Any] = {}
        if after:
            start["ExclusiveStartKey"] = {
                "peer": _serialize(_LIST),
                "accepted_ms": _serialize(after[0]),
                "pk": _serialize(f"O#{after[1]}"),
            }
        with translated(_WHAT):
            answer = self._client.query(
                TableName=self._table,
                IndexName="by_peer",
                KeyConditionExpression="peer = :list",
                ExpressionAttributeValues={":list": _serialize(_LIST)},
                Limit=at_most,
                **start,
            )
        return [image(item) for item in answer["Items"]]


# Any: an item of the table as DynamoDB types it.
def image(item: Mapping[str, Any]) -> OptOut:
    """The entry in an item, as a read or the table's stream has it."""
    fields = {name: _deserialize(value) for name, value in item.items()}
    return OptOut(
        number=fields["phone"],
        opted_out=fields["opted_out"],
        changes=tuple(
            OptOutChange(int(row["at_ms"]), row["opted_out"], row["source"], row["note"])
            for row in fields["history"]
        ),
    )
