"""The OpenAPI document: put together from the table of routes, the schemas and recorded examples."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from devtools.openapi import answers, bodies, parameters, problems, subscription_schemas
from devtools.openapi.operation import Operation
from devtools.openapi.operations import GROUPS, UNDER, operations
from devtools.openapi.shapes import Schema, named
from longcode.entrypoints.error_responses import ERRORS
from longcode.entrypoints.routes import scope_of

# The major version is that of the paths (`/v1`); the minor one counts what is added.
VERSION = "1.0.0"
SECURITY = "apiKey"
_JSON = "application/json"
_ABOUT = """\
Paced, tracked SMS over a Telnyx long code, in your own AWS account.

Each `/sms/*` route needs the header `x-api-key`. Times are RFC 3339 in UTC with milliseconds. Numbers are E.164.
Every error is `{"error": "a sentence", "code": "a_word"}` with further fields where they help: programs look at
`code`. `x-codes` of an answer names the codes that it may have, `x-scope` of a route what its key may have to do.
Answers may get further fields, so a client passes over what it does not know."""


@dataclass(frozen=True, slots=True)
class Example:
    """An answer that was recorded, and the request that it answers, as far as that is worth showing."""

    status: int
    # Any: a JSON body.
    body: dict[str, Any]
    request: Any = None


# By method and path, then by a name: the code of an error, or a word for a success.
Examples = Mapping[tuple[str, str], Mapping[str, Example]]


def document(examples: Examples) -> dict[str, Any]:
    """The whole document."""
    described = operations()
    paths: dict[str, Any] = {}
    for (method, path), operation in described.items():
        shown = examples.get((method, path), {})
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, operation, shown)
    groups = {operation.group for operation in described.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Long Code SMS",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": _SERVERS,
        "tags": [{"name": name, "description": words} for name, words in GROUPS.items() if name in groups],
        "paths": paths,
        "components": {
            "securitySchemes": {
                SECURITY: {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "An API key."}
            },
            "schemas": _used(paths),
        },
    }


_SERVERS = [
    {"url": ".", "description": "The stage that this document was read from."},
    {
        "url": "https://{api_id}.execute-api.{region}.amazonaws.com/v1",
        "description": "A stack on AWS: its output ApiUrl.",
        "variables": {"api_id": {"default": "a1b2c3d4e5"}, "region": {"default": "us-east-1"}},
    },
]


def text(found: Mapping[str, Any]) -> str:
    """The document as it is written."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def packed(found: Mapping[str, Any]) -> str:
    """The document as it is served: a third shorter."""
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False) + "\n"


def _operation(method: str, path: str, operation: Operation, examples: Mapping[str, Example]) -> dict[str, Any]:
    scope = scope_of(method, UNDER.get(path, path))
    found: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": operation.summary,
    }
    if operation.description:
        found["description"] = operation.description
    found["security"] = [{SECURITY: []}] if scope else []
    if scope:
        found["x-scope"] = scope.value
    found["parameters"] = [
        *parameters.path_parameters(path),
        *parameters.query_parameters(operation.query, operation.required),
        *parameters.header_parameters(operation.headers, required=operation.signed),
    ]
    if operation.body:
        asked = {
            name: {"value": each.request} for name, each in examples.items() if each.request and each.status < 300
        }
        content: Schema = {"schema": named(operation.body)} | ({"examples": asked} if asked else {})
        found["requestBody"] = {"required": True, "content": {_JSON: content}}
    found["responses"] = _responses(operation, examples, key=scope is not None)
    return found


def _responses(operation: Operation, examples: Mapping[str, Example], *, key: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, name in operation.answers.items():
        schema = named(name) if name else {"type": "object"}
        words = answers_of().get(name, {}).get("description", "The OpenAPI document.")
        shown = {label: {"value": each.body} for label, each in examples.items() if each.status == status}
        content = {"schema": schema} | ({"examples": shown} if shown else {})
        found[str(status)] = {"description": words, "content": {_JSON: content}}
        if operation.leads_to:
            found[str(status)]["links"] = {
                other: {"operationId": other, "parameters": {"id": "$response.body#/message_id"}}
                for other in operation.leads_to
            }
    for status_words, codes in problems.by_status(operation.codes, key=key).items():
        found[status_words] = _refusal(status_words, codes, examples)
    return dict(sorted(found.items()))


def _refusal(status: str, codes: list[str], examples: Mapping[str, Example]) -> dict[str, Any]:
    shown = {}
    for code in codes:
        if code in examples and (examples[code].status == int(status.replace("XX", "00")) or "XX" in status):
            shown[code] = {"value": examples[code].body}
        elif (status, code) in problems.of_the_gateway():
            shown[code] = {"value": problems.of_the_gateway()[status, code]}
    # What may have any status of the range is said there.
    own = [code for code in codes if "XX" in status or not problems.may_be_any(code, status)]
    words = "\n".join(f"- `{code}`: {problems.WHEN[code]}" for code in own)
    content = {"schema": named("Problem")} | ({"examples": shown} if shown else {})
    found: dict[str, Any] = {"description": words, "x-codes": codes}
    if waits := [code for code in codes if code in WAITS]:
        after = f"When to try again, in seconds ({', '.join(waits)})."
        found["headers"] = {"Retry-After": {"description": after, "schema": {"type": "integer", "minimum": 0}}}
    return found | {"content": {_JSON: content}}


# The codes whose answers may say when to try again.
WAITS = frozenset(
    (
        "idempotency_key_in_use", "provider_rate_limited", "recipient_queue_full", "daily_limit", "carrier_rate",
        "carrier_day_cap", "recipient_limit", "unavailable", "provider_unreachable", "provider_not_configured",
        "sending_stopped", "paused", "tag_paused", "carrier_paused", "opt_out_unclear",
    )
)  # fmt: skip


def answers_of() -> dict[str, Schema]:
    """Every schema that there is, by its name."""
    return answers.schemas() | bodies.schemas() | subscription_schemas.schemas()


def _used(paths: Mapping[str, Any]) -> dict[str, Schema]:
    """The schemas that routes refer to, and what those refer to."""
    known, found = answers_of(), dict[str, Schema]()
    waiting = list(_references(paths))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = known[name]
            waiting += _references(known[name])
    return dict(sorted(found.items()))


def _references(value: object) -> Iterator[str]:
    yield from re.findall(r'"#/components/schemas/(\w+)"', json.dumps(value))


def undescribed() -> set[str]:
    """Error codes that no words stand for."""
    return set(ERRORS) - set(problems.WHEN)
