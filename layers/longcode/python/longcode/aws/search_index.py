"""The indexes that messages are found by: one with each person, one of each tag, one of each day."""

import heapq
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched, groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from longcode.aws import keys
from longcode.aws.attributes import typed, untyped_item
from longcode.aws.clients import Sleep, get_items, translated
from longcode.domain.message import FIND_SHARDS
from longcode.domain.search import Found, Position, Search, TagEnds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The messages table"
_DAY_MS = 86_400_000
# How many entries one request looks at, and after how many queries it begins no further day.
LOOKED_MOST = 1_000
READS_MOST = 200
# As many messages as one BatchGetItem reads.
_PAGE = 100
# A message outlives its acceptance by what it is held for (90 days), its wait, the provider's ten days, and the
# table's leisure in forgetting.
_OLDER_DAYS = 120
# A clock that is ahead of ours.
_AHEAD_MS = 60_000


class _Entry(NamedTuple):
    """One entry of an index, written once, when its message is accepted. Only by_peer has more than keys."""

    position: Position
    direction: str | None
    tag: str | None
    opt_out: str | None


@dataclass(slots=True)
class _Spent:
    reads: int = 0


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of time, both ends in it, and the keys of one index that hold it."""

    index: str
    attribute: str
    keys: tuple[str, ...]
    low_ms: int
    high_ms: int


class DynamoFinder:
    """ports.Finder over DynamoDB.

    Tags and days are spread over several keys, whose parts are merged here, newest first. A request looks at a
    bounded number of entries and says where the next one goes on, even if nothing has fitted so far.
    """

    def __init__(
        self, client: "DynamoDBClient", table: str, *, retention_days: int, sleep: Sleep = time.sleep
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._oldest_ms = (retention_days + _OLDER_DAYS) * _DAY_MS

    def find(self, wanted: Search, after: Position | None, at_most: int, now_ms: int) -> Found:
        ids: list[str] = []
        spent, looked, last = _Spent(), 0, after
        # As many as are likely to be needed: of a search that passes over most entries, more.
        narrowed = wanted.status or wanted.direction or (wanted.peer and (wanted.tag or wanted.opt_out))
        page = _PAGE if narrowed else at_most + 1
        at_a_time = _PAGE if _changes(wanted) else 1
        for window in self._windows(wanted, after, now_ms):
            if spent.reads >= READS_MOST:
                # Everything later than this window has been seen.
                return Found(ids, Position(window.high_ms + 1, ""))
            merged = self._merged(window, page, spent)
            entries = (entry for entry in merged if after is None or entry.position < after)
            for some in batched(entries, at_a_time, strict=False):
                fitting = self._fitting(some[: LOOKED_MOST - looked], wanted) if len(ids) < at_most else set()
                for entry in some:
                    if len(ids) == at_most or looked == LOOKED_MOST:
                        return Found(ids, last)
                    looked, last = looked + 1, entry.position
                    if entry.position.id in fitting:
                        ids.append(entry.position.id)
        return Found(ids, None)

    def ends(self, tag: str) -> TagEnds | None:
        firsts, lasts = (
            [entry for shard in range(FIND_SHARDS) if (entry := self._end(keys.tag(tag, shard), last=last))]
            for last in (False, True)
        )
        if not firsts or not lasts:
            return None
        ids = tuple(position.id for position in sorted(lasts, reverse=True))
        return TagEnds(min(firsts).accepted_ms, max(lasts).accepted_ms, ids)

    def _end(self, key: str, *, last: bool) -> Position | None:
        """The first or the last entry of one part of a tag."""
        with translated(_WHAT):
            items = self._client.query(
                TableName=self._table,
                IndexName="by_tag",
                KeyConditionExpression="#key = :key",
                ExpressionAttributeNames={"#key": "tag"},
                ExpressionAttributeValues={":key": typed(key)},
                ScanIndexForward=not last,
                Limit=1,
            )["Items"]
        fields = untyped_item(items[0]) if items else None
        return Position(int(fields["accepted_ms"]), fields["pk"].removeprefix("M#")) if fields else None

    def _fitting(self, entries: Sequence[_Entry], wanted: Search) -> set[str]:
        """The ids of those that fit; what may have changed since their acceptance is read from the messages."""
        ids = {entry.position.id for entry in entries if _fits(entry, wanted)}
        if not ids or not _changes(wanted):
            return ids
        rows = [{"pk": typed(f"M#{ident}")} for ident in ids]
        items = get_items(self._client, {self._table: rows}, _WHAT, self._sleep)[self._table]
        return {
            item["pk"]["S"].removeprefix("M#")
            for item in items
            # What is left of an erased text has neither.
            if wanted.status in (None, item.get("status", {}).get("S"))
            and wanted.direction in (None, item.get("direction", {}).get("S"))
        }

    def _windows(self, wanted: Search, after: Position | None, now_ms: int) -> Iterator[_Window]:
        """Where to look, the newest first."""
        high = wanted.until_ms - 1 if wanted.until_ms is not None else now_ms + _AHEAD_MS
        high = min(high, now_ms + _AHEAD_MS)
        if after is not None:
            high = min(high, after.accepted_ms)
        # Only days are walked one by one; one person's messages are all found, however old.
        oldest_ms = 0 if wanted.peer is not None else now_ms - self._oldest_ms
        low = max(wanted.since_ms or 0, oldest_ms, 0)
        if low > high:
            return
        if wanted.peer is not None:
            kinds = (False, True) if wanted.test is None else (wanted.test,)
            parts = tuple(keys.peer(wanted.peer, test=kind) for kind in kinds)
            yield _Window("by_peer", "peer", parts, low, high)
        elif wanted.tag is not None:
            parts = tuple(keys.tag(wanted.tag, shard) for shard in range(FIND_SHARDS))
            yield _Window("by_tag", "tag", parts, low, high)
        elif wanted.opt_out is not None:
            parts = tuple(keys.keyword(wanted.opt_out, shard) for shard in range(FIND_SHARDS))
            yield _Window("by_tag", "tag", parts, low, high)
        else:
            for day in range(high // _DAY_MS, low // _DAY_MS - 1, -1):
                start = day * _DAY_MS
                name = datetime.fromtimestamp(start / 1000, UTC).date().isoformat()
                ends = max(low, start), min(high, start + _DAY_MS - 1)
                parts = tuple(keys.day(name, shard, test=bool(wanted.test)) for shard in range(FIND_SHARDS))
                yield _Window("by_day", "day", parts, *ends)

    def _merged(self, window: _Window, page: int, spent: _Spent) -> Iterator[_Entry]:
        """The entries of all keys of a window, newest first."""
        if len(window.keys) > 1:
            page = max(10, page // 2)
        parts = (_in_order(self._entries(window, key, page, spent)) for key in window.keys)
        return heapq.merge(*parts, key=lambda entry: entry.position, reverse=True)

    def _entries(self, window: _Window, key: str, page: int, spent: _Spent) -> Iterator[_Entry]:
        """The entries under one key, by time, read page by page as they are asked for."""
        # Any: an item or a key as DynamoDB types it.
        start: dict[str, Any] = {}
        while True:
            spent.reads += 1
            with translated(_WHAT):
                answer = self._client.query(
                    TableName=self._table,
                    IndexName=window.index,
                    KeyConditionExpression="#key = :key AND accepted_ms BETWEEN :low AND :high",
                    ExpressionAttributeNames={"#key": window.attribute},
                    ExpressionAttributeValues={
                        ":key": typed(key),
                        ":low": typed(window.low_ms),
                        ":high": typed(window.high_ms),
                    },
                    ScanIndexForward=False,
                    Limit=page,
                    **start,
                )
            for item in answer["Items"]:
                fields = untyped_item(item)
                yield _Entry(
                    Position(int(fields["accepted_ms"]), fields["pk"].removeprefix("M#")),
                    fields.get("direction"),
                    *keys.tag_and_keyword(fields.get("tag")),
                )
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _in_order(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    """The same, those of one millisecond by their ids: the index leaves their order open."""
    for _, together in groupby(entries, key=lambda entry: entry.position.accepted_ms):
        yield from sorted(together, reverse=True)


def _changes(wanted: Search) -> bool:
    """Whether the messages must be read to narrow a search, as the entries do not say enough."""
    return wanted.status is not None or (wanted.peer is None and wanted.direction is not None)


def _fits(entry: _Entry, wanted: Search) -> bool:
    """Whether a message may be one of the wanted, as far as its entry says."""
    # What was looked up in its own index is the wanted one.
    by_tag = wanted.peer is None or (wanted.tag in (None, entry.tag) and wanted.opt_out in (None, entry.opt_out))
    return wanted.direction in (None, entry.direction or wanted.direction) and by_tag
