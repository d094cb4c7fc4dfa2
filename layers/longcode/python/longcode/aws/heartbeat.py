"""The publisher's heartbeat: an item that is written each minute, and the note of which one it was done with.

The note has another key, which the mapping's filter does not let through: it would wake the publisher again.
"""

from typing import TYPE_CHECKING

from longcode.aws.clients import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# What the mapping's filter in the template lets through.
PREFIX = "H#"
_BEAT, _HEARD = f"{PREFIX}publisher", "S#publisher"
_WHAT = "The heartbeat"


class DynamoHeartbeat:
    """ports.Heartbeat over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def beat(self, now_ms: int) -> int:
        with translated(_WHAT):
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": _BEAT}},
                UpdateExpression="SET at_ms = :now, since_ms = if_not_exists(since_ms, :now)",
                ExpressionAttributeValues={":now": {"N": str(now_ms)}},
                ReturnValues="ALL_NEW",
            )
        return int(answer["Attributes"]["since_ms"]["N"])

    def hear(self, at_ms: int) -> None:
        with translated(_WHAT):
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": _HEARD}},
                UpdateExpression="SET at_ms = :at",
                ExpressionAttributeValues={":at": {"N": str(at_ms)}},
            )

    def heard_ms(self) -> int | None:
        with translated(_WHAT):
            item = self._client.get_item(TableName=self._table, Key={"pk": {"S": _HEARD}}).get("Item")
        return int(item["at_ms"]["N"]) if item else None
