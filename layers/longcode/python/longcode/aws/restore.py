"""Putting back into the messages table what only a restored copy of it has."""

from collections.abc import Iterator

from longcode.aws.attributes import typed_item
from longcode.aws.clients import ConditionFailed, translated
from longcode.aws.dynamo import Item, Table
from longcode.aws.message_codec import due_shard, entry_row, fault_rows, image
from longcode.domain.message import DueGroup, Entry, Fault, Message
from longcode.domain.status import Status


class TableRestore:
    """Writes items of a restored copy into `table`, the messages table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def copies(self, table: str) -> "Iterator[Item]":
        """Every item of a restored copy of this table, for `put_back`."""
        start: Item = {}
        while True:
            with translated("The restored table"):
                page = self._table.client.scan(
                    TableName=table,
                    **({"ExclusiveStartKey": start} if start else {}),  # type: ignore[arg-type]
                )
            yield from page["Items"]
            start = dict(page.get("LastEvaluatedKey", {}))
            if not start:
                return

    def lacks(self, item: Item) -> bool:
        """Whether `put_back` would write `item`."""
        found = self._table.get(item["pk"]["S"])
        if found is None:
            return True
        here, copy = image(found), image(item)
        if here is None or copy is None or copy.safe_to_retry:
            return False
        repeated = here.fingerprint == copy.fingerprint and here.accepted_ms > copy.accepted_ms
        return here.status.waiting and repeated

    def put_back(self, item: Item, now_ms: int) -> bool:
        """Write an item of a restored copy where nothing has taken its place; whether it was written.

        A text that waits there and was accepted later is the same request again, made while the first was gone;
        unless the first is known not to have left. Another text under the same key was promised too, and stays.
        """
        fields = dict(item)
        message = image(item)
        # A refusal that left the provider without the text does not say so of what came after it.
        fields.pop("safe_to_retry", None)
        if message and message.status.rank < Status.SUBMITTED.rank:
            fields = _in_doubt(fields, message, now_ms)
        condition, values = "attribute_not_exists(pk)", {}
        if message and not message.safe_to_retry:
            condition += " OR (#rank <= :queued AND accepted_ms > :accepted AND fingerprint = :print)"
            values = {
                ":queued": Status.QUEUED.rank,
                ":accepted": message.accepted_ms,
                ":print": message.fingerprint,
            }
        try:
            self._table.put(fields, condition, values)
        except ConditionFailed:
            return False
        return True


def _in_doubt(fields: Item, message: Message, now_ms: int) -> Item:
    """A text that had not left at the time of the copy: it may have left since.

    So it comes back as `unknown`, not to be sent again: only evidence moves it.
    """
    fault = Fault("restored", "The text was put back from a copy of the table, and may have left since then.")
    entry = Entry(now_ms, Status.UNKNOWN.value, "operator", faults=(fault,))
    waits = ("recipient_queue", "queue_place", "slot_ms", "held_by", "held_by_carrier", "cap_day", "unqueued")
    return {name: value for name, value in fields.items() if name not in waits} | typed_item(
        {
            "status": Status.UNKNOWN.value,
            "rank": Status.UNKNOWN.rank,
            "claim_id": message.claim_id or f"restored:{now_ms}",
            # One that was held can't have left sooner than at its time.
            "claimed_ms": message.claimed_ms or min(message.ready_ms, now_ms),
            "no_resend": True,
            "updated_ms": now_ms,
            "due_shard": due_shard(message.id, DueGroup.URGENT),
            "due_at_ms": now_ms,
            "faults": fault_rows((fault,)),
            "history": [*map(entry_row, message.history), entry_row(entry)],
        }
    )
