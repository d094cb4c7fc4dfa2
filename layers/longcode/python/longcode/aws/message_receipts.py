"""Writing a receipt into its message: into the history, once, and into the status if that moves forward."""

from contextlib import suppress

from longcode.aws.attributes import typed, typed_item, untyped
from longcode.aws.clients import ConditionFailed
from longcode.aws.dynamo import Item, Table
from longcode.aws.message_codec import carrier_words, due_shard, entry_row, fault_rows, image, parse
from longcode.aws.retention import Retention
from longcode.domain.message import KEPT_ENTRIES, RECEIPT_CHECK_MS, DueGroup, Entry
from longcode.domain.outcomes import Receipt, Recorded, Recording
from longcode.domain.status import Status, receipt_ceiling

# The changes, the condition, and the values of both.
type _Write = tuple[str, str, Item]

_BILLED = ("parts", "cost", "currency", "completed_ms")


class ReceiptWriter:
    """Writes receipts into the messages of `table`, and which message a provider's id leads to."""

    def __init__(self, table: Table, retention: Retention) -> None:
        self._table = table
        self._retention = retention

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recording:
        """ports.Messages.record."""
        if receipt.status:
            advancing = self._advancing(receipt, receipt.status, now_ms)
            done = self._write(message_id, receipt, now_ms, advancing, Recorded.ADVANCED)
            if done.recorded is not Recorded.KEPT:
                return done
        return self._write(message_id, receipt, now_ms, _keeping(receipt), Recorded.KEPT)

    def _write(
        self, message_id: str, receipt: Receipt, now_ms: int, write: _Write, recorded: Recorded
    ) -> Recording:
        """Make one of the two writes of a receipt: `recorded`, or why it was not made."""
        try:
            was = self._table.update(f"M#{message_id}", *write, returns="ALL_OLD")
        except ConditionFailed as exc:
            return Recording(self._not_recorded(exc.item, message_id, receipt, now_ms), image(exc.item))
        if receipt.telnyx_id and "telnyx_id" not in was:
            # The receipt is the first to name the provider's id.
            self.point(receipt.telnyx_id, message_id, now_ms)
        if recorded is Recorded.ADVANCED and "recipient_queue" in was and "due_shard" in was:
            self._await_next(message_id, now_ms)
        return Recording(recorded, image(was))

    def _await_next(self, message_id: str, now_ms: int) -> None:
        """Have the reconciler look for a later receipt of a text that waited, as far as we knew.

        Any other has an entry of the index by due time whose moment will do: this one's is when it expires.
        """
        values = {":shard": due_shard(message_id, DueGroup.RECEIPT), ":look": now_ms + RECEIPT_CHECK_MS}
        with suppress(ConditionFailed):
            self._table.update(
                f"M#{message_id}",
                "SET due_shard = :shard, due_at_ms = :look",
                "attribute_exists(due_shard)",
                values,
            )

    def _advancing(self, receipt: Receipt, status: Status, now_ms: int) -> _Write:
        """The write that also moves the status forward."""
        keep, ours_and_new, common = _keep(receipt)
        changes, values, removals = _advance(receipt, now_ms)
        removals += self._retention.forget_text(status)
        values |= {
            ":expires": self._retention.kept_until_s(status, now_ms),
            ":ceiling": receipt_ceiling(status),
        }
        return (
            f"{keep}, {changes}, expires_at = :expires ADD event_ids :events{removals}",
            f"{ours_and_new} AND #rank < :ceiling",
            common | values,
        )

    def point(self, telnyx_id: str, message_id: str, now_ms: int) -> None:
        """Let `telnyx_id` lead to the message for as long as that is kept, which only evidence ends."""
        expires = self._retention.kept_until_s(Status.SUBMITTED, now_ms)
        self._table.put(typed_item({"pk": f"T#{telnyx_id}", "message_id": message_id, "expires_at": expires}))

    def _not_recorded(self, item: Item, message_id: str, receipt: Receipt, now_ms: int) -> Recorded:
        """Why a receipt was not written."""
        why = _why_not_recorded(item, receipt)
        if why is Recorded.DUPLICATE and item.get("telnyx_id") == typed(receipt.telnyx_id):
            # It may be this very write, whose answer was lost, and which was the first to name the provider's id.
            self.point(receipt.telnyx_id, message_id, now_ms)
        if why is Recorded.DUPLICATE and item.get("status") == typed(Status.SENT.value) and _waited(item):
            # The same, of a text that waited: or the first time ended between the two writes.
            self._await_next(message_id, now_ms)
        return why


_WAITING_GROUPS = (DueGroup.QUEUED, DueGroup.EXPIRING, DueGroup.HELD, DueGroup.HELD_BULK)
_WAITING = {shard for group in _WAITING_GROUPS for shard in group.shards}


def _waited(item: Item) -> bool:
    """Whether the entry of the index by due time is that of a text that waits."""
    return "due_shard" in item and int(untyped(item["due_shard"])) in _WAITING


def _keeping(receipt: Receipt) -> _Write:
    """The write that only keeps it in the history, up to KEPT_ENTRIES."""
    keep, ours_and_new, common = _keep(receipt)
    # The bill may come after the end, and what came first stays.
    billed = {name: value for name in _BILLED if (value := getattr(receipt, name)) is not None}
    keep += "".join(f", {name} = if_not_exists({name}, :{name})" for name in billed)
    if receipt.subscription:
        keep += ", carrier = if_not_exists(carrier, :carrier)"
        common[":carrier"] = carrier_words(receipt.subscription.carrier, receipt.subscription.line_type)
    return (
        f"{keep} ADD event_ids :events",
        f"{ours_and_new} AND (attribute_not_exists(history) OR size(history) < :most)",
        common | {":most": KEPT_ENTRIES} | {f":{name}": value for name, value in billed.items()},
    )


def _keep(receipt: Receipt) -> tuple[str, str, Item]:
    """The change that keeps a receipt in the history, its condition, and their values."""
    entry = Entry(receipt.occurred_ms, receipt.word, receipt.source, receipt.note, receipt.faults)
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
    if receipt.subscription:
        changes += ", carrier = :carrier"
        values[":carrier"] = carrier_words(receipt.subscription.carrier, receipt.subscription.line_type)
    if receipt.status.final:
        return changes, values, " REMOVE due_shard, due_at_ms, recipient_queue, queue_place"
    return changes, values, " REMOVE recipient_queue, queue_place"


def _why_not_recorded(item: Item, receipt: Receipt) -> Recorded:
    if image(item) is None:
        return Recorded.MISSING
    fields = parse(item)
    if receipt.event_id in fields.get("event_ids", set()):
        return Recorded.DUPLICATE
    if receipt.telnyx_id and fields.get("telnyx_id", receipt.telnyx_id) != receipt.telnyx_id:
        return Recorded.FOREIGN
    return Recorded.KEPT
