"""What AWS bills a call as: sizes of items, request units, and which index entries a write touches."""

import math
from collections.abc import Mapping
from typing import Any

# Any: an item or an attribute as DynamoDB's API has it.
Item = Mapping[str, Any]

_WRITE, _READ = 1024, 4096


def size(item: Item) -> int:
    """Bytes of an item, by the rules of DynamoDB's documentation."""
    return sum(len(name.encode()) + _value(value) for name, value in item.items())


def _value(value: Mapping[str, Any]) -> int:
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return len(inner.encode())
        case "N":
            return math.ceil(len(str(inner).strip("-0.") or "0") / 2) + 1
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(len(text.encode()) for text in inner)
        case "L":
            return 3 + sum(1 + _value(element) for element in inner)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value(element) for name, element in inner.items())
    raise ValueError(f"an attribute of type {kind}")


def writes(before: Item | None, after: Item | None) -> int:
    """Write units of one change of an item in a table: the larger of the two counts."""
    larger = max(size(item) if item else 0 for item in (before, after))
    return max(1, math.ceil(larger / _WRITE))


def reads(size_bytes: int, *, consistent: bool) -> float:
    """Read units of one read of that many bytes; looking for nothing costs as a small item."""
    return max(1, math.ceil(size_bytes / _READ)) * (1 if consistent else 0.5)


def index_writes(index: Mapping[str, Any], table_key: str, before: Item | None, after: Item | None) -> int:
    """Write units of the same change in one index: none where the entry stays as it was."""
    old, new = entry(index, table_key, before), entry(index, table_key, after)
    if old == new:
        return 0
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    if old and new and any(old[key] != new[key] for key in keys):
        # Another key is another entry: one is deleted, one is put.
        return writes(old, None) + writes(None, new)
    return writes(old, new)


def entry(index: Mapping[str, Any], table_key: str, item: Item | None) -> Item | None:
    """What an index holds of an item; None where the item lacks one of its keys."""
    keys = [part["AttributeName"] for part in index["KeySchema"]]
    if item is None or any(key not in item for key in keys):
        return None
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return item
    kept = {table_key, *keys, *projection.get("NonKeyAttributes", ())}
    return {name: value for name, value in item.items() if name in kept}
