"""Reading the messages table: by key, by recipient queue, and by the time at which a message is due."""

import time
from collections.abc import Sequence
from itertools import batched
from typing import TYPE_CHECKING

from longcode.aws.attributes import typed, typed_item
from longcode.aws.clients import Sleep, get_items, translated
from longcode.aws.dynamo import Item, Table
from longcode.aws.message_codec import image, parse, place_words, queue_key, waiting
from longcode.domain.message import DUE_PARTS, RECEIPT_AFTER_CLAIM_MS, DueGroup, Message, Place
from longcode.domain.priority import Priority
from longcode.use_cases.ports import Waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

WHAT = "The messages table"
# As many items as one BatchGetItem takes.
_BATCH = 100
# Of few, one part may have them all.
_UNEVEN = 100


class MessageReads:
    """The reads of ports.Messages over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self.table = Table(client, table, WHAT)
        self._sleep = sleep

    def get(self, message_id: str) -> Message | None:
        item = self.table.get(f"M#{message_id}")
        return image(item) if item else None

    def find(self, either_id: str) -> Message | None:
        found = self.get(either_id)
        if found:
            return found
        pointer = self.table.get(f"T#{either_id}")
        return self.get(parse(pointer)["message_id"]) if pointer else None

    def get_all(self, message_ids: Sequence[str]) -> list[Message]:
        found = self.read(message_ids)
        return [message for ident in message_ids if (message := found.get(ident)) is not None]

    def read(self, message_ids: Sequence[str]) -> dict[str, Message | None]:
        found: dict[str, Message | None] = {}
        keys = [{"pk": typed(f"M#{ident}")} for ident in dict.fromkeys(message_ids)]
        for some in batched(keys, _BATCH, strict=False):
            items = get_items(self.table.client, {self.table.name: some}, WHAT, self._sleep)[self.table.name]
            found |= {item["pk"]["S"].removeprefix("M#"): image(item) for item in items}
        return found

    def queue_length(
        self, recipient: str, *, at_most: int, before: Place, priority: Priority = Priority.TRANSACTIONAL
    ) -> int:
        page = self.table.query(
            "by_recipient_queue",
            "recipient_queue = :line AND queue_place < :before",
            {":line": queue_key(recipient, priority), ":before": place_words(before)},
            Limit=at_most,
            Select="COUNT",
        )
        return page["Count"]

    def recipient_queue(
        self, recipient: str, *, until: Place, at_most: int, priority: Priority = Priority.TRANSACTIONAL
    ) -> list[Waiting]:
        page = self.table.query(
            "by_recipient_queue",
            "recipient_queue = :line AND queue_place <= :until",
            {":line": queue_key(recipient, priority), ":until": place_words(until)},
            Limit=at_most,
        )
        return [waiting(item) for item in map(parse, page["Items"])]

    def waiting(self, at_most: int) -> tuple[list[Waiting], bool]:
        """Texts of every recipient queue, each queue in its order, and whether there are more than `at_most`.

        It reads the whole sparse index up to there, which no route should.
        """
        found: list[Waiting] = []
        start: Item = {}
        while len(found) <= at_most:
            with translated(WHAT):
                page = self.table.client.scan(
                    TableName=self.table.name,
                    IndexName="by_recipient_queue",
                    Limit=at_most + 1 - len(found),
                    **({"ExclusiveStartKey": start} if start else {}),  # type: ignore[arg-type]
                )
            found += [waiting(item) for item in map(parse, page["Items"])]
            start = dict(page.get("LastEvaluatedKey", {}))
            if not start:
                break
        return found[:at_most], len(found) > at_most

    def oldest(self, at_most: int, *, expiring: bool = False) -> list[str]:
        found: list[tuple[int, str]] = []
        for number in (DueGroup.EXPIRING if expiring else DueGroup.QUEUED).shards:
            page = self.table.query("by_due", "due_shard = :shard", {":shard": str(number)}, Limit=at_most)
            found += [(item["due_at_ms"], item["pk"]) for item in map(parse, page["Items"])]
        return [key.removeprefix("M#") for _, key in sorted(found)[:at_most]]

    def held(
        self, shard: int, since_ms: int, until_ms: int, at_most: int, after: tuple[int, str] | None = None
    ) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        if until_ms <= since_ms:
            # DynamoDB refuses a range that ends before it begins.
            return found
        start: Item = {}
        if after:
            start = typed_item({"due_shard": str(shard), "due_at_ms": after[0], "pk": f"M#{after[1]}"})
        while len(found) < at_most:
            page = self.table.query(
                "by_due",
                "due_shard = :shard AND due_at_ms BETWEEN :since AND :last",
                {":shard": str(shard), ":since": since_ms, ":last": until_ms - 1},
                Limit=at_most - len(found),
                **({"ExclusiveStartKey": start} if start else {}),
            )
            found += [(item["due_at_ms"], item["pk"].removeprefix("M#")) for item in map(parse, page["Items"])]
            start = dict(page.get("LastEvaluatedKey", {}))
            if not start:
                break
        return found

    def old_claims(self, now_ms: int, at_most: int) -> list[str]:
        found: list[tuple[int, str]] = []
        # Of very many each part has about as many. Reading all of each part would take as long as the messages do.
        most = min(at_most, 2 * at_most // DUE_PARTS + _UNEVEN)
        for number in DueGroup.CLAIMED.shards:
            page = self.table.query(
                "by_due",
                "due_shard = :shard AND due_at_ms <= :now",
                {":shard": str(number), ":now": now_ms},
                Limit=most,
                ScanIndexForward=False,
            )
            found += [(item["due_at_ms"], item["pk"]) for item in map(parse, page["Items"])]
        return [key.removeprefix("M#") for _, key in sorted(found, reverse=True)[:at_most]]

    def due_messages(self, shard_number: int, now_ms: int, at_most: int) -> list[str]:
        if shard_number // DUE_PARTS == DueGroup.CLAIMED:
            now_ms -= RECEIPT_AFTER_CLAIM_MS
        page = self.table.query(
            "by_due",
            "due_shard = :shard AND due_at_ms <= :now",
            {":shard": str(shard_number), ":now": now_ms},
            Limit=at_most,
        )
        return [parse(item)["pk"].removeprefix("M#") for item in page["Items"]]
