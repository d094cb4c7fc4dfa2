"""The messages table: one item a message with its history, and one that leads from the provider's id to ours.

Every write carries its condition, so that a late, doubled or reordered event can't take a status back,
and every one of them may be repeated by the client library without harm.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from itertools import batched
from typing import TYPE_CHECKING, Any

from longcode.aws import keys
from longcode.aws.attributes import typed, untyped
from longcode.aws.clients import ConditionFailed, Sleep, get_items, translated
from longcode.domain.message import (
    CLAIM_MS,
    ENQUEUE_CHECK_MS,
    EVIDENCE_MS,
    FIND_SHARDS,
    KEPT_ENTRIES,
    LONGEST_VALIDITY_MS,
    RECEIPT_CHECK_MS,
    URGENT_SHARDS,
    Entry,
    Fault,
    Message,
    iso,
)
from longcode.domain.outcomes import Answer, Receipt, Recorded
from longcode.domain.status import HeldBy, Status, receipt_ceiling
from longcode.use_cases.ports import Claim, Waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

    # Any: an item is whatever JSON the table holds; `_message` gives it a type.
    Item = dict[str, Any]

_WHAT = "The messages table"
# As many items as one BatchGetItem takes.
_BATCH = 100
# For how long an erased text that was waiting leaves its id behind.
_REMNANT_S = 86_400


def _values(fields: "Item") -> "Item":
    return {name: typed(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def _parse(item: "Item") -> "Item":
    return {name: _plain(untyped(value)) for name, value in item.items()}


def _faults(rows: Sequence["Item"]) -> tuple[Fault, ...]:
    return tuple(Fault(**row) for row in rows)


def _fault_rows(faults: Sequence[Fault]) -> list["Item"]:
    return [{name: value for name, value in asdict(fault).items() if value is not None} for fault in faults]


def _entry(row: "Item") -> Entry:
    return Entry(**{**row, "faults": _faults(row.get("faults", ()))})


def _row(entry: Entry) -> "Item":
    fields = {name: value for name, value in asdict(entry).items() if value not in (None, ())}
    if entry.faults:
        fields["faults"] = _fault_rows(entry.faults)
    return fields


_BILLED = ("parts", "cost", "currency", "completed_ms")
_SCALARS = (
    "direction", "sender", "recipient", "text", "accepted_ms", "updated_ms", "route", "segments", "metadata",
    "fingerprint", "webhook_url", "telnyx_id", "provider_status", "claim_id", "claimed_ms", "attempts",
    "slot_ms", "turn", "replays", "replayed_ms", "no_resend", "unqueued", "safe_to_retry", "parts", "currency",
    "autoresponse", "opt_out", "is_spam", "sent_ms", "completed_ms",
)  # fmt: skip


def _message(item: "Item") -> Message:
    fields = _parse(item)
    known = {name: value for name in _SCALARS if (value := fields.get(name)) is not None and name != "text"}
    return Message(
        id=fields["pk"].removeprefix("M#"),
        status=Status(fields["status"]),
        text=fields.get("text", "" if fields["direction"] == "inbound" else None),
        held_by=HeldBy(fields["held_by"]) if "held_by" in fields else None,
        cost=Decimal(fields["cost"]) if "cost" in fields else None,
        faults=_faults(fields.get("faults", ())),
        history=tuple(_entry(row) for row in fields.get("history", ())),
        media=tuple(fields.get("media", ())),
        **known,
    )


def _item(message: Message) -> "Item":
    fields: Item = {name: getattr(message, name) for name in _SCALARS}
    fields |= {
        "pk": f"M#{message.id}",
        "status": message.status.value,
        "rank": message.status.rank,
        "peer": keys.peer(message.peer),
        "tag": _tag(message),
        "day": f"{iso(message.accepted_ms)[:10]}#{_shard(message.id, FIND_SHARDS)}",
        "faults": _fault_rows(message.faults),
        "history": [_row(entry) for entry in message.history],
        "media": list(message.media),
        "held_by": message.held_by.value if message.held_by else None,
    }
    # 0 and "" are values like any other.
    return {
        name: value
        for name, value in fields.items()
        if not (value is None or value is False or value in ([], {}) or (name == "replays" and not value))
    }


def shard(message_id: str, *, receipt: bool = False, waits: bool = False) -> str:
    """The part of the index of what is due that a message is in.

    `receipt`: it only waits for one; `waits`: it waits in the queue.
    """
    return str(_shard(message_id, URGENT_SHARDS) + URGENT_SHARDS * (2 if waits else receipt))


def _tag(message: Message) -> str | None:
    """What a message is found by in the index by_tag: its tag, or what it was read as."""
    part = _shard(message.id, FIND_SHARDS)
    if message.tag:
        return keys.tag(message.tag, part)
    return keys.wish(message.opt_out, part) if message.opt_out else None


def _shard(message_id: str, shards: int) -> int:
    return hashlib.sha256(message_id.encode()).digest()[0] % shards


def image(item: Mapping[str, Any]) -> Message | None:
    """The message in an item as DynamoDB has it; None where there is none, or what is left of an erased one."""
    return _message(dict(item)) if "status" in item else None


# Any: an item of the index.
def _waiting(item: Mapping[str, Any]) -> Waiting:
    return Waiting(item["pk"].removeprefix("M#"), item["recipient_queue"], item["accepted_ms"])


class DynamoMessages:
    """ports.Messages over DynamoDB."""

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
        self._client = client
        self._sleep = sleep
        self._table = table
        self._retention_s = retention_days * 86_400
        self._validity_ms = validity_minutes * 60_000
        # Whether a text that we sent is kept when nothing more is expected of it.
        self._keep_text = keep_text

    def accept(self, message: Message) -> Message | None:
        queued = message.status is Status.QUEUED
        due_in_ms = CLAIM_MS
        if queued:
            due_in_ms = ENQUEUE_CHECK_MS if message.unqueued else self._validity_ms
        item = _item(message) | {
            "due_shard": shard(message.id, waits=queued and not message.unqueued),
            "due_at_ms": message.accepted_ms + due_in_ms,
            # Never while it may still wait, also if ValidityMinutes is made longer meanwhile.
            "expires_at": self._expiry(message.accepted_ms + LONGEST_VALIDITY_MS),
        }
        if queued:
            item["recipient_queue"] = message.recipient
        try:
            with translated(_WHAT):
                self._client.put_item(
                    TableName=self._table,
                    Item=_values(item),
                    ConditionExpression=(
                        "attribute_not_exists(pk) OR attribute_exists(erased_ms) "
                        "OR (safe_to_retry = :yes AND #rank = :failed AND fingerprint = :print)"
                    ),
                    ExpressionAttributeNames={"#rank": "rank"},
                    ExpressionAttributeValues=_values(
                        {":yes": True, ":failed": Status.FAILED.rank, ":print": message.fingerprint}
                    ),
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionFailed as exc:
            existing = _message(exc.item)
            # The put had succeeded and only its answer was lost. What waits may have been claimed since.
            ours = message.claim_id in (None, existing.claim_id) and existing.accepted_ms == message.accepted_ms
            return None if ours and existing.fingerprint == message.fingerprint else existing
        return None

    def get(self, message_id: str) -> Message | None:
        item = self._get(f"M#{message_id}")
        return image(item) if item else None

    def find(self, either_id: str) -> Message | None:
        found = self.get(either_id)
        if found:
            return found
        pointer = self._get(f"T#{either_id}")
        return self.get(_parse(pointer)["message_id"]) if pointer else None

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        try:
            item = self._update(
                message_id,
                "SET #status = :sending, #rank = :rank, claim_id = :claim, claimed_ms = :now, updated_ms = :now, "
                "due_shard = :shard, due_at_ms = :look ADD attempts :one REMOVE recipient_queue, unqueued",
                "#rank = :queued AND attribute_not_exists(no_resend)",
                {
                    ":sending": Status.SENDING.value,
                    ":rank": Status.SENDING.rank,
                    ":queued": Status.QUEUED.rank,
                    ":claim": claim_id,
                    ":now": now_ms,
                    ":shard": shard(message_id),
                    ":look": now_ms + CLAIM_MS,
                    ":one": 1,
                },
            )
        except ConditionFailed as exc:
            message = image(exc.item)
            # Won already, and only the answer was lost.
            return Claim(message is not None and message.claim_id == claim_id, message)
        return Claim(True, _message(item))

    def release(
        self,
        message: Message,
        now_ms: int,
        *,
        slot_ms: int,
        held_by: HeldBy,
        turn: int | None = None,
    ) -> bool:
        return self._try_update(
            message.id,
            "SET #status = :queued, #rank = :rank, recipient_queue = :line, slot_ms = :slot, held_by = :held, turn = :turn, "
            "updated_ms = :now, due_shard = :shard, due_at_ms = :look "
            "ADD attempts :less REMOVE claim_id, claimed_ms",
            "claim_id = :claim AND #rank = :sending",
            {
                ":queued": Status.QUEUED.value,
                ":rank": Status.QUEUED.rank,
                ":sending": Status.SENDING.rank,
                ":line": message.recipient,
                ":slot": slot_ms,
                ":turn": turn,
                ":held": held_by.value,
                ":now": now_ms,
                ":shard": shard(message.id, waits=True),
                ":look": message.accepted_ms + self._validity_ms,
                ":less": -1,
                ":claim": message.claim_id,
            },
        )

    def submitted(self, message: Message, answer: Answer, now_ms: int) -> bool:
        status = answer.status
        entry = Entry(now_ms, status.value, "api" if message.route == "send" else "consumer", faults=answer.faults)
        values = {
            ":status": status.value,
            ":rank": status.rank,
            ":submitted": Status.SUBMITTED.rank,
            ":telnyx": answer.telnyx_id,
            ":word": answer.provider_status,
            ":now": now_ms,
            ":claim": message.claim_id,
            ":none": [],
            ":faults": _fault_rows(answer.faults),
            ":entry": [_row(entry)],
            ":shard": shard(message.id, receipt=True),
            ":look": now_ms + RECEIPT_CHECK_MS,
            ":expires": self._kept_until(status, now_ms),
        }
        changes = (
            "SET #status = :status, #rank = :rank, telnyx_id = if_not_exists(telnyx_id, :telnyx), "
            "provider_status = :word, sent_ms = :now, updated_ms = :now, expires_at = :expires, faults = :faults, "
            "due_shard = :shard, due_at_ms = :look, "
            "history = list_append(if_not_exists(history, :none), :entry)"
        )
        if answer.parts is not None:
            changes += ", parts = :parts"
            values[":parts"] = answer.parts
        changes += self._forget_text(status, " REMOVE ")
        won = self._try_update(message.id, changes, "claim_id = :claim AND #rank < :submitted", values)
        if answer.telnyx_id:
            self._point(answer.telnyx_id, message.id, now_ms)
        return won

    def ambiguous(self, message: Message, fault: Fault, now_ms: int) -> bool:
        entry = Entry(
            now_ms, Status.UNKNOWN.value, "api" if message.route == "send" else "consumer", faults=(fault,)
        )
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
                ":faults": _fault_rows((fault,)),
                ":now": now_ms,
                ":claim": message.claim_id,
                ":none": [],
                ":entry": [_row(entry)],
                ":shard": shard(message.id),
                ":expires": self._kept_until(Status.UNKNOWN, now_ms),
            },
        )

    def mark_replayed(self, message: Message, now_ms: int, *, undo: bool = False) -> bool:
        values: Item = {
            ":old": message.replays,
            ":new": message.replays + (-1 if undo else 1),
            ":now": now_ms,
            ":unknown": Status.UNKNOWN.rank,
            ":claim": message.claim_id,
            ":shard": shard(message.id),
            ":look": now_ms + CLAIM_MS,
            ":by": (mark := secrets.token_hex(8)),
        }
        as_read = "replays = :old"
        if not message.replays:
            as_read = f"(attribute_not_exists(replays) OR {as_read})"
        try:
            self._update(
                message.id,
                "SET replays = :new, replayed_ms = :now, replayed_by = :by, due_shard = :shard, "
                "due_at_ms = :look REMOVE slot_ms",
                f"#rank = :unknown AND claim_id = :claim AND attribute_not_exists(no_resend) AND {as_read}",
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
            "REMOVE recipient_queue, unqueued, due_shard, due_at_ms" + self._forget_text(status),
            "#rank < :submitted AND "
            + ("claim_id = :claim" if message.claim_id else "attribute_not_exists(claim_id)"),
            {
                ":status": status.value,
                ":rank": status.rank,
                ":submitted": Status.SUBMITTED.rank,
                ":faults": _fault_rows(entry.faults),
                ":retry": safe_to_retry,
                ":now": now_ms,
                ":none": [],
                ":entry": [_row(entry)],
                ":expires": self._expiry(now_ms),
            }
            | ({":claim": message.claim_id} if message.claim_id else {}),
        )

    def hold(self, message_id: str, slot_ms: int, held_by: HeldBy, turn: int | None = None) -> None:
        self._try_update(
            message_id,
            "SET slot_ms = :slot, held_by = :held, turn = :turn",
            "#rank = :queued OR #rank = :unknown",
            {
                ":slot": slot_ms,
                ":held": held_by.value,
                ":turn": turn,
                ":queued": Status.QUEUED.rank,
                ":unknown": Status.UNKNOWN.rank,
            },
        )

    def queued(self, message: Message) -> None:
        self._try_update(
            message.id,
            "SET due_shard = :shard, due_at_ms = :look REMOVE unqueued",
            "#rank = :queued AND unqueued = :yes AND accepted_ms = :accepted",
            {
                ":shard": shard(message.id, waits=True),
                ":look": message.accepted_ms + self._validity_ms,
                ":queued": Status.QUEUED.rank,
                ":yes": True,
                ":accepted": message.accepted_ms,
            },
        )

    def forbid(self, message: Message) -> bool:
        return self._try_update(
            message.id,
            "SET no_resend = :yes",
            "#rank = :sending OR #rank = :unknown",
            {":yes": True, ":sending": Status.SENDING.rank, ":unknown": Status.UNKNOWN.rank},
        )

    def record(self, message_id: str, receipt: Receipt, now_ms: int) -> Recorded:
        keep, ours_and_new, common = _keep(receipt)
        if receipt.status:
            changes, values, removals = _advance(receipt, now_ms)
            removals += self._forget_text(receipt.status)
            values |= {
                ":expires": self._kept_until(receipt.status, now_ms),
                ":ceiling": receipt_ceiling(receipt.status),
            }
            try:
                was = self._update(
                    message_id,
                    f"{keep}, {changes}, expires_at = :expires ADD event_ids :events{removals}",
                    f"{ours_and_new} AND #rank < :ceiling",
                    common | values | ({":shard": shard(message_id, receipt=True)} if ":look" in values else {}),
                    returns="ALL_OLD",
                )
            except ConditionFailed as exc:
                why = self._not_recorded(exc.item, message_id, receipt, now_ms)
                if why is not Recorded.KEPT:
                    return why
            else:
                self._learn(was, message_id, receipt, now_ms)
                return Recorded.ADVANCED
        # What it came to may be told after the end, and what was told before stays.
        billed = {name: value for name in _BILLED if (value := getattr(receipt, name)) is not None}
        keep += "".join(f", {name} = if_not_exists({name}, :{name})" for name in billed)
        try:
            was = self._update(
                message_id,
                f"{keep} ADD event_ids :events",
                f"{ours_and_new} AND (attribute_not_exists(history) OR size(history) < :most)",
                common | {":most": KEPT_ENTRIES} | {f":{name}": value for name, value in billed.items()},
                returns="ALL_OLD",
            )
        except ConditionFailed as exc:
            return self._not_recorded(exc.item, message_id, receipt, now_ms)
        self._learn(was, message_id, receipt, now_ms)
        return Recorded.KEPT

    def receive(self, message: Message) -> bool:
        item = _item(message) | {"expires_at": self._expiry(message.accepted_ms)}
        try:
            with translated(_WHAT):
                self._client.put_item(
                    TableName=self._table, Item=_values(item), ConditionExpression="attribute_not_exists(pk)"
                )
        except ConditionFailed:
            return False
        return True

    def queue_length(self, recipient: str, *, at_most: int, before_ms: int | None = None) -> int:
        values: Item = {":line": recipient}
        condition = "recipient_queue = :line"
        if before_ms is not None:
            condition += " AND accepted_ms < :before"
            values[":before"] = before_ms
        with translated(_WHAT):
            return self._client.query(
                TableName=self._table,
                IndexName="by_recipient_queue",
                Select="COUNT",
                Limit=at_most,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=_values(values),
            )["Count"]

    def recipient_queue(self, recipient: str, *, until_ms: int, at_most: int) -> list[Waiting]:
        with translated(_WHAT):
            page = self._client.query(
                TableName=self._table,
                IndexName="by_recipient_queue",
                Limit=at_most,
                KeyConditionExpression="recipient_queue = :line AND accepted_ms <= :until",
                ExpressionAttributeValues=_values({":line": recipient, ":until": until_ms}),
            )
        return [_waiting(item) for item in map(_parse, page["Items"])]

    def waiting(self, at_most: int) -> tuple[list[Waiting], bool]:
        """Texts that wait in any line, each line in its order, and whether there are more than `at_most`.

        It reads the whole sparse index up to there, which no route should.
        """
        found: list[Waiting] = []
        start: Item = {}
        while len(found) <= at_most:
            with translated(_WHAT):
                page = self._client.scan(
                    TableName=self._table,
                    IndexName="by_recipient_queue",
                    Limit=at_most + 1 - len(found),
                    **({"ExclusiveStartKey": start} if start else {}),  # type: ignore[arg-type]
                )
            found += [_waiting(item) for item in map(_parse, page["Items"])]
            start = dict(page.get("LastEvaluatedKey", {}))
            if not start:
                break
        return found[:at_most], len(found) > at_most

    def copies(self, table: str) -> "Iterator[Item]":
        """Every item of a restored copy of this table, for `put_back`."""
        start: Item = {}
        while True:
            with translated("The restored table"):
                page = self._client.scan(
                    TableName=table,
                    **({"ExclusiveStartKey": start} if start else {}),  # type: ignore[arg-type]
                )
            yield from page["Items"]
            start = dict(page.get("LastEvaluatedKey", {}))
            if not start:
                return

    def lacks(self, item: "Item") -> bool:
        """Whether `put_back` would write `item`."""
        found = self._get(item["pk"]["S"])
        if found is None:
            return True
        here, copy = image(found), image(item)
        if here is None or copy is None or copy.safe_to_retry:
            return False
        repeated = here.fingerprint == copy.fingerprint and here.accepted_ms > copy.accepted_ms
        return here.status is Status.QUEUED and repeated

    def put_back(self, item: "Item", now_ms: int) -> bool:
        """Write an item of a restored copy where nothing has taken its place; whether it was written.

        A text that waits there and was accepted later is the same request again, made while the first was gone;
        unless the first is known not to have left. Another text under the same key was promised too, and stays.
        A text that had not left at the time of the copy may have left since. So it comes back as `unknown`, not to
        be sent again: only evidence moves it.
        """
        fields = dict(item)
        message = image(item)
        # A refusal that left the provider without the text does not say so of what came after it.
        fields.pop("safe_to_retry", None)
        if message and message.status.rank < Status.SUBMITTED.rank:
            fault = Fault(
                "restored", "The text was put back from a copy of the table, and may have left since then."
            )
            entry = Entry(now_ms, Status.UNKNOWN.value, "operator", faults=(fault,))
            for name in ("recipient_queue", "slot_ms", "held_by", "unqueued"):
                fields.pop(name, None)
            fields |= _values(
                {
                    "status": Status.UNKNOWN.value,
                    "rank": Status.UNKNOWN.rank,
                    "claim_id": message.claim_id or f"restored:{now_ms}",
                    "claimed_ms": message.claimed_ms or message.accepted_ms,
                    "no_resend": True,
                    "updated_ms": now_ms,
                    "due_shard": shard(message.id),
                    "due_at_ms": now_ms,
                    "faults": _fault_rows((fault,)),
                    "history": [*map(_row, message.history), _row(entry)],
                }
            )
        try:
            with translated(_WHAT):
                if message and not message.safe_to_retry:
                    self._client.put_item(
                        TableName=self._table,
                        Item=fields,
                        ConditionExpression=(
                            "attribute_not_exists(pk) OR "
                            "(#rank = :queued AND accepted_ms > :accepted AND fingerprint = :print)"
                        ),
                        ExpressionAttributeNames={"#rank": "rank"},
                        ExpressionAttributeValues=_values(
                            {
                                ":queued": Status.QUEUED.rank,
                                ":accepted": message.accepted_ms,
                                ":print": message.fingerprint,
                            }
                        ),
                    )
                else:
                    self._client.put_item(
                        TableName=self._table, Item=fields, ConditionExpression="attribute_not_exists(pk)"
                    )
        except ConditionFailed:
            return False
        return True

    def oldest(self, at_most: int) -> list[str]:
        found: list[tuple[int, str]] = []
        for number in range(2 * URGENT_SHARDS, 3 * URGENT_SHARDS):
            with translated(_WHAT):
                answer = self._client.query(
                    TableName=self._table,
                    IndexName="by_due",
                    Limit=at_most,
                    KeyConditionExpression="due_shard = :shard",
                    ExpressionAttributeValues=_values({":shard": str(number)}),
                )
            found += [(item["due_at_ms"], item["pk"]) for item in map(_parse, answer["Items"])]
        return [key.removeprefix("M#") for _, key in sorted(found)[:at_most]]

    def due_messages(self, shard_number: int, now_ms: int, at_most: int) -> list[str]:
        with translated(_WHAT):
            answer = self._client.query(
                TableName=self._table,
                IndexName="by_due",
                Limit=at_most,
                KeyConditionExpression="due_shard = :shard AND due_at_ms <= :now",
                ExpressionAttributeValues=_values({":shard": str(shard_number), ":now": now_ms}),
            )
        return [_parse(item)["pk"].removeprefix("M#") for item in answer["Items"]]

    def set_due(self, message: Message, at_ms: int | None) -> None:
        if at_ms is None:
            self._try_update(message.id, "REMOVE due_shard, due_at_ms", "attribute_exists(pk)", {})
        else:
            # Only for the message as it was read: whoever changed it meanwhile has said when to look at it.
            receipt = message.status.rank >= Status.SUBMITTED.rank
            waits = message.status is Status.QUEUED and not message.unqueued
            values: Item = {
                ":shard": shard(message.id, receipt=receipt, waits=waits),
                ":at": at_ms,
                ":rank": message.status.rank,
            }
            mine = "attribute_not_exists(claim_id)"
            if message.claim_id:
                mine, values[":claim"] = "claim_id = :claim", message.claim_id
            self._try_update(
                message.id,
                "SET due_shard = :shard, due_at_ms = :at",
                f"attribute_exists(due_shard) AND #rank = :rank AND {mine}",
                values,
            )

    def get_all(self, message_ids: Sequence[str]) -> list[Message]:
        found = self.read(message_ids)
        return [message for ident in message_ids if (message := found.get(ident)) is not None]

    def read(self, message_ids: Sequence[str]) -> dict[str, Message | None]:
        found: dict[str, Message | None] = {}
        keys = [_values({"pk": f"M#{ident}"}) for ident in dict.fromkeys(message_ids)]
        for some in batched(keys, _BATCH, strict=False):
            items = get_items(self._client, {self._table: some}, _WHAT, self._sleep)[self._table]
            found |= {item["pk"]["S"].removeprefix("M#"): image(item) for item in items}
        return found

    def erase(self, message: Message) -> bool:
        if message.status.rank < Status.SUBMITTED.rank:
            return False
        if message.telnyx_id:
            # First: a pointer whose message is gone could not be found again.
            with translated(_WHAT):
                self._client.delete_item(TableName=self._table, Key=_values({"pk": f"T#{message.telnyx_id}"}))
        at_rest = {
            "ConditionExpression": "#rank >= :submitted",
            "ExpressionAttributeNames": {"#rank": "rank"},
            "ExpressionAttributeValues": _values({":submitted": Status.SUBMITTED.rank}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        # Any: what both calls below take alike.
        condition: Any = at_rest
        key = {"pk": f"M#{message.id}"}
        try:
            with translated(_WHAT):
                if message.status is Status.CANCELLED:
                    # The queue may still name it: what is left says no more than that it is gone, for a day.
                    left = key | {
                        "erased_ms": message.updated_ms,
                        "expires_at": message.updated_ms // 1000 + _REMNANT_S,
                    }
                    self._client.put_item(TableName=self._table, Item=_values(left), **condition)
                else:
                    self._client.delete_item(TableName=self._table, Key=_values(key), **condition)
        except ConditionFailed as exc:
            # Gone already is erased.
            return image(exc.item) is None
        return True

    def _forget_text(self, status: Status, before: str = ", ") -> str:
        """The removal of the text with a write that makes a message final, if the settings want that."""
        return f"{before}#text" if status.final and not self._keep_text else ""

    def _expiry(self, now_ms: int) -> int:
        return now_ms // 1000 + self._retention_s

    def _kept_until(self, status: Status, now_ms: int) -> int:
        """When an item may go that has come to `status`: not before its last evidence can have come."""
        return self._expiry(now_ms + (0 if status.final else EVIDENCE_MS))

    def _get(self, key: str) -> "Item | None":
        with translated(_WHAT):
            return self._client.get_item(TableName=self._table, Key=_values({"pk": key}), ConsistentRead=True).get(
                "Item"
            )

    def _point(self, telnyx_id: str, message_id: str, now_ms: int) -> None:
        with translated(_WHAT):
            self._client.put_item(
                TableName=self._table,
                Item=_values(
                    {
                        "pk": f"T#{telnyx_id}",
                        "message_id": message_id,
                        # As long as its message, which only evidence ends.
                        "expires_at": self._kept_until(Status.SUBMITTED, now_ms),
                    }
                ),
            )

    def _not_recorded(self, item: "Item", message_id: str, receipt: Receipt, now_ms: int) -> Recorded:
        """Why a receipt was not written."""
        why = _why_not_recorded(item, receipt)
        if why is Recorded.DUPLICATE and item.get("telnyx_id") == typed(receipt.telnyx_id):
            # It may be this very write, whose answer was lost, and which was the first to tell the provider's id.
            self._point(receipt.telnyx_id, message_id, now_ms)
        return why

    def _learn(self, was: "Item", message_id: str, receipt: Receipt, now_ms: int) -> None:
        """Remember the provider's id where the receipt was the first to tell it."""
        if receipt.telnyx_id and "telnyx_id" not in was:
            self._point(receipt.telnyx_id, message_id, now_ms)

    def _update(
        self, message_id: str, changes: str, condition: str, values: "Item", returns: str = "ALL_NEW"
    ) -> "Item":
        names = {f"#{name}": name for name in ("status", "rank", "text") if f"#{name}" in changes + condition}
        optional: Item = {}
        if names:
            optional["ExpressionAttributeNames"] = names
        if values:
            optional["ExpressionAttributeValues"] = _values(values)
        with translated(_WHAT):
            return self._client.update_item(
                TableName=self._table,
                Key=_values({"pk": f"M#{message_id}"}),
                UpdateExpression=changes,
                ConditionExpression=condition,
                ReturnValues=returns,  # type: ignore[arg-type]  # the stubs want a literal
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **optional,
            ).get("Attributes", {})

    def _try_update(self, message_id: str, changes: str, condition: str, values: "Item") -> bool:
        try:
            self._update(message_id, changes, condition, values)
        except ConditionFailed as exc:
            return _is_written(exc.item, values)
        return True


def _is_written(item: "Item", values: "Item") -> bool:
    """Whether a write with an entry for the history is there already, and only its answer was lost."""
    if ":entry" not in values or image(item) is None:
        return False
    fields = _parse(item)
    as_written = (fields["status"], fields["updated_ms"]) == (values[":status"], values[":now"])
    return as_written and fields.get("history", [])[-1:] == values[":entry"]


def _keep(receipt: Receipt) -> tuple[str, str, "Item"]:
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
        ":entry": [_row(entry)],
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


def _advance(receipt: Receipt, now_ms: int) -> tuple[str, "Item", str]:
    """The changes, their values and the removals by which a receipt moves a status forward."""
    assert receipt.status
    changes = "#status = :status, #rank = :rank, updated_ms = :now, faults = :faults"
    values: Item = {
        ":status": receipt.status.value,
        ":rank": receipt.status.rank,
        ":now": now_ms,
        ":faults": _fault_rows(receipt.faults),
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


def _why_not_recorded(item: "Item", receipt: Receipt) -> Recorded:
    if image(item) is None:
        return Recorded.MISSING
    fields = _parse(item)
    if receipt.event_id in fields.get("event_ids", set()):
        return Recorded.DUPLICATE
    if receipt.telnyx_id and fields.get("telnyx_id", receipt.telnyx_id) != receipt.telnyx_id:
        return Recorded.FOREIGN
    return Recorded.KEPT
