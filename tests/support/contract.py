"""Holds answers against the OpenAPI document: each field is described, and each constant one is answered."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from devtools.openapi.document import WAITS, document
from devtools.openapi.operations import UNDER

# Of answers that look the same so many are looked at: what differs between them has no other fields.
_LOOKS = 3
_seen: Counter[object] = Counter()


# Any: JSON.
def closed(schema: Any) -> Any:
    """The same, with no field allowed that is not described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(each) for name, each in schema.items()}
    if isinstance(found.get("properties"), dict) and "type" in found:
        found.setdefault("additionalProperties", False)
    return found


@cache
def described() -> dict[str, Any]:
    """The document without its examples."""
    return document({})


@cache
def validator(name: str) -> Draft202012Validator:
    """What an answer is held against, by its schema's name; nothing may be in it that the schema does not have."""
    schemas = closed({"components": {"schemas": described()["components"]["schemas"]}})
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", **schemas}, format_checker=FormatChecker()
    )


# Any: an answer is JSON.
def problems(method: str, path: str, status: int, fields: Any) -> list[str]:
    """What of an answer is not as the document has it. `path` is the route's."""
    operation = described()["paths"][path][method.lower()]
    said = operation["responses"].get(str(status)) or operation["responses"].get(f"{status // 100}XX")
    if said is None:
        return [f"{method} {path} does not answer {status}"]
    if status == 304 or (path == "/openapi.json" and status == 200):
        return []
    codes, code = said.get("x-codes"), fields.get("code")
    if codes is not None and code not in codes:
        return [f"{method} {path} does not answer {status} {code}"]
    name = said["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return [f"{found.json_path}: {found.message}" for found in validator(name).iter_errors(fields)]


# Any: an answer is JSON.
def expect_described(
    method: str, resource: str, path: str, status: int, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    """Hold an answer of a handler against the document. AssertionError if it isn't described."""
    route = path if path in UNDER else resource
    look = (method, route, status, fields.get("code"), *sorted(fields))
    _seen[look] += 1
    # What is no route of ours the gateway does not hand there.
    if _seen[look] > _LOOKS or method.lower() not in described()["paths"].get(route, ()):
        return
    assert problems(method, route, status, fields) == [], (method, route, fields)
    if status >= 400 and "retry-after" in headers:
        assert fields["code"] in WAITS, fields


# Any: JSON.
def fields_of(schema: dict[str, Any], value: Any) -> Iterator[tuple[str, str]]:
    """Each field in a value, with the name of the schema that it is a field of."""
    schemas = described()["components"]["schemas"]
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from ((name, field) for field in (value if isinstance(value, dict) else ()))
        yield from fields_of(schemas[name], value)
    for choice in schema.get("oneOf", ()):
        if Draft202012Validator(closed({**choice, "components": {"schemas": schemas}})).is_valid(value):
            yield from fields_of(choice, value)
    if isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
        for field, inner in value.items():
            yield from fields_of(known.get(field, other), inner)
    if isinstance(value, list):
        for inner in value:
            yield from fields_of(schema.get("items", {}), inner)
