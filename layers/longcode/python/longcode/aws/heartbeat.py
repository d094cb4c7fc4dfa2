"""The publisher's heartbeat: an item that is written each minute, and the note of which one it was done with."""

from typing import TYPE_CHECKING

from longcode.aws.dynamo import Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# What the mapping's filter in the template lets through.
PREFIX = "H#"
# The note has another key, which the filter does not let through: it would wake the publisher again.
_BEAT, _HEARD = f"{PREFIX}publisher", "S#publisher"
_WHAT = "The heartbeat"


class DynamoHeartbeat:
    """publish_ports.Heartbeat over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table, _WHAT)

    def beat(self, now_ms: int) -> int:
        changes = "SET at_ms = :now, since_ms = if_not_exists(since_ms, :now)"
        return int(self._table.update(_BEAT, changes, values={":now": now_ms})["since_ms"]["N"])

    def hear(self, at_ms: int) -> None:
        self._table.update(_HEARD, "SET at_ms = :at", values={":at": at_ms}, returns="NONE")

    def heard_ms(self) -> int | None:
        item = self._table.get(_HEARD, consistent=False)
        return int(item["at_ms"]["N"]) if item else None
