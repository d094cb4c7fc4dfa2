"""Values of an item as DynamoDB types them, and back."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


# The same as boto3's TypeSerializer and TypeDeserializer for the types that this service stores; a test compares
# them. Those come with the whole of boto3, which is a fifth of what a webhook loads at a cold start.
# Any: a value of an item is whatever JSON the table holds.
def typed(value: Any) -> dict[str, Any]:
    """`value` for a call of the table. Raises TypeError for what the table has no type for, as a float."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | Decimal):
        return {"N": str(value)}
    if isinstance(value, str):
        # A member of an enumeration goes as the plain text that it is.
        return {"S": str.__str__(value)}
    if isinstance(value, Mapping):
        return {"M": {name: typed(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [typed(inner) for inner in value]}
    if isinstance(value, set | frozenset) and all(isinstance(member, str) for member in value):
        return {"SS": list(value)}
    raise TypeError(f"an item can't hold a {type(value).__name__}")


def untyped(value: Mapping[str, Any]) -> Any:
    """The value behind an item's typed one; a number is a Decimal. Raises TypeError for a type not listed here."""
    ((kind, inner),) = value.items()
    match kind:
        case "S" | "BOOL":
            return inner
        case "N":
            return Decimal(inner)
        case "M":
            return {name: untyped(each) for name, each in inner.items()}
        case "L":
            return [untyped(each) for each in inner]
        case "SS":
            return set(inner)
        case "NULL":
            return None
    raise TypeError(f"{kind} is a type that no item of ours has")


def typed_item(fields: Mapping[str, Any]) -> dict[str, Any]:
    """An item, or the values of an expression, as DynamoDB types them. Raises TypeError as `typed` does."""
    return {name: typed(value) for name, value in fields.items()}


def untyped_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an item; numbers are Decimals. Raises TypeError as `untyped` does."""
    return {name: untyped(value) for name, value in item.items()}
