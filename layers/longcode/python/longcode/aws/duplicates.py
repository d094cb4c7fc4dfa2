"""Which text has which words, in the limits table."""

from contextlib import suppress
from typing import TYPE_CHECKING

from longcode.aws.attributes import untyped_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Table
from longcode.use_cases.duplicate_store import First

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# Longer than the longest window.
_KEEP_S = 2 * 86_400


class DynamoSameWords:
    """duplicate_store.SameWords over DynamoDB: an item for each number and words.

    A write whose answer was lost may be repeated: who finds its own id has the words.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table, "The limits table")

    def take(
        self, digest: str, message_id: str, now_ms: int, since_ms: int, *, instead_of: str = ""
    ) -> First | None:
        try:
            self._table.update(
                _key(digest),
                "SET message_id = :id, taken_ms = :now, expires_at = :expires",
                "attribute_not_exists(message_id) OR taken_ms <= :since OR message_id IN (:id, :instead)",
                {
                    ":id": message_id,
                    ":now": now_ms,
                    ":since": since_ms,
                    ":instead": instead_of,
                    ":expires": now_ms // 1000 + _KEEP_S,
                },
                "NONE",
            )
        except ConditionFailed as exc:
            item = untyped_item(exc.item)
            return First(str(item["message_id"]), int(item["taken_ms"]))
        return None

    def give_back(self, digest: str, message_id: str) -> None:
        with suppress(ConditionFailed):
            self._table.update(
                _key(digest), "REMOVE message_id, taken_ms", "message_id = :id", {":id": message_id}, "NONE"
            )


def _key(digest: str) -> str:
    return f"same#{digest}"
