"""One DynamoDB table: the calls that the adapters make of it, with its errors as ours."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from longcode.aws.attributes import typed, typed_item
from longcode.aws.clients import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef

# Any: an item is whatever JSON the table holds, as DynamoDB types it.
Item = dict[str, Any]


class Table:
    """One table, named `what` in errors. Items are as DynamoDB types them; the values of an expression are plain.

    `#name` in an expression is the attribute `name`, for those that are words of DynamoDB's own.
    Every call may raise Unavailable, and one with a condition ConditionFailed with the item as it stood.
    """

    def __init__(self, client: "DynamoDBClient", name: str, what: str) -> None:
        self.client = client
        self.name = name
        self._what = what

    def get(self, key: str, *, consistent: bool = True) -> Item | None:
        """The item under `key`, None if there is none."""
        optional: Any = {"ConsistentRead": True} if consistent else {}
        with translated(self._what):
            return self.client.get_item(TableName=self.name, Key={"pk": typed(key)}, **optional).get("Item")

    # Any: the values are plain, and DynamoDB's types differ by attribute.
    def put(self, item: Item, condition: str = "", values: Mapping[str, Any] | None = None) -> None:
        """Write a whole item, in the place of any other under its key."""
        with translated(self._what):
            self.client.put_item(TableName=self.name, Item=item, **_expressions(condition, values))

    def update(
        self,
        key: str,
        changes: str,
        condition: str = "",
        values: Mapping[str, Any] | None = None,
        returns: Literal["ALL_NEW", "ALL_OLD", "NONE"] = "ALL_NEW",
    ) -> Item:
        """Change one item; the item as it is then, or with `ALL_OLD` as it was before."""
        with translated(self._what):
            return self.client.update_item(
                TableName=self.name,
                Key={"pk": typed(key)},
                UpdateExpression=changes,
                ReturnValues=returns,
                **_expressions(condition, values, changes),
            ).get("Attributes", {})

    def delete(self, key: str, condition: str = "", values: Mapping[str, Any] | None = None) -> None:
        """Remove an item; one that is not there is no error, unless `condition` says so."""
        with translated(self._what):
            self.client.delete_item(TableName=self.name, Key={"pk": typed(key)}, **_expressions(condition, values))

    def query(self, index: str, condition: str, values: Mapping[str, Any], **options: Any) -> "QueryOutputTypeDef":
        """One page of an index; `options` as Query takes them."""
        with translated(self._what):
            return self.client.query(
                TableName=self.name,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=typed_item(values),
                **options,
            )


def _expressions(condition: str, values: Mapping[str, Any] | None, changes: str = "") -> Any:
    """The parameters of a write that only belong there if it has a condition, names or values."""
    optional: dict[str, Any] = {}
    if condition:
        optional["ConditionExpression"] = condition
        optional["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if names := {f"#{name}": name for name in re.findall(r"#(\w+)", f"{changes} {condition}")}:
        optional["ExpressionAttributeNames"] = names
    if values:
        optional["ExpressionAttributeValues"] = typed_item(values)
    return optional
