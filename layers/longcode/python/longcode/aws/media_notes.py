"""What the messages table says of the files of a message."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Table
from longcode.aws.message_codec import image
from longcode.aws.message_reads import WHAT
from longcode.domain.message import MediaRow, Message
from longcode.use_cases.media_store import Noted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


class DynamoMediaNotes:
    """media_store.MediaNotes over the item of each message."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._table = Table(client, table, WHAT)

    def note(self, message: Message, media: Sequence[MediaRow]) -> Noted:
        try:
            self._table.update(
                f"M#{message.id}",
                "SET media = :after",
                "attribute_exists(#status) AND attribute_not_exists(media_closed) AND media = :before",
                {":before": message.media, ":after": media},
                returns="NONE",
            )
        except ConditionFailed as exc:
            found = image(exc.item)
            if found is None or "media_closed" in exc.item:
                return Noted.GONE
            # The write had succeeded and only its answer was lost.
            return Noted.WRITTEN if found.media == tuple(media) else Noted.CHANGED
        return Noted.WRITTEN

    def close(self, message_id: str) -> None:
        # Gone already is as good.
        with suppress(ConditionFailed):
            self._table.update(
                f"M#{message_id}",
                "SET media_closed = :yes",
                "attribute_exists(#status)",
                {":yes": True},
                returns="NONE",
            )
