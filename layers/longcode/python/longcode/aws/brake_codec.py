"""Pauses and counts of tags and carriers, in the items of the limits table."""

# A module of its own, as the webhook has no use for the rest of limits_codec.

import hashlib
from typing import Any

from longcode.domain.carriers import Carrier
from longcode.domain.tag_brake import WINDOW_SLOTS, Pause, Subject, SubjectKind, Tally

CONTROL = "control"
# By these items of the messages table the publisher hears of pauses. Its mapping lets them through as it does the
# heartbeat, and an earlier version of the publisher takes them for one.
NOTICE = "H#pause#"
# So many slots have names of their own. Those that are not of the last hour are not read.
RING = 12
# The counts of a slot by the first letters of their names: `s3`, `f3`, `h3`, `o3`.
KINDS = {"s": "sent", "f": "failed", "h": "filtered", "o": "opted_out"}


def tag_key(tag: str) -> str:
    """The item of a tag: its counts and its pause."""
    return f"tag#{tag}"


def counts_key(subject: Subject) -> str:
    """The item of a subject's counts."""
    return tag_key(subject.name) if subject.kind is SubjectKind.TAG else f"brake#carrier#{subject.name}"


def pause_key(subject: Subject) -> str:
    """The item of its pause: of a carrier the one that every look before a send reads."""
    return tag_key(subject.name) if subject.kind is SubjectKind.TAG else CONTROL


def prefix(subject: Subject) -> str:
    """What the names of a pause begin with in that item."""
    return "" if subject.kind is SubjectKind.TAG else f"carrier_{subject.name}_"


# Any: an item is whatever JSON the table holds.
def pause(item: dict[str, Any], begins: str = "") -> Pause | None:
    """The pause in an item, None if there is none."""
    since = item.get(f"{begins}paused_since")
    if since is None:
        return None
    by = item.get(f"{begins}paused_by")
    return Pause(int(since), str(item.get(f"{begins}pause_reason", "")), "brake" if by == "brake" else "operator")


def carrier_pauses(control: dict[str, Any]) -> dict[str, Pause]:
    """The pauses of carriers."""
    found = {carrier.value: pause(control, f"carrier_{carrier}_") for carrier in Carrier}
    return {carrier: one for carrier, one in found.items() if one}


def tally(item: dict[str, Any], slot: int, *, slots: int = WINDOW_SLOTS) -> Tally:
    """What an item has counted in so many slots up to one: those of the last hour."""
    last = int(item.get("ten_min", 0))
    counted = range(max(slot - slots, last - RING) + 1, last + 1)
    sums = {word: sum(int(item.get(f"{kind}{one % RING}", 0)) for one in counted) for kind, word in KINDS.items()}
    return Tally(**sums, tags=len(item.get("bad_tags", ())))


def tag_mark(tag: str) -> str:
    """What stands for a tag where only the number of tags matters: two hexadecimal digits."""
    return hashlib.blake2b(tag.encode(), digest_size=1).hexdigest()


# Any: the same.
def notice_fields(subject: Subject, pause: Pause | None, tally: Tally, now_ms: int) -> dict[str, Any]:
    """The item by which the publisher hears that a subject is paused, or is not any more."""
    fields = {
        "pk": f"{NOTICE}{subject.kind}#{subject.name}",
        "at_ms": now_ms,
        "kind": subject.kind.value,
        "name": subject.name,
        "paused": pause is not None,
        "since_ms": pause.since_ms if pause else now_ms,
        "reason": pause.reason if pause else "",
        "by": pause.by if pause else "operator",
    }
    return fields | {word: getattr(tally, word) for word in KINDS.values()}
