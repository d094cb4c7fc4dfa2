"""What each request body may have: the fields that its parser knows, each described here once."""

from collections.abc import Iterable

from devtools.openapi.shapes import (
    Schema,
    count,
    flag,
    items,
    moment,
    named,
    nullable,
    number,
    one_of,
    shape,
    table,
    text,
)  # fmt: skip
from longcode.domain import batch_request, batch_token, change_request, segments, send_request, times
from longcode.domain.message import MAX_TAG_CHARACTERS

E164 = r"^\+[1-9][0-9]{6,14}$"
KEY = r"^[\x21-\x7e]{1,255}$"

TAG = text(
    f"What texts are found and counted by: 1 to {MAX_TAG_CHARACTERS} characters that can be seen.",
    minLength=1, maxLength=MAX_TAG_CHARACTERS,
)  # fmt: skip
METADATA = table(
    {"type": "string"},
    "Data of your own. It is kept with the text, given back, and never sent. "
    f"Names and values have at most {send_request.MAX_METADATA_BYTES} bytes together.",
    propertyNames={"minLength": 1},
    properties={"tag": TAG},
)

# What each field of a request is, whichever body it is in. A body has those that its parser knows.
FIELDS: dict[str, Schema] = {
    "to": text("The number that the text goes to, in E.164.", pattern=E164),
    "message": text(
        f"What the text says. At most {segments.MAX_PARTS} segments, and at least one character that can be seen.",
        minLength=1,
    ),
    "metadata": METADATA,
    "max_segments": number(
        "A text that takes more segments is refused.", minimum=1, maximum=segments.MAX_PARTS
    ),
    "smart_encoding": flag("Whether typography may be replaced where that saves a segment."),
    "priority": named("Priority", "Which queue the text waits in."),
    "refuse_duplicates_s": number(
        "Refuse the text if one with the same words to the same number was accepted within so many seconds.",
        minimum=1, maximum=send_request.MOST_DUPLICATES_S,
    ),
    "send_at": moment("The text does not leave before then. At most 90 days ahead."),
    "expires_at": moment("From then on the text is not sent. Not together with `ttl_s`."),
    "ttl_s": number(
        "The same, as seconds from when it may leave.", minimum=1, maximum=times.MAX_TTL_S
    ),
    "category": named("Category", "Marketing texts wait for the end of quiet hours."),
    "respect_quiet_hours": flag("Whether the text waits for the end of quiet hours, whatever its category is."),
    "timezone": text("The recipient's time zone, by its IANA name, as America/New_York.", minLength=1),
    "media_urls": items(
        text("An https URL of a file that the provider fetches.", format="uri", pattern="^https://"),
        "Files that go with the text, which is an MMS then.", minItems=1, maxItems=10,
    ),
}  # fmt: skip

_TEMPLATE = {
    "key": text("The item's own idempotency key: 1 to 255 visible ASCII characters.", pattern=KEY),
    "values": table({"type": ["string", "null"]}, "What the template's placeholders stand for, by their names."),
}
_BATCH = {
    "messages": items(
        named("BatchItem"), "The texts.", minItems=1, maxItems=batch_request.MAX_ITEMS
    ),
    "template": text("The text of all items. `{name}` is the item's value of that name.", minLength=1),
    "dry_run": flag("Whether to only say what the batch comes to. Nothing is stored then."),
    "token": text(
        "What a dry run returned: the batch is accepted only if it is still as the dry run saw it.",
        minLength=1, maxLength=batch_request.MAX_TOKEN,
    ),
    "duplicate_window_s": number(
        "How far back a dry run looks for the same words to the same number.",
        minimum=0, maximum=batch_request.MAX_WINDOW_S,
    ),
}  # fmt: skip


def _body(
    description: str,
    fields: Iterable[str],
    required: tuple[str, ...],
    *,
    of: dict[str, Schema],
    nulls: bool = True,
) -> Schema:
    """A closed object. With `nulls` a field that is not required may be null, which is "not said"."""
    known = [name for name in of if name in set(fields)]
    assert len(known) == len(set(fields)), f"Not described: {sorted(set(fields) - set(of))}"
    # `message` is there, or it is an MMS: no schema says so that generators of clients can read.
    plain = (*required, "message")
    properties = {name: of[name] if name in plain or not nulls else nullable(of[name]) for name in known}
    found: Schema = {"type": "object", "description": description}
    if required:
        found["required"] = list(required)
    return found | {"properties": properties, "additionalProperties": False}


def schemas() -> dict[str, Schema]:
    """The request bodies by their names in `components`."""
    changes = _body(
        "What is to be other than it is; what is left out stays. null is refused.",
        change_request.FIELDS, (), of=FIELDS, nulls=False,
    )  # fmt: skip
    changes |= {
        "minProperties": 1,
        "dependentRequired": {name: ["message"] for name in change_request.OF_THE_TEXT},
    }
    return {
        "SendRequest": _body(
            "One text that is sent now.", send_request.known_fields(), ("to",), of=FIELDS
        ),
        "QueueRequest": _body(
            "One text that waits for its slot, or for its time.",
            send_request.known_fields(later=True), ("to",), of=FIELDS,
        ),
        "PreviewRequest": _body(
            "A text to look at. Nothing is stored or sent.",
            send_request.known_fields(preview=True), ("message",), of=FIELDS,
        ),
        "ChangeRequest": changes,
        "BatchItem": _body(
            "One text of a batch: `to`, and `message` or (with a template) `values`.",
            batch_request.ITEM_FIELDS, (), of=FIELDS | _TEMPLATE,
        ),
        "BatchRequest": _body(
            "Texts that are accepted with one request. What is beside `messages` holds for each item that "
            "does not say otherwise.",
            batch_request.FIELDS, ("messages",), of=_BATCH | FIELDS,
        ),
        "ProviderEvent": _event(),
    }  # fmt: skip


def _event() -> Schema:
    data = shape("The event.", {"event_type": text("What happened, as `message.received`.", minLength=1)})
    return shape("A signed event of the provider. What else is in it is the provider's.", {"data": data})


CHANGE_OF_A_BATCH = shape(
    "An item that is not as the dry run saw it.",
    {
        "index": count("Its place in `messages`, from 0."),
        "changed": items(
            one_of(batch_token.PARTS, "A part of it."), "What of it changed."
        ),
    },
    {
        "was": text("What the dry run said of it: `valid`, or the code of an error."),
        "now": text("What there is to say of it now."),
    },
)  # fmt: skip
