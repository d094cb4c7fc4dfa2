"""The writes of the messages table by which a text waits: for its time, its turn, or the reconciler."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from longcode.aws.clients import ConditionFailed, Sleep
from longcode.aws.dynamo import Item
from longcode.aws.message_codec import (
    due_part,
    due_shard,
    held_words,
    image,
    parse,
    place_words,
    queue_key,
    to_item,
)
from longcode.aws.message_reads import MessageReads
from longcode.aws.retention import Retention
from longcode.domain.message import ENQUEUE_CHECK_MS, LONGEST_VALIDITY_MS, DueGroup, Message
from longcode.domain.schedule import held_until_ms
from longcode.domain.status import HeldBy, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

# What is held, as it was read. It may have been marked as queued meanwhile.
_AS_HELD = "#rank <= :queued AND not_before_ms = :at"

# What a change of a held text may write.
_CHANGEABLE = (
    "text", "segments", "metadata", "tag", "send_at_ms", "not_before_ms", "expires_ms", "held_by", "updated_ms",
    "history",
)  # fmt: skip


class MessageWaits(MessageReads):
    """The writes of ports.Messages over DynamoDB that say until when a text waits."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        retention: Retention,
        validity_ms: int,
        *,
        sleep: Sleep = time.sleep,
    ) -> None:
        super().__init__(client, table, sleep=sleep)
        self._retention = retention
        self._validity_ms = validity_ms

    def release(
        self,
        message: Message,
        now_ms: int,
        *,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
    ) -> bool:
        held, carrier = held_words(held_by)
        return self._try_update(
            message.id,
            "SET #status = :queued, #rank = :rank, recipient_queue = :line, queue_place = :place, "
            "slot_ms = :slot, held_by = :held, held_by_carrier = :carrier, turn = :turn, cap_day = :day, "
            "updated_ms = :now, due_shard = :shard, due_at_ms = :look "
            "ADD attempts :less REMOVE claim_id, claimed_ms",
            "claim_id = :claim AND #rank = :sending",
            {
                ":queued": Status.QUEUED.value,
                ":rank": Status.QUEUED.rank,
                ":sending": Status.SENDING.rank,
                ":line": queue_key(message.queue_name, message.priority),
                ":place": place_words(message.place),
                ":slot": slot_ms,
                ":turn": turn,
                ":day": message.cap_day,
                ":held": held,
                ":carrier": carrier,
                ":now": now_ms,
                ":shard": due_shard(message.id, message.waiting_group),
                ":look": message.valid_until_ms(self._validity_ms),
                ":less": -1,
                ":claim": message.claim_id,
            },
        )

    def hold(
        self,
        message: Message,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
        cap_day: str | None = None,
    ) -> None:
        held, carrier = held_words(held_by)
        changes = "SET slot_ms = :slot, held_by = :held, held_by_carrier = :carrier, turn = :turn, cap_day = :day"
        condition = "#rank = :queued OR #rank = :unknown"
        values = {
            ":slot": slot_ms,
            ":held": held,
            ":carrier": carrier,
            ":turn": turn,
            ":day": cap_day,
            ":queued": Status.QUEUED.rank,
            ":unknown": Status.UNKNOWN.rank,
        }
        if message.status is Status.HELD:
            changes += ", #status = :status, #rank = :queued, due_shard = :shard, due_at_ms = :look"
            condition, values = _AS_HELD, values | self._into_queue(message)
            values.pop(":unknown")
        self._try_update(message.id, changes, condition, values)

    def put_off(self, message: Message, not_before_ms: int, held_by: HeldBy, now_ms: int) -> bool:
        later = replace(message, not_before_ms=not_before_ms, status=Status.HELD)
        mine = "#rank <= :queued AND attribute_not_exists(claim_id)"
        values: Item = {
            ":status": Status.HELD.value,
            ":rank": Status.HELD.rank,
            ":line": queue_key(message.queue_name, message.priority),
            ":place": place_words(later.place),
            ":at": not_before_ms,
            ":held": held_by.value,
            ":now": now_ms,
            ":shard": due_part(later, DueGroup.HELD),
            ":look": self._waits_until(later),
            ":expires": self._retention.expiry_s(later.ready_ms + LONGEST_VALIDITY_MS),
            ":less": -1 if message.claim_id else 0,
        }
        if message.claim_id:
            mine, values[":claim"] = "#rank = :sending AND claim_id = :claim", message.claim_id
            values[":sending"] = Status.SENDING.rank
        else:
            values[":queued"] = Status.QUEUED.rank
            # Not where its caller has moved it since; it may be written already, and only the answer was lost.
            was = "attribute_not_exists(not_before_ms)"
            if message.not_before_ms is not None:
                was, values[":was"] = "not_before_ms = :was", message.not_before_ms
            mine += f" AND ({was} OR not_before_ms = :at)"
        return self._try_update(
            message.id,
            "SET #status = :status, #rank = :rank, recipient_queue = :line, queue_place = :place, "
            "not_before_ms = :at, held_by = :held, updated_ms = :now, due_shard = :shard, due_at_ms = :look, "
            "expires_at = :expires ADD attempts :less "
            "REMOVE held_by_carrier, slot_ms, turn, cap_day, claim_id, claimed_ms, unqueued",
            mine,
            values,
        )

    def change(self, seen: Message, changed: Message) -> bool:
        fields = to_item(changed) | {
            "queue_place": place_words(changed.place),
            "due_at_ms": self._waits_until(changed),
            "expires_at": self._retention.expiry_s(changed.ready_ms + LONGEST_VALIDITY_MS),
        }
        names = (*_CHANGEABLE, "queue_place", "due_at_ms", "expires_at")
        kept = [name for name in names if name in fields]
        gone = ", ".join(f"#{name}" for name in names if name not in fields)
        values = {f":{name}": fields[name] for name in kept}
        changes = "SET " + ", ".join(f"#{name} = :{name}" for name in kept) + (f" REMOVE {gone}" if gone else "")
        try:
            self.table.update(
                f"M#{changed.id}",
                changes,
                "#rank = :rank AND #updated_ms = :seen AND #not_before_ms = :at",
                values | {":rank": Status.HELD.rank, ":seen": seen.updated_ms, ":at": seen.not_before_ms},
            )
        except ConditionFailed as exc:
            # Written already, and only the answer was lost.
            return image(exc.item) == changed
        return True

    def queued(self, message: Message) -> None:
        condition = "#rank = :queued AND unqueued = :yes AND accepted_ms = :accepted"
        values = {":yes": True, ":accepted": message.accepted_ms}
        if message.status is Status.HELD:
            condition, values = _AS_HELD, {}
        self._try_update(
            message.id,
            "SET #status = :status, #rank = :queued, due_shard = :shard, due_at_ms = :look REMOVE unqueued",
            condition,
            self._into_queue(message) | values,
        )

    def _into_queue(self, message: Message) -> Item:
        """The values of a write by which a text waits in its recipient queue, if it is as it was read."""
        values = {
            ":status": Status.QUEUED.value,
            ":queued": Status.QUEUED.rank,
            ":shard": due_shard(message.id, message.waiting_group),
            ":look": message.valid_until_ms(self._validity_ms),
        }
        if message.status is Status.HELD:
            values[":at"] = message.not_before_ms
        return values

    def _waits_until(self, message: Message) -> int:
        """When a text that waits is next to be looked at."""
        if message.status is Status.HELD:
            return held_until_ms(message, self._validity_ms)
        if message.unqueued:
            return min(message.accepted_ms + ENQUEUE_CHECK_MS, message.valid_until_ms(self._validity_ms))
        return message.valid_until_ms(self._validity_ms)

    def set_due(self, message: Message, at_ms: int | None) -> None:
        # Only for the message as it was read: a change since then has set its own time.
        values: Item = {":rank": message.status.rank}
        mine, changes = "attribute_not_exists(claim_id)", "REMOVE due_shard, due_at_ms"
        if message.claim_id:
            mine, values[":claim"] = "claim_id = :claim", message.claim_id
        if message.status is Status.HELD:
            # Nor has its caller changed it.
            mine, values[":seen"] = f"{mine} AND updated_ms = :seen", message.updated_ms
        if at_ms is not None:
            changes = "SET due_shard = :shard, due_at_ms = :at"
            values |= {":shard": due_part(message, message.due_group), ":at": at_ms}
        self._try_update(message.id, changes, f"attribute_exists(due_shard) AND #rank = :rank AND {mine}", values)

    def _try_update(self, message_id: str, changes: str, condition: str, values: Item) -> bool:
        try:
            self.table.update(f"M#{message_id}", changes, condition, values)
        except ConditionFailed as exc:
            return _is_written(exc.item, values)
        return True


def _is_written(item: Item, values: Item) -> bool:
    """Whether a write is there already, and only its answer was lost: one with an entry, or that held it anew."""
    if not {":status", ":now"} <= values.keys() or image(item) is None:
        return False
    fields = parse(item)
    if (fields["status"], fields["updated_ms"]) != (values[":status"], values[":now"]):
        return False
    if ":entry" in values:
        return bool(fields.get("history", [])[-1:] == values[":entry"])
    return bool(":at" in values and fields.get("not_before_ms") == values[":at"])
