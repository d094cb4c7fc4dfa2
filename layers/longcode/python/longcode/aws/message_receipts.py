"""Writing a receipt into its message: into the history, once, and into the status if that moves forward."""

from longcode.aws.attributes import typed, typed_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Item, Table
from longcode.aws.message_codec import due_shard, entry_row, fault_rows, image, parse
from longcode.aws.retention import Retention
from longcode.domain.message import KEPT_ENTRIES, RECEIPT_CHECK_MS, Entry
from longcode.domain.outcomes import Receipt, Recorded
from longcode.domain.status import Status, receipt_ceiling

_BILLED = ("parts", "cost", "currency", "completed_ms")


class ReceiptWriter:
    """Writes receipts into the messages of `table`, and which message a provider's id leads to."""

    def __init__(self, table: Table, retention: Retention) -> None:
        self._table = table
        self._retention = retention

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recorded:
        """ports.Messages.record."""
        keep, ours_and_new, common = _keep(receipt)
        if receipt.status:
            changes, values, removals = _advance(receipt, now_ms)
            removals += self._retention.forget_text(receipt.status)
            values |= {
                ":expires": self._retention.kept_until_s(receipt.status, now_ms),
                ":ceiling": receipt_ceiling(receipt.status),
            }
            try:
                was = self._table.update(
                    f"M#{message_id}",
                    f"{keep}, {changes}, expires_at = :expires ADD event_ids :events{removals}",
                    f"{ours_and_new} AND #rank < :ceiling",
                    common
                    | values
                    | ({":shard": due_shard(message_id, receipt=True)} if ":look" in values else {}),
                    returns="ALL_OLD",
                )
            except ConditionFailed as exc:
                why = self._not_recorded(exc.item, message_id, receipt, now_ms)
                if why is not Recorded.KEPT:
                    return why
            else:
                self._learn(was, message_id, receipt, now_ms)
                return Recorded.ADVANCED
        # The bill may come after the end, and what came first stays.
        billed = {name: value for name in _BILLED if (value := getattr(receipt, name)) is not None}
        keep += "".join(f", {name} = if_not_exists({name}, :{name})" for name in billed)
        try:
            was = self._table.update(
                f"M#{message_id}",
                f"{keep} ADD event_ids :events",
                f"{ours_and_new} AND (attribute_not_exists(history) OR size(history) < :most)",
                common | {":most": KEPT_ENTRIES} | {f":{name}": value for name, value in billed.items()},
                returns="ALL_OLD",
            )
        except ConditionFailed as exc:
            return self._not_recorded(exc.item, message_id, receipt, now_ms)
        self._learn(was, message_id, receipt, now_ms)
        return Recorded.KEPT

    def point(self, telnyx_id: str, message_id: str, now_ms: int) -> None:
        """Let `telnyx_id` lead to the message for as long as that is kept, which only evidence ends."""
        expires = self._retention.kept_until_s(Status.SUBMITTED, now_ms)
        self._table.put(typed_item({"pk": f"T#{telnyx_id}", "message_id": message_id, "expires_at": expires}))

    def _not_recorded(self, item: Item, message_id: str, receipt: Receipt, now_ms: int) -> Recorded:
        """Why a receipt was not written."""
        why = _why_not_recorded(item, receipt)
        if why is Recorded.DUPLICATE and item.get("telnyx_id") == typed(receipt.telnyx_id):
            # It may be this very write, whose answer was lost, and which was the first to tell the provider's id.
            self.point(receipt.telnyx_id, message_id, now_ms)
        return why

    def _learn(self, was: Item, message_id: str, receipt: Receipt, now_ms: int) -> None:
        """Remember the provider's id where the receipt was the first to tell it."""
        if receipt.telnyx_id and "telnyx_id" not in was:
            self.point(receipt.telnyx_id, message_id, now_ms)


def _keep(receipt: Receipt) -> tuple[str, str, Item]:
    """The change that keeps a receipt in the history, its condition, and their values."""
    entry = Entry(
        receipt.occurred_ms,
        receipt.word,
        receipt.source,
        receipt.event_id,
        note=receipt.note,
        faults=receipt.faults,
    )
    values: Item = {
        ":none": [],
        ":entry": [entry_row(entry)],
        ":event": receipt.event_id,
        ":events": {receipt.event_id},
    }
    change = "SET history = list_append(if_not_exists(history, :none), :entry)"
    condition = "attribute_exists(#rank) AND NOT contains(event_ids, :event)"
    if receipt.telnyx_id:
        values[":telnyx"] = receipt.telnyx_id
        change += ", telnyx_id = if_not_exists(telnyx_id, :telnyx)"
        condition += " AND (attribute_not_exists(telnyx_id) OR telnyx_id = :telnyx)"
    return change, condition, values


def _advance(receipt: Receipt, now_ms: int) -> tuple[str, Item, str]:
    """The changes, their values and the removals by which a receipt moves a status forward."""
    assert receipt.status
    changes = "#status = :status, #rank = :rank, updated_ms = :now, faults = :faults"
    values: Item = {
        ":status": receipt.status.value,
        ":rank": receipt.status.rank,
        ":now": now_ms,
        ":faults": fault_rows(receipt.faults),
    }
    for name in _BILLED:
        value = getattr(receipt, name)
        if value is not None:
            changes += f", {name} = :{name}"
            values[f":{name}"] = value
    if receipt.status.final:
        return changes, values, " REMOVE due_shard, due_at_ms, recipient_queue"
    values[":look"] = now_ms + RECEIPT_CHECK_MS
    return changes + ", due_shard = :shard, due_at_ms = :look", values, " REMOVE recipient_queue"


def _why_not_recorded(item: Item, receipt: Receipt) -> Recorded:
    if image(item) is None:
        return Recorded.MISSING
    fields = parse(item)
    if receipt.event_id in fields.get("event_ids", set()):
        return Recorded.DUPLICATE
    if receipt.telnyx_id and fields.get("telnyx_id", receipt.telnyx_id) != receipt.telnyx_id:
        return Recorded.FOREIGN
    return Recorded.KEPT
