"""The ledger of who wants no texts: one item a number in the messages table, without an end."""

import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any

from longcode.aws import keys
from longcode.aws.attributes import typed, typed_item, untyped_item
from longcode.aws.clients import ConditionFailed, Sleep, get_items
from longcode.aws.dynamo import Item, Table
from longcode.domain.opt_outs import ALL, OptOut, OptOutChange, Unclear

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_WHAT = "The messages table"
# As many items as one BatchGetItem takes.
_BATCH = 100


class DynamoOptOuts:
    """ports.OptOuts over DynamoDB."""

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Sleep = time.sleep) -> None:
        self._table = Table(client, table, _WHAT)
        self._sleep = sleep

    def get(self, number: str) -> OptOut | None:
        item = self._table.get(keys.opt_out(number))
        return image(item) if item else None

    def get_all(self, numbers: Sequence[str]) -> dict[str, OptOut]:
        entries = map(image, self._items({keys.opt_out(number) for number in numbers}))
        return {entry.number: entry for entry in entries}

    def replace(self, seen: OptOut | None, entry: OptOut) -> bool:
        written_by = uuid.uuid4().hex
        fields = _fields(entry) | {"written_by": written_by}
        condition, values = _unchanged(seen)
        values |= {f":{name}": value for name, value in fields.items()}
        try:
            self._table.update(
                keys.opt_out(entry.number),
                "SET "
                + ", ".join(f"{name} = :{name}" for name in fields)
                + ("" if _place(entry) else " REMOVE peer, accepted_ms"),
                condition,
                values,
                returns="NONE",
            )
        except ConditionFailed as exc:
            # botocore asks again where an answer was lost, and the second finds what the first has written.
            return exc.item.get("written_by") == typed(written_by)
        return True

    def page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        return self._page(keys.OPT_OUTS, after, at_most)

    def unclear_page(self, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        return self._page(keys.UNCLEAR, after, at_most)

    def _page(self, listed: str, after: tuple[int, str] | None, at_most: int) -> list[OptOut]:
        found: list[OptOut] = []
        # Any: a key as DynamoDB types it.
        start: dict[str, Any] = {}
        if after:
            last = {"peer": listed, "accepted_ms": after[0], "pk": keys.opt_out(after[1])}
            start["ExclusiveStartKey"] = typed_item(last)
        while True:
            answer = self._table.query(
                "by_peer", "peer = :list", {":list": listed}, Limit=at_most - len(found), **start
            )
            found += self._listed(listed, answer["Items"])
            # Some may have said START, or were answered, since they were listed.
            if len(found) == at_most or not answer.get("LastEvaluatedKey"):
                return found
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    # Any: entries of the index as DynamoDB types them.
    def _listed(self, name: str, entries: Sequence[Mapping[str, Any]]) -> list[OptOut]:
        """The entries of the ledger that still stand where the index has them."""
        found: dict[str, OptOut] = {}
        for some in batched(entries, _BATCH, strict=False):
            found |= {item["pk"]["S"]: image(item) for item in self._items({entry["pk"]["S"] for entry in some})}
        places = [(entry["pk"]["S"], int(entry["accepted_ms"]["N"])) for entry in entries]
        listed = [(found[key], at_ms) for key, at_ms in places if key in found]
        return [entry for entry, at_ms in listed if _place(entry) == (name, at_ms)]

    def _items(self, wanted: Collection[str]) -> list[Item]:
        """The items of up to 100 keys, as they are now."""
        table = self._table
        if not wanted:
            return []
        rows = [{"pk": typed(key)} for key in wanted]
        return get_items(table.client, {table.name: rows}, _WHAT, self._sleep)[table.name]


def _unchanged(seen: OptOut | None) -> tuple[str, dict[str, object]]:
    """The condition that the item is as it was read.

    The time is in it for the version of this code that knew no revisions: while it runs beside this one, at a
    deployment or its rollback, each of its writes moves the time and leaves the revision.
    """
    if seen is None:
        return "attribute_not_exists(pk)", {}
    values: dict[str, object] = {":seen_ms": seen.said_ms}
    if not seen.revision:
        return "changed_ms = :seen_ms AND attribute_not_exists(revision)", values
    return "changed_ms = :seen_ms AND revision = :seen", values | {":seen": seen.revision}


def _place(entry: OptOut) -> tuple[str, int] | None:
    """The list that an entry stands in, and by which time; None if in none."""
    if entry.opted_out:
        return keys.OPT_OUTS, entry.changes[-1].at_ms
    waiting = entry.to_review
    return (keys.UNCLEAR, waiting[0].at_ms) if waiting else None


def _fields(entry: OptOut) -> dict[str, object]:
    """An entry as its item has it, but for the key."""
    place = _place(entry)
    listed: dict[str, object] = {"peer": place[0], "accepted_ms": place[1]} if place else {}
    if entry.unclear:
        listed["unclear"] = [
            {"at_ms": one.at_ms, "message_id": one.message_id}
            | ({} if one.dismissed_ms is None else {"dismissed_ms": one.dismissed_ms})
            for one in entry.unclear
        ]
    return listed | {
        "phone": entry.number,
        "opted_out": entry.opted_out,
        "changed_ms": entry.said_ms,
        "revision": entry.revision,
        "history": [
            {
                "at_ms": row.at_ms,
                "opted_out": row.opted_out,
                "source": row.source,
                "note": row.note,
                "scope": row.scope,
            }
            for row in entry.changes
        ],
    }


# Any: an item of the table as DynamoDB types it.
def image(item: Mapping[str, Any]) -> OptOut:
    """The entry in an item, as a read or the table's stream has it."""
    fields = untyped_item(item)
    return OptOut(
        number=fields["phone"],
        opted_out=fields["opted_out"],
        changes=tuple(
            # Without a scope it is from before there were any.
            OptOutChange(int(row["at_ms"]), row["opted_out"], row["source"], row["note"], row.get("scope", ALL))
            for row in fields["history"]
        ),
        said_ms=int(fields["changed_ms"]),
        revision=int(fields.get("revision", 0)),
        unclear=tuple(
            Unclear(
                int(row["at_ms"]), row["message_id"], int(row["dismissed_ms"]) if "dismissed_ms" in row else None
            )
            for row in fields.get("unclear", ())
        ),
    )
