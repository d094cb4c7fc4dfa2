"""Counts and pauses of tags and carriers: `tag#<tag>` and `brake#carrier#<carrier>` in the limits table."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from longcode.aws import brake_codec
from longcode.aws.attributes import typed, typed_item, untyped_item
from longcode.aws.brake_codec import KINDS, RING
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.dynamo import Table
from longcode.domain.errors import Unavailable
from longcode.domain.tag_brake import SLOT_MS, Pause, Standing, Subject, SubjectKind, Tally, slot_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The limits table"
_TRIES = 6
# Longer than the hour that is counted: what left before a resumption is known as such for so long.
_KEEP_S = 2 * 86_400
_OPEN = (
    "attribute_not_exists(paused_since) AND (attribute_not_exists(resumed) OR resumed <= :left) "
    "AND (attribute_not_exists(counted_by) OR counted_by <> :by)"
)


class DynamoBrakes:
    """brake_store.BrakeStore over DynamoDB.

    A count adds to the slot of its ten minutes, in one write that returns the others too. The first of a slot
    finds that the item is at an earlier one, and writes once more: it clears what the ring had there before.
    A carrier's pause is in the item that each look before a send reads anyway.
    """

    def __init__(
        self, client: "DynamoDBClient", table: str, messages_table: str, *, sleep: Sleep = time.sleep
    ) -> None:
        self._table = Table(client, table, _WHAT)
        self._messages = Table(client, messages_table, "The messages table")
        self._sleep = sleep

    def add(
        self, subject: Subject, more: Tally, left_ms: int, now_ms: int, bad_tag: str | None = None
    ) -> Tally | None:
        key, mark, slot = brake_codec.counts_key(subject), secrets.token_hex(8), slot_of(now_ms)
        # Any: numbers and words, as Table.update takes them.
        values: dict[str, Any] = {":left": left_ms, ":by": mark, ":expires": now_ms // 1000 + _KEEP_S}
        counts = {kind: value for kind, word in KINDS.items() if (value := getattr(more, word))}
        values |= {f":{kind}": value for kind, value in counts.items()}
        if bad_tag is not None:
            values[":bad"] = {brake_codec.tag_mark(bad_tag)}
        seen: int | None = slot
        for _ in range(_TRIES):
            at = {":slot": slot} | ({":seen": seen} if seen is not None and seen != slot else {})
            at |= {":now": now_ms} if _begins(seen, slot) else {}
            try:
                item = self._table.update(key, *_change(counts, seen, slot, bad=bad_tag is not None), values | at)
            except ConditionFailed as exc:
                found = untyped_item(exc.item)
                if found.get("counted_by") == mark:
                    # Counted already, and only the answer was lost.
                    return brake_codec.tally(found, slot)
                if "paused_since" in found or int(found.get("resumed", 0)) > left_ms:
                    return None
                seen = int(found["ten_min"]) if "ten_min" in found else None
                # A clock that is ahead of ours counts for a slot that is still to come.
                slot = max(slot, seen or 0)
                continue
            return brake_codec.tally(untyped_item(item), slot)
        # Others moved it on between each look and the write after it.
        raise Unavailable(_WHAT)

    def pause(self, subject: Subject, pause: Pause, *, counted_ms: int | None = None) -> bool:
        begins, mark = brake_codec.prefix(subject), secrets.token_hex(8)
        condition, values = f"attribute_not_exists({begins}paused_since)", dict[str, Any]()
        if counted_ms is not None:
            condition += f" AND (attribute_not_exists({begins}resumed) OR {begins}resumed <= :counted)"
            values[":counted"] = counted_ms
        try:
            self._table.update(
                brake_codec.pause_key(subject),
                f"SET {begins}paused_since = :since, {begins}pause_reason = :reason, {begins}paused_by = :who, "
                f"{begins}pause_mark = :by REMOVE expires_at",
                condition,
                values | {":since": pause.since_ms, ":reason": pause.reason, ":who": pause.by, ":by": mark},
                "NONE",
            )
        except ConditionFailed as exc:
            # Written already, and only the answer was lost.
            return untyped_item(exc.item).get(f"{begins}pause_mark") == mark
        return True

    def resume(self, subject: Subject, now_ms: int) -> Pause | None:
        begins, anew = (
            brake_codec.prefix(subject),
            ", ".join(f"{kind}{one}" for kind in KINDS for one in range(RING)) + ", bad_tags",
        )
        gone = ", ".join(f"{begins}{name}" for name in ("paused_since", "pause_reason", "paused_by", "pause_mark"))
        values = {":now": now_ms, ":expires": now_ms // 1000 + _KEEP_S}
        reset = "SET resumed = :now, expires_at = :expires REMOVE ten_min, "
        if subject.kind is SubjectKind.TAG:
            before = self._table.update(
                brake_codec.tag_key(subject.name), f"{reset}{gone}, {anew}", "", values, "ALL_OLD"
            )
            return brake_codec.pause(untyped_item(before))
        # The pause last: where this ends between the two, the carrier is still paused, and resumed once more.
        self._table.update(brake_codec.counts_key(subject), reset + anew, "", values, "NONE")
        before = self._table.update(
            brake_codec.CONTROL, f"SET {begins}resumed = :now REMOVE {gone}", "", {":now": now_ms}, "ALL_OLD"
        )
        return brake_codec.pause(untyped_item(before), begins)

    def standings(self, subjects: Sequence[Subject], now_ms: int) -> Mapping[Subject, Standing]:
        keys = dict.fromkeys(
            key(one) for one in subjects for key in (brake_codec.counts_key, brake_codec.pause_key)
        )
        if not keys:
            return {}
        rows = {self._table.name: [{"pk": typed(key)} for key in keys]}
        items = get_items(self._table.client, rows, _WHAT, self._sleep)[self._table.name]
        found = {item["pk"]["S"]: untyped_item(item) for item in items}
        slot = slot_of(now_ms)
        standings: dict[Subject, Standing] = {}
        for one in subjects:
            counts = found.get(brake_codec.counts_key(one), {})
            pause = brake_codec.pause(found.get(brake_codec.pause_key(one), {}), brake_codec.prefix(one))
            if counts or pause:
                recent = brake_codec.tally(counts, slot, slots=2).sent
                from_ms = max((slot - 1) * SLOT_MS, int(counts.get("began", 0)))
                standings[one] = Standing(brake_codec.tally(counts, slot), recent, from_ms, pause)
        return standings

    def announce(self, subject: Subject, pause: Pause | None, tally: Tally, now_ms: int) -> None:
        fields = brake_codec.notice_fields(subject, pause, tally, now_ms)
        self._messages.put(typed_item(fields | {"expires_at": now_ms // 1000 + _KEEP_S}))


def _begins(seen: int | None, slot: int) -> bool:
    """Whether nothing was counted for ten minutes before a slot."""
    return seen is None or seen < slot - 1


def _change(counts: Mapping[str, int], seen: int | None, slot: int, *, bad: bool) -> tuple[str, str]:
    """The write that counts in a slot, and its condition: that the item is at that slot, or at the `seen` one."""
    here = slot % RING
    common = "SET expires_at = :expires, counted_by = :by"
    if seen == slot:
        adds = ", ".join([*(f"{kind}{here} :{kind}" for kind in counts), *(["bad_tags :bad"] if bad else [])])
        return f"{common} ADD {adds}", f"ten_min = :slot AND {_OPEN}"
    sets = "".join(f", {kind}{here} = :{kind}" for kind in counts)
    begins, adds = _begins(seen, slot), ""
    if begins:
        sets += ", began = :now" + (", bad_tags = :bad" if bad else "")
    elif bad:
        adds = " ADD bad_tags :bad"
    stale = range(max((seen or 0) + 1, slot - RING + 1), slot + 1)
    gone = [f"{kind}{one % RING}" for one in stale for kind in KINDS if not (one == slot and kind in counts)]
    gone += ["bad_tags"] if begins and not bad else []
    remove = f" REMOVE {', '.join(gone)}" if gone else ""
    at = "attribute_not_exists(ten_min)" if seen is None else "ten_min = :seen"
    return f"{common}, ten_min = :slot{sets}{remove}{adds}", f"{at} AND {_OPEN}"
