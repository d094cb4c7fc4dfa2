"""A message as an item of the messages table has it, and back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from longcode.aws import keys
from longcode.aws.attributes import untyped_item
from longcode.aws.dynamo import Item
from longcode.domain.message import (
    DUE_PARTS,
    FIND_SHARDS,
    HELD_GROUPS,
    DueGroup,
    Entry,
    Fault,
    Message,
    Place,
    held_shard,
    iso,
)
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Waiting


# Any: a value of an item is whatever JSON the table holds.
def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else value
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def parse(item: Item) -> Item:
    """The fields of an item; whole numbers are ints, others Decimals."""
    return {name: _plain(value) for name, value in untyped_item(item).items()}


def _faults(rows: Sequence[Item]) -> tuple[Fault, ...]:
    return tuple(Fault(**row) for row in rows)


# Each write of an item costs by the kilobyte, so carrier and line are one word (`t_mobile`) where the line is what
# nearly all are, and two (`other voip`) where it is not.
_USUAL_LINE = "wireless"


def carrier_words(carrier: str, line_type: str) -> str:
    """The recipient's carrier and kind of line as an item has them: in one attribute, as they are one answer's."""
    return carrier if line_type == _USUAL_LINE else f"{carrier} {line_type}"


def _carrier(words: str) -> tuple[str, str]:
    carrier, other, line_type = words.partition(" ")
    return carrier, line_type if other else _USUAL_LINE


# The release before has no word for these waits, and reads no message with a word that it does not know.
# Going back by one release has to be possible, so the attribute that it reads has another word.
_EARLIER = {
    HeldBy.CARRIER_RATE: HeldBy.SENDER_RATE,
    HeldBy.CARRIER_DAY_CAP: HeldBy.SENDER_RATE,
    HeldBy.RECIPIENT_LIMIT: HeldBy.RECIPIENT_RATE,
    HeldBy.TAG_PAUSED: HeldBy.PAUSED,
    HeldBy.CARRIER_PAUSED: HeldBy.PAUSED,
}


def held_words(held_by: HeldBy) -> tuple[str, str | None]:
    """What a message waits for as an item has it: `held_by`, and `held_by_carrier` where that has another word."""
    earlier = _EARLIER.get(held_by)
    return (earlier.value, held_by.value) if earlier else (held_by.value, None)


def held_by(fields: Item) -> HeldBy | None:
    """What a message waits for. A word of a later release says no more than that it waits."""
    said, carriers = (
        HeldBy(word) if (word := fields.get(name)) in set(HeldBy) else None
        for name in ("held_by", "held_by_carrier")
    )
    # Where the release before has written the first anew, the second is of an earlier wait.
    return carriers if carriers and _EARLIER.get(carriers) is said else said


def fault_rows(faults: Sequence[Fault]) -> list[Item]:
    """Faults as an item has them, without what they leave open."""
    return [{name: value for name, value in asdict(fault).items() if value is not None} for fault in faults]


def _entry(row: Item) -> Entry:
    # A row of an earlier release has the id of its event, which the message has in `event_ids`.
    fields = {name: value for name, value in row.items() if name != "event_id"}
    return Entry(**{**fields, "faults": _faults(row.get("faults", ()))})


def entry_row(entry: Entry) -> Item:
    """An entry of the history as an item has it."""
    fields = {name: value for name, value in asdict(entry).items() if value not in (None, ())}
    if entry.faults:
        fields["faults"] = fault_rows(entry.faults)
    return fields


_SCALARS = (
    "direction", "sender", "recipient", "text", "accepted_ms", "updated_ms", "route", "segments", "metadata",
    "send_at_ms", "not_before_ms", "expires_ms", "category", "quiet_zones",
    "fingerprint", "webhook_url", "telnyx_id", "provider_status", "claim_id", "claimed_ms", "attempts",
    "slot_ms", "turn", "cap_day",
    "replays", "replayed_ms", "no_resend", "unqueued", "test", "safe_to_retry", "parts", "currency",
    "autoresponse", "opt_out", "is_spam", "sent_ms", "completed_ms",
)  # fmt: skip

# In `no_resend` of a test text, which the release before does not know: it claims and repeats nothing that has any
# value there, so that after going back to it no test text leaves for the provider.
TEST = "test"
# The condition of a write by which a text may leave; `:test` is TEST.
MAY_SEND = "(attribute_not_exists(no_resend) OR no_resend = :test)"

_MOSTLY_EMPTY = frozenset(("replays", "quiet_zones"))


def from_item(item: Item) -> Message:
    """The message in an item that has one. See `image` for what else the table holds."""
    fields = parse(item)
    known = {name: value for name in _SCALARS if (value := fields.get(name)) is not None and name != "text"}
    ident = fields["pk"].removeprefix("M#")
    known["no_resend"] = fields.get("no_resend") is True
    if "carrier" in fields:
        known["carrier"], known["line_type"] = _carrier(fields["carrier"])
    if known.get("webhook_url", "").endswith("/"):
        known["webhook_url"] += ident
    return Message(
        id=ident,
        status=Status(fields["status"]),
        priority=Priority(fields.get("priority", Priority.TRANSACTIONAL)),
        text=fields.get("text", "" if fields["direction"] == "inbound" else None),
        held_by=held_by(fields),
        cost=Decimal(fields["cost"]) if "cost" in fields else None,
        faults=_faults(fields.get("faults", ())),
        history=tuple(_entry(row) for row in fields.get("history", ())),
        media=tuple(fields.get("media", ())),
        media_urls=tuple(fields.get("media_urls", ())),
        **known,
    )


def to_item(message: Message) -> Item:
    """The fields of a message's item, not yet as DynamoDB types them."""
    fields: Item = {name: getattr(message, name) for name in _SCALARS}
    fields |= {
        "pk": f"M#{message.id}",
        "webhook_url": _without_id(message),
        "status": message.status.value,
        "rank": message.status.rank,
        # Most have none: each write of an item costs by the kilobyte.
        "priority": message.priority.value if message.priority is Priority.BULK else None,
        "peer": keys.peer(message.peer, test=message.test),
        "tag": _tag(message),
        "day": keys.day(iso(message.accepted_ms)[:10], _shard(message.id, FIND_SHARDS), test=message.test),
        "faults": fault_rows(message.faults),
        "history": [entry_row(entry) for entry in message.history],
        "media": list(message.media),
        "media_urls": list(message.media_urls),
        "carrier": carrier_words(message.carrier, message.line_type or "") if message.carrier else None,
    }
    if message.test and not message.no_resend:
        fields["no_resend"] = TEST
    if message.held_by:
        fields["held_by"], fields["held_by_carrier"] = held_words(message.held_by)
    # 0 and "" are values like any other, but for these.
    return {
        name: value
        for name, value in fields.items()
        if not (value is None or value is False or value in ([], {}) or (name in _MOSTLY_EMPTY and not value))
    }


def due_shard(message_id: str, group: DueGroup) -> str:
    """The part of `group` that a message is in, in the index by due time."""
    return str(group.shards[_shard(message_id, DUE_PARTS)])


def due_part(message: Message, group: DueGroup) -> str:
    """The same, also for what is held."""
    if group in HELD_GROUPS.values():
        return str(held_shard(message.recipient, message.priority))
    return due_shard(message.id, group)


# In the index by_recipient_queue what is bulk has a queue of its own behind each number.
_BULK = f"{Priority.BULK}#"


def queue_key(recipient: str, priority: Priority) -> str:
    """A recipient queue in the index by_recipient_queue."""
    return _BULK + recipient if priority is Priority.BULK else recipient


def place_words(place: Place) -> str:
    """A place in a recipient queue as an item has it, which sorts as text. Until the year 2286."""
    return f"{place.ready_ms:013d}#{place.accepted_ms:013d}"


def _place(words: str) -> Place:
    return Place(*map(int, words.split("#")))


def _without_id(message: Message) -> str:
    """The webhook URL of a message without the id that it ends in, which the key has; `from_item` puts it back."""
    url = message.webhook_url
    return url.removesuffix(message.id) if url.endswith(f"/{message.id}") else url


def _tag(message: Message) -> str | None:
    """What a message is found by in the index by_tag: its tag, or what it was read as."""
    part = _shard(message.id, FIND_SHARDS)
    if message.tag:
        return keys.tag(message.tag, part)
    return keys.keyword(message.opt_out, part) if message.opt_out else None


def _shard(message_id: str, shards: int) -> int:
    return hashlib.sha256(message_id.encode()).digest()[0] % shards


def image(item: Mapping[str, Any]) -> Message | None:
    """The message in an item as DynamoDB has it; None where there is none, or what is left of an erased one."""
    return from_item(dict(item)) if "status" in item else None


# Any: an item of the index.
def waiting(item: Mapping[str, Any]) -> Waiting:
    """The text that an entry of the index by_recipient_queue stands for."""
    queue = str(item["recipient_queue"])
    return Waiting(
        item["pk"].removeprefix("M#"),
        queue.removeprefix(_BULK),
        _place(item["queue_place"]),
        Priority.BULK if queue.startswith(_BULK) else Priority.TRANSACTIONAL,
    )
