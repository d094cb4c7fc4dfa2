"""The messages table: one item a message with its history, and one that leads from the provider's id to ours."""

import secrets
import time
from typing import TYPE_CHECKING, Literal

from longcode.aws.attributes import typed, typed_item
from longcode.aws.clients import ConditionFailed, Sleep
from longcode.aws.dynamo import Item
from longcode.aws.message_codec import (
    MAY_SEND,
    TEST,
    carrier_words,
    due_part,
    due_shard,
    entry_row,
    fault_rows,
    from_item,
    image,
    place_words,
    queue_key,
    to_item,
)
from longcode.aws.message_receipts import ReceiptWriter
from longcode.aws.message_waits import MessageWaits
from longcode.aws.retention import Retention
from longcode.domain.message import (
    CLAIM_MS,
    LONGEST_VALIDITY_MS,
    RECEIPT_CHECK_MS,
    DueGroup,
    Entry,
    Fault,
    Message,
)
from longcode.domain.outcomes import Answer, Receipt, Recording
from longcode.domain.schedule import EARLY_MS
from longcode.domain.status import Status
from longcode.use_cases.ports import Claim

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient


# For how long an erased text that was waiting leaves its id behind.
_REMNANT_S = 86_400


class DynamoMessages(MessageWaits):
    """ports.Messages over DynamoDB.

    Every write carries its condition, so that a late, doubled or reordered event can't take a status back, and
    the client library may repeat each of them without harm.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        retention_days: int,
        validity_minutes: int,
        keep_text: bool = True,
        sleep: Sleep = time.sleep,
    ) -> None:
        super().__init__(
            client, table, Retention(retention_days, keep_text=keep_text), validity_minutes * 60_000, sleep=sleep
        )
        self._receipts = ReceiptWriter(self.table, self._retention)

    def accept(self, message: Message) -> Message | None:
        due_at_ms = (message.claimed_ms or message.accepted_ms) + CLAIM_MS
        if message.status.waiting:
            due_at_ms = self._waits_until(message)
        item = to_item(message) | {
            "due_shard": due_part(message, message.due_group),
            "due_at_ms": due_at_ms,
            # Never while it may still wait, also if ValidityMinutes is made longer meanwhile.
            "expires_at": self._retention.expiry_s(message.ready_ms + LONGEST_VALIDITY_MS),
        }
        if message.status.waiting:
            item |= {
                "recipient_queue": queue_key(message.queue_name, message.priority),
                "queue_place": place_words(message.place),
            }
        try:
            self.table.put(
                typed_item(item),
                "attribute_not_exists(pk) OR attribute_exists(erased_ms) "
                "OR (safe_to_retry = :yes AND #rank = :failed AND fingerprint = :print)",
                {":yes": True, ":failed": Status.FAILED.rank, ":print": message.fingerprint},
            )
        except ConditionFailed as exc:
            existing = from_item(exc.item)
            # The put had succeeded and only its answer was lost. What waits may have been claimed since.
            ours = message.claim_id in (None, existing.claim_id) and existing.accepted_ms == message.accepted_ms
            return None if ours and existing.fingerprint == message.fingerprint else existing
        return None

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        try:
            item = self.table.update(
                f"M#{message_id}",
                "SET #status = :sending, #rank = :rank, claim_id = :claim, claimed_ms = :now, updated_ms = :now, "
                "due_shard = :shard, due_at_ms = :look ADD attempts :one "
                "REMOVE recipient_queue, queue_place, unqueued",
                f"#rank <= :queued AND {MAY_SEND} "
                "AND (attribute_not_exists(not_before_ms) OR not_before_ms <= :soon)",
                {
                    ":sending": Status.SENDING.value,
                    ":rank": Status.SENDING.rank,
                    ":queued": Status.QUEUED.rank,
                    ":soon": now_ms + EARLY_MS,
                    ":claim": claim_id,
                    ":now": now_ms,
                    ":shard": due_shard(message_id, DueGroup.CLAIMED),
                    ":look": now_ms + CLAIM_MS,
                    ":one": 1,
                    ":test": TEST,
                },
            )
        except ConditionFailed as exc:
            message = image(exc.item)
            # Won already, and only the answer was lost.
            return Claim(message is not None and message.claim_id == claim_id, message)
        return Claim(True, from_item(item))

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        status = answer.status
        entry = Entry(now_ms, status.value, _sender(message), answer.note, answer.faults)
        values = {
            ":status": status.value,
            ":rank": status.rank,
            ":submitted": Status.SUBMITTED.rank,
            ":telnyx": answer.telnyx_id,
            ":word": answer.provider_status,
            ":now": now_ms,
            ":claim": message.claim_id,
            ":none": [],
            ":faults": fault_rows(answer.faults),
            ":entry": [entry_row(entry)],
            ":expires": self._retention.kept_until_s(status, now_ms),
        }
        changes = (
            "SET #status = :status, #rank = :rank, telnyx_id = if_not_exists(telnyx_id, :telnyx), "
            "provider_status = :word, sent_ms = :now, updated_ms = :now, expires_at = :expires, faults = :faults, "
            "history = list_append(if_not_exists(history, :none), :entry)"
        )
        if answer.parts is not None:
            changes += ", parts = :parts"
            values[":parts"] = answer.parts
        if answer.subscription:
            changes += ", carrier = :carrier"
            values[":carrier"] = carrier_words(answer.subscription.carrier, answer.subscription.line_type)
        if status.final:
            # As a record of the provider's may say.
            changes += " REMOVE due_shard, due_at_ms" + self._retention.forget_text(status)
        elif message.status is not Status.SENDING:
            # The entry of a claim stays: it will do for the receipt as well.
            changes += ", due_shard = :shard, due_at_ms = :look"
            values[":shard"] = due_shard(message.id, DueGroup.RECEIPT)
            values[":look"] = now_ms + RECEIPT_CHECK_MS
        won = self._try_update(message.id, changes, "claim_id = :claim AND #rank < :submitted", values)
        if answer.telnyx_id:
            self._receipts.point(answer.telnyx_id, message.id, now_ms)
        return won

    def ambiguous(self, message: Message, fault: Fault, now_ms: int) -> bool:
        entry = Entry(now_ms, Status.UNKNOWN.value, _sender(message), faults=(fault,))
        return self._try_update(
            message.id,
            "SET #status = :status, #rank = :rank, faults = :faults, updated_ms = :now, due_shard = :shard, "
            "due_at_ms = :now, expires_at = :expires, "
            "history = list_append(if_not_exists(history, :none), :entry)",
            "claim_id = :claim AND #rank = :sending",
            {
                ":status": Status.UNKNOWN.value,
                ":rank": Status.UNKNOWN.rank,
                ":sending": Status.SENDING.rank,
                ":faults": fault_rows((fault,)),
                ":now": now_ms,
                ":claim": message.claim_id,
                ":none": [],
                ":entry": [entry_row(entry)],
                ":shard": due_shard(message.id, DueGroup.URGENT),
                ":expires": self._retention.kept_until_s(Status.UNKNOWN, now_ms),
            },
        )

    def mark_replayed(self, message: Message, now_ms: int, *, undo: bool = False) -> bool:
        values: Item = {
            ":old": message.replays,
            ":new": message.replays + (-1 if undo else 1),
            ":now": now_ms,
            ":unknown": Status.UNKNOWN.rank,
            ":claim": message.claim_id,
            ":shard": due_shard(message.id, DueGroup.URGENT),
            ":look": now_ms + CLAIM_MS,
            ":by": (mark := secrets.token_hex(8)),
            ":test": TEST,
        }
        as_read = "replays = :old"
        if not message.replays:
            as_read = f"(attribute_not_exists(replays) OR {as_read})"
        try:
            self.table.update(
                f"M#{message.id}",
                "SET replays = :new, replayed_ms = :now, replayed_by = :by, due_shard = :shard, "
                "due_at_ms = :look REMOVE slot_ms",
                f"#rank = :unknown AND claim_id = :claim AND {MAY_SEND} AND {as_read}",
                values,
            )
        except ConditionFailed as exc:
            # Done already, and only the answer was lost. Another may have read the same, at the same moment.
            return exc.item.get("replayed_by") == typed(mark)
        return True

    def end(
        self, message: Message, status: Status, entry: Entry, now_ms: int, *, safe_to_retry: bool = False
    ) -> bool:
        return self._try_update(
            message.id,
            "SET #status = :status, #rank = :rank, faults = :faults, safe_to_retry = :retry, updated_ms = :now, "
            "expires_at = :expires, history = list_append(if_not_exists(history, :none), :entry) "
            "REMOVE recipient_queue, queue_place, unqueued, due_shard, due_at_ms"
            + self._retention.forget_text(status),
            "#rank < :submitted AND "
            + ("claim_id = :claim" if message.claim_id else "attribute_not_exists(claim_id)"),
            {
                ":status": status.value,
                ":rank": status.rank,
                ":submitted": Status.SUBMITTED.rank,
                ":faults": fault_rows(entry.faults),
                ":retry": safe_to_retry,
                ":now": now_ms,
                ":none": [],
                ":entry": [entry_row(entry)],
                ":expires": self._retention.expiry_s(now_ms),
            }
            | ({":claim": message.claim_id} if message.claim_id else {}),
        )

    def forbid(self, message: Message) -> bool:
        return self._try_update(
            message.id,
            "SET no_resend = :yes",
            "#rank = :sending OR #rank = :unknown",
            {":yes": True, ":sending": Status.SENDING.rank, ":unknown": Status.UNKNOWN.rank},
        )

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recording:
        return self._receipts.record(message_id, receipt, now_ms)

    def receive(self, message: Message) -> bool:
        item = to_item(message) | {"expires_at": self._retention.expiry_s(message.accepted_ms)}
        try:
            self.table.put(typed_item(item), "attribute_not_exists(pk)")
        except ConditionFailed:
            return False
        return True

    def erase(self, message: Message) -> bool:
        if message.status.rank < Status.SUBMITTED.rank:
            return False
        if message.telnyx_id:
            # First: a pointer whose message is gone could not be found again.
            self.table.delete(f"T#{message.telnyx_id}")
        key, at_rest = f"M#{message.id}", "#rank >= :submitted"
        values = {":submitted": Status.SUBMITTED.rank}
        try:
            if message.status is Status.CANCELLED:
                # The queue may still name it: what is left says no more than that it is gone, for a day.
                left = {
                    "pk": key,
                    "erased_ms": message.updated_ms,
                    "expires_at": message.updated_ms // 1000 + _REMNANT_S,
                }
                self.table.put(typed_item(left), at_rest, values)
            else:
                self.table.delete(key, at_rest, values)
        except ConditionFailed as exc:
            # Gone already is erased.
            return image(exc.item) is None
        return True


def _sender(message: Message) -> Literal["api", "consumer"]:
    """Which of both sends a message, as its history has it."""
    return "api" if message.route == "send" else "consumer"
