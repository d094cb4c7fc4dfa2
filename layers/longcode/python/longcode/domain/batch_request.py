"""The body of a batch: up to 500 texts, each its own, or one template and a row of values for each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from longcode.domain.errors import InvalidRequest
from longcode.domain.media import MOST_URLS_OF_A_BATCH
from longcode.domain.priority import Priority
from longcode.domain.send_request import (
    LATER_FIELDS,
    SendRequest,
    idempotency_key,
    known_fields,
    parse_send_request,
)

MAX_ITEMS = 500
# The most that a call of Lambda takes; the gateway itself takes more.
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_WINDOW_S = 7 * 86_400
_WINDOW_S = 3_600
# No token of ours is longer (batch_token).
MAX_TOKEN = 12_000
# No text that is longer fits into ten segments: it is refused before it is put together.
MAX_FILLED = 10_000

# What an item may have, and the batch for all of them.
_DEFAULTS = LATER_FIELDS | {
    "metadata", "priority", "max_segments", "smart_encoding", "refuse_duplicates_s", "media_urls",
}  # fmt: skip
_OWN = frozenset(("messages", "template", "dry_run", "token", "duplicate_window_s"))
# All that a batch may have, and an item.
FIELDS = _DEFAULTS | _OWN
ITEM_FIELDS = known_fields(later=True) | {"key", "values"}
# The end of a text is said in one of two ways: an item's own is in the place of the batch's, whichever that is.
_ENDS = ("expires_at", "ttl_s")

_NAME = r"\w(?:[\w -]{0,62}\w)?"
_MARKS = re.compile(rf"\{{\{{|\}}\}}|\{{({_NAME})\}}|[{{}}]")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One item: the request that it is, or why it is none.

    `fields` is what POST /sms/queue would have been given for it, as far as it could be made; `key` is its own
    idempotency key.
    """

    fields: Mapping[str, object]
    wanted: SendRequest | None = None
    refused: InvalidRequest | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """A validated batch. `duplicate_window_s` is for a dry run: how far back it looks for the same words."""

    items: tuple[BatchItem, ...]
    dry_run: bool = False
    token: str | None = None
    duplicate_window_s: int = _WINDOW_S


@dataclass(frozen=True, slots=True)
class Template:
    """A text with placeholders: literals at its even places, the names of values at its odd ones."""

    pieces: tuple[str, ...]

    @classmethod
    def parse(cls, text: object) -> "Template":
        """Read `Hi {name}`; `{{` and `}}` are braces. Raises InvalidRequest."""
        if not isinstance(text, str) or not text.strip():
            raise InvalidRequest("'template' must be a string that is not empty.", field="template")
        pieces, literal, end = list[str](), "", 0
        for mark in _MARKS.finditer(text):
            literal += text[end : mark.start()]
            end = mark.end()
            if mark[1]:
                pieces += [literal, mark[1]]
                literal = ""
            elif len(mark[0]) == 2:
                literal += mark[0][0]
            else:
                raise InvalidRequest(
                    f"'template' has a '{mark[0]}' at character {mark.start() + 1} outside of a placeholder: "
                    "write {name}, and {{ or }} for a brace.",
                    field="template",
                )
        return cls((*pieces, literal + text[end:]))

    @property
    def names(self) -> tuple[str, ...]:
        """The placeholders, as often as they are there."""
        return self.pieces[1::2]

    def fill(self, values: Mapping[str, object]) -> str:
        """The text for one row. Raises InvalidRequest that names the value."""
        row: dict[str, str] = {}
        for name in self.names:
            value = values.get(name)
            if value is None:
                raise InvalidRequest(
                    f"The template has {{{name}}}, and this row has no value for it.", field=f"values.{name}"
                )
            if not isinstance(value, str):
                raise InvalidRequest(f"The value of {{{name}}} must be a string.", field=f"values.{name}")
            row[name] = value
        length = sum(map(len, self.pieces[::2])) + sum(len(row[name]) for name in self.names)
        if length > MAX_FILLED:
            raise InvalidRequest(
                f"'template' with these values would have {length} characters, and no text has over {MAX_FILLED}.",
                field=_longest(row), given=length, limit=MAX_FILLED,
            )  # fmt: skip
        text = "".join(row[piece] if place % 2 else piece for place, piece in enumerate(self.pieces))
        if not text:
            raise InvalidRequest("'template' with these values is empty.", field="values")
        return text


def parse_batch(fields: object, our_number: str) -> BatchRequest:
    """Read the body of a batch. Raises InvalidRequest where it is refused as a whole.

    What is wrong with one item alone is in that item.
    """
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object.")
    if unknown := sorted(set(fields) - FIELDS, key=str):
        raise InvalidRequest(f"Unknown field. Known are: {', '.join(sorted(FIELDS))}.", field=str(unknown[0])[:64])
    rows = _rows(fields.get("messages"))
    template = None if fields.get("template") is None else Template.parse(fields["template"])
    _expect_one_form(rows, template, media=fields.get("media_urls") is not None)
    _expect_keys_once(rows)
    dry_run, token = _flag(fields.get("dry_run")), _token(fields.get("token"))
    if dry_run and token:
        raise InvalidRequest("A dry run makes a token, and takes none.", field="token")
    defaults = {name: fields[name] for name in _DEFAULTS if fields.get(name) is not None}
    # What is wrong with them is wrong for each item; no item is needed to see it.
    parse_send_request({"message": ".", **defaults}, our_number, preview=True, later=True)
    items = tuple(_item(row, template, defaults, our_number) for row in rows)
    _expect_few_media(items)
    return BatchRequest(
        items,
        dry_run,
        token,
        _window_s(fields.get("duplicate_window_s")),
    )


def _rows(value: object) -> list[dict[str, object]]:
    if not isinstance(value, list):
        raise InvalidRequest("'messages' must be a list of texts.", field="messages")
    if not 1 <= len(value) <= MAX_ITEMS:
        raise InvalidRequest(
            f"'messages' must have 1 to {MAX_ITEMS} items.", field="messages", given=len(value), limit=MAX_ITEMS
        )
    for place, row in enumerate(value):
        if not isinstance(row, dict):
            raise InvalidRequest("An item must be a JSON object.", field=f"messages[{place}]")
    return value


def _expect_one_form(rows: Sequence[Mapping[str, object]], template: Template | None, *, media: bool) -> None:
    """Each item has its own text, or values for the template: not both, and not the other. With media it may have
    none.
    """
    for place, row in enumerate(rows):
        if template and "message" in row:
            raise InvalidRequest(
                "With a 'template' an item has 'values' in the place of 'message'.",
                field=f"messages[{place}].message",
            )
        if not template and "values" in row:
            raise InvalidRequest("'values' are for a 'template'.", field=f"messages[{place}].values")
        if not template and "message" not in row and not (media or row.get("media_urls")):
            raise InvalidRequest(
                "Without a 'template' each item has its 'message'.", field=f"messages[{place}].message"
            )


def _expect_few_media(items: Sequence[BatchItem]) -> None:
    """Each URL is looked at while the caller waits."""
    seen = set[str]()
    for place, item in enumerate(items):
        seen.update(item.wanted.media_urls if item.wanted else ())
        if len(seen) > MOST_URLS_OF_A_BATCH:
            raise InvalidRequest(
                f"A batch has at most {MOST_URLS_OF_A_BATCH} different media URLs. Send several batches.",
                field=f"messages[{place}].media_urls", limit=MOST_URLS_OF_A_BATCH,
            )  # fmt: skip


def _expect_keys_once(rows: Sequence[Mapping[str, object]]) -> None:
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        key = row.get("key")
        if not isinstance(key, str):
            continue
        if key in seen:
            raise InvalidRequest(f"messages[{seen[key]}] has the same 'key'.", field=f"messages[{place}].key")
        seen[key] = place


def _item(
    row: Mapping[str, object], template: Template | None, defaults: Mapping[str, object], our_number: str
) -> BatchItem:
    fields = _merged(row, defaults)
    key = None
    try:
        key = _key(row.get("key"))
        if template:
            fields["message"] = template.fill(_values(row.get("values")))
        wanted = parse_send_request(fields, our_number, later=True)
    except InvalidRequest as exc:
        if not (template and exc.field == "message"):
            return BatchItem(fields, refused=exc, key=key)
        words = str(exc).replace("'message'", "'template' with these values")
        refused = InvalidRequest(words, field="values", given=exc.given, limit=exc.limit)
        return BatchItem(fields, refused=refused, key=key)
    return BatchItem(fields, wanted, key=key)


def _merged(row: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """An item with what the batch says for all.

    A null of the item's own is "not said", as many programs write one for what they have not: the campaign's time
    and its quiet hours must not go by that.
    """
    fields = dict(defaults)
    if any(row.get(name) is not None for name in _ENDS):
        fields = {name: value for name, value in fields.items() if name not in _ENDS}
    fields |= {name: value for name, value in row.items() if name not in ("key", "values") and value is not None}
    common, own = defaults.get("metadata"), row.get("metadata")
    if isinstance(common, dict) and isinstance(own, dict):
        fields["metadata"] = common | own
    if fields.get("priority") is None:
        fields["priority"] = Priority.BULK.value
    return fields


def _key(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidRequest("'key' must be a string.", field="key")
    try:
        return idempotency_key(value)
    except InvalidRequest:
        raise InvalidRequest("'key' must be 1 to 255 visible ASCII characters.", field="key") from None


def _values(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("'values' must be an object of strings.", field="values")
    return value


def _longest(row: Mapping[str, str]) -> str:
    return f"values.{max(row, key=lambda name: len(row[name]))}" if row else "values"


def _flag(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest("'dry_run' must be true or false.", field="dry_run")
    return bool(value)


def _token(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and 0 < len(value) <= MAX_TOKEN):
        raise InvalidRequest("'token' must be what a dry run returned.", field="token")
    return value


def _window_s(value: object) -> int:
    if value is None:
        return _WINDOW_S
    # True is a number in Python, and none in JSON.
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_WINDOW_S:
        raise InvalidRequest(
            f"'duplicate_window_s' must be a whole number from 0 to {MAX_WINDOW_S}.",
            field="duplicate_window_s", limit=MAX_WINDOW_S,
        )  # fmt: skip
    return value
