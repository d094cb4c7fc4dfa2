"""The API reference as a page: every route with its parameters, fields, answers, errors and examples."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# Any: the document is JSON.
Document = Mapping[str, Any]

_HEAD = """\
# API reference

<!-- Made by docs/openapi.py from the code's own tables and from answers that were run: change those, not this. -->

Every route, field, answer and error code, from [openapi.json](openapi.json). [api.md](api.md) says how it behaves,
and how to [generate a client](api.md#generating-a-client).

"""


def page(document: Document) -> str:
    """The whole page."""
    return _HEAD + "\n".join([*_overview(document), *_routes(document), *_schemas(document)]) + "\n"


def _operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _overview(document: Document) -> Iterator[str]:
    yield "| Route | For | Scope of the key |"
    yield "|---|---|---|"
    for method, path, operation in _operations(document):
        scope = f"`{operation['x-scope']}`" if "x-scope" in operation else "no key"
        yield f"| [`{method} {path}`](#{_anchor(f'{method} {path}')}) | {operation['summary']} | {scope} |"
    yield ""


def _anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _routes(document: Document) -> Iterator[str]:
    for method, path, operation in _operations(document):
        yield f"## {method} {path}\n"
        yield operation["summary"] + (f" {operation['description']}" if "description" in operation else "") + "\n"
        if operation["parameters"]:
            yield from _parameters(operation["parameters"])
        if body := operation.get("requestBody"):
            content = body["content"]["application/json"]
            yield f"Body: {_type(content['schema'])}.\n"
            yield from _example(next(iter(content.get("examples", {}).values()), None))
        for status, answer in operation["responses"].items():
            if "x-codes" not in answer:
                yield from _answer(status, answer)
        yield from _errors(operation["responses"])


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    yield "| Parameter | In | Type | Needed | Meaning |"
    yield "|---|---|---|---|---|"
    for row in parameters:
        needed = "yes" if row.get("required") else "no"
        kind, words = _type(row["schema"]), _cell(row["description"])
        yield f"| `{row['name']}` | {row['in']} | {kind} | {needed} | {words} |"
    yield ""


def _answer(status: str, answer: Mapping[str, Any]) -> Iterator[str]:
    content = answer.get("content", {}).get("application/json")
    kind = f": {_type(content['schema'])}" if content else ""
    yield f"**{status}**{kind}. {answer['description']}\n"
    if content:
        yield from _example(next(iter(content.get("examples", {}).values()), None))


def _example(example: Mapping[str, Any] | None) -> Iterator[str]:
    if example:
        yield f"```json\n{json.dumps(example['value'], indent=1, ensure_ascii=False)}\n```\n"


def _errors(responses: Mapping[str, Any]) -> Iterator[str]:
    """A row for each code, at the statuses that are its own."""
    yield "| Error | HTTP | When | Example |"
    yield "|---|---|---|---|"
    for status, answer in responses.items():
        for code, when in re.findall(r"^- `(\w+)`: (.*)$", answer["description"], re.MULTILINE):
            shown = answer["content"]["application/json"].get("examples", {}).get(code)
            words = _cell(str(shown["value"]["error"])) if shown else ""
            yield f"| `{code}` | {status} | {_cell(when)} | {words} |"
    yield ""


def _schemas(document: Document) -> Iterator[str]:
    yield "## Schemas\n"
    for name, schema in document["components"]["schemas"].items():
        yield f"### {name}\n"
        yield f"{schema['description']}\n"
        if "enum" in schema:
            yield ", ".join(f"`{word}`" for word in schema["enum"]) + "\n"
        else:
            yield "| Field | Type | Needed | Meaning |"
            yield "|---|---|---|---|"
            yield from _fields(schema, "")
            yield ""


def _fields(schema: Mapping[str, Any], before: str) -> Iterator[str]:
    """A row for each field; those of an object inside come behind it."""
    for name, field in schema.get("properties", {}).items():
        needed = "yes" if name in schema.get("required", ()) else "no"
        full = f"{before}{name}"
        yield f"| `{full}` | {_type(field)} | {needed} | {_cell(field.get('description', ''))} |"
        inner = field.get("items", field)
        if inner.get("properties"):
            yield from _fields(inner, f"{full}[]." if "items" in field else f"{full}.")


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "oneOf" in schema:
        return " or ".join(_type(each) for each in schema["oneOf"])
    kinds = schema.get("type", "any")
    words = " or ".join(kinds) if isinstance(kinds, list) else kinds
    if "items" in schema:
        words = f"list of {_type(schema['items'])}"
    return words + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    found = []
    if "enum" in schema and schema["enum"] != [True]:
        found.append(", ".join(f"`{word}`" for word in schema["enum"] if word is not None))
    for words, least, most in (
        ("", "minimum", "maximum"),
        (" characters", "minLength", "maxLength"),
        (" items", "minItems", "maxItems"),
    ):
        if most in schema:
            found.append(f"{schema.get(least, 0):,} to {schema[most]:,}{words}")
    if "format" in schema:
        found.append(schema["format"])
    return f" ({'; '.join(found)})" if found else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
