"""The parameters of the routes: in the path, in the query and in headers."""

from collections.abc import Mapping, Sequence

from devtools.openapi.bodies import KEY, TAG
from devtools.openapi.shapes import Schema, named, text
from longcode.domain import delivery_request
from longcode.use_cases import search

# Headers that a client sends by itself are none of the document's.
IDEMPOTENCY_KEY = "Idempotency-Key"

# By the names that a path has for them.
PATH: dict[str, Schema] = {
    "id": text("Our id of the text, or the provider's.", format="uuid"),
    "message_id": text("Our id of the text that the receipt is of.", format="uuid"),
    "number": text("A number in E.164, or a sender that texts came from, as `40404`.", minLength=1),
    "tag": TAG,
    # Of the routes for subscriptions.
    "subscription_id": text("The subscription.", pattern="^whs_[A-Za-z0-9_-]{22}$"),
}
_CURSOR = text("Where the page begins: the `cursor` of the one before.")
_SINCE = "this moment (ISO 8601; without a zone it is UTC), as 2026-11-23T15:48:14Z"
SEARCH: dict[str, Schema] = {
    "to": text("Outbound texts to this number."),
    "from": text("Inbound texts from this number or name. Not together with `to` or `tag`."),
    "opt_out": named("OptOutKeyword", "Inbound texts that were read as this. Not together with `to` or `tag`."),
    "tag": TAG | {"description": "Outbound texts with this `metadata.tag`."},
    "status": named("Status", "Texts that have this status now."),
    "since": text(f"Texts that were accepted at or after {_SINCE}."),
    "until": text(f"Texts that were accepted before {_SINCE}."),
    "limit": {
        "type": "integer", "minimum": 1, "maximum": search.LIMIT_MOST, "default": search.LIMIT,
        "description": "How many messages a page has.",
    },
    "cursor": _CURSOR,
}  # fmt: skip
CANCEL: dict[str, Schema] = {
    "tag": TAG | {"description": "The texts' `metadata.tag`."},
    "cursor": _CURSOR,
}
LEDGER: dict[str, Schema] = {"cursor": _CURSOR}
PROCESS: dict[str, Schema] = {"priority": named("Priority", "Only this queue.")}
DELIVERIES: dict[str, Schema] = {
    "state": named("DeliveryState", "Deliveries that are in this state."),
    "since": text(f"Events at or after {_SINCE}."),
    "until": text(f"Events before {_SINCE}."),
    "limit": {
        "type": "integer", "minimum": 1, "maximum": delivery_request.LIMIT_MOST, "default": delivery_request.LIMIT,
        "description": "How many deliveries a page has.",
    },
    "cursor": _CURSOR,
}  # fmt: skip
THREAD: dict[str, Schema] = {name: SEARCH[name] for name in ("since", "until", "limit", "cursor")}
HEADERS: dict[str, Schema] = {
    IDEMPOTENCY_KEY: text(
        "One key for one text: a request that is repeated with it is answered with the same text.", pattern=KEY
    ),
    "telnyx-timestamp": text("Seconds since 1970.", pattern="^[0-9]+$"),
    "telnyx-signature-ed25519": text("base64 of the Ed25519 signature of `{timestamp}|{body}`."),
}


def path_parameters(path: str) -> list[Schema]:
    """The parameters that stand in a path."""
    names = [segment[1:-1] for segment in path.split("/") if segment.startswith("{")]
    return [_parameter("path", name, PATH[name], required=True) for name in names]


def query_parameters(known: Mapping[str, Schema], required: Sequence[str] = ()) -> list[Schema]:
    """The parameters of a query."""
    return [_parameter("query", name, schema, required=name in required) for name, schema in known.items()]


def header_parameters(names: Sequence[str], *, required: bool) -> list[Schema]:
    """The parameters in headers."""
    return [_parameter("header", name, HEADERS[name], required=required) for name in names]


def _parameter(place: str, name: str, schema: Schema, *, required: bool) -> Schema:
    described = {word: value for word, value in schema.items() if word != "description"}
    found = {"name": name, "in": place, "description": schema["description"], "schema": described}
    return found | ({"required": True} if required else {})
