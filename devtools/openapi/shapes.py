"""Short ways to write JSON schemas."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, get_args

# Any: a JSON schema is JSON.
Schema = dict[str, Any]


def text(description: str, **more: object) -> Schema:
    """A string; `more` are further words of JSON Schema, as `minLength`."""
    return {"type": "string", "description": description, **more}


def number(description: str, **more: object) -> Schema:
    """A whole number."""
    return {"type": "integer", "description": description, **more}


def count(description: str) -> Schema:
    """A whole number that is not below zero."""
    return number(description, minimum=0)


def flag(description: str) -> Schema:
    """True or false."""
    return {"type": "boolean", "description": description}


def one_true(description: str) -> Schema:
    """A flag that is true wherever it is there."""
    return {"type": "boolean", "description": description, "enum": [True]}


def moment(description: str) -> Schema:
    """A moment, in RFC 3339."""
    return text(description, format="date-time")


def uuid(description: str) -> Schema:
    """An id of a message."""
    return text(description, format="uuid")


def one_of(words: type[StrEnum] | object, description: str) -> Schema:
    """One of the words of an enumeration, a `Literal` or a list."""
    return text(description, enum=words_of(words))


def words_of(words: object) -> list[str]:
    """The words of an enumeration, a `Literal` or a list."""
    if isinstance(words, type) and issubclass(words, StrEnum):
        return [word.value for word in words]
    return [str(word) for word in (words if isinstance(words, list | tuple) else get_args(words))]


def items(of: Schema, description: str, **more: object) -> Schema:
    """A list."""
    return {"type": "array", "description": description, "items": of, **more}


def table(of: Schema, description: str, **more: object) -> Schema:
    """An object whose names are data."""
    return {"type": "object", "description": description, "additionalProperties": of, **more}


def shape(
    description: str, required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None
) -> Schema:
    """An object with fixed names."""
    found: Schema = {"type": "object", "description": description}
    if required:
        found["required"] = list(required)
    return found | {"properties": {**required, **(optional or {})}}


def named(name: str, description: str = "") -> Schema:
    """A schema of `components`."""
    found = {"$ref": f"#/components/schemas/{name}"}
    return found | ({"description": description} if description else {})


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        reference = {name: value for name, value in schema.items() if name != "description"}
        words = {"description": schema["description"]} if "description" in schema else {}
        return {"oneOf": [reference, {"type": "null"}], **words}
    found = schema | {"type": [schema["type"], "null"]}
    return found | {"enum": [*schema["enum"], None]} if "enum" in schema else found
