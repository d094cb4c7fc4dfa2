"""The body of a send or queue request and its Idempotency-Key, validated."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from longcode.domain import phone, segments, visible
from longcode.domain.errors import InvalidRequest
from longcode.domain.media import expect_reachable, parse_media_urls
from longcode.domain.message import MAX_TAG_CHARACTERS, is_tag
from longcode.domain.priority import Priority, parse_priority
from longcode.domain.quiet_request import FIELDS as QUIET_FIELDS
from longcode.domain.quiet_request import NOT_SAID, QuietRequest, parse_quiet
from longcode.domain.times import NO_TIMES, Times, parse_times

if TYPE_CHECKING:
    from longcode.domain.smart_encoding import Replaced

MAX_METADATA_BYTES = 2048
# A day.
MOST_DUPLICATES_S = 86_400


_FIELDS = frozenset(
    (
        "to", "message", "metadata", "max_segments", "smart_encoding", "priority", "refuse_duplicates_s",
        "media_urls",
    )
)  # fmt: skip
# Of what can wait.
LATER_FIELDS = frozenset(("send_at", "expires_at", "ttl_s")) | QUIET_FIELDS


# RFC draft "The Idempotency-Key HTTP Header Field", narrowed to what every client can write.
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


# What no text has, and why.
_NOT_IN_TEXT = {
    "\0": "a phone may take it for the end of the text",
    "\ufffd": "it stands for bytes that were not UTF-8",
}


@dataclass(frozen=True, slots=True)
class SendRequest:
    """A validated send request.

    `asked` is the text as it came. `text` is the one that is stored and sent, which differs from it only if
    `smart_encoding` was asked for and saved a segment; then `replaced` says in what.
    """

    recipient: str
    text: str
    metadata: dict[str, str]
    segments: int
    asked: str
    smart_encoding: bool = False
    replaced: "tuple[Replaced, ...]" = ()
    times: Times = NO_TIMES
    quiet: QuietRequest = NOT_SAID
    priority: Priority = Priority.TRANSACTIONAL
    # For so many seconds the same words to the same number are no second text; None: they are.
    refuse_duplicates_s: int | None = None
    # Of an MMS; its words may be empty.
    media_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """What a text says, as SendRequest has it."""

    text: str
    segments: int
    asked: str
    smart_encoding: bool
    replaced: "tuple[Replaced, ...]"


def parse_send_request(
    fields: object, our_number: str, *, preview: bool = False, later: bool = False
) -> SendRequest:
    """Read the body of a send or queue request. Raises InvalidRequest that names the field.

    A `preview` may leave the recipient out, which is "" then. Only what may wait, and leave `later`, has times;
    that and a preview have quiet hours.
    """
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object.")
    _expect_known(fields, preview=preview, later=later)
    media_urls = parse_media_urls(fields.get("media_urls"))
    needed = [*(["to"] if not preview else []), *(["message"] if not media_urls else [])]
    missing = [name for name in needed if fields.get(name) in (None, "")]
    if missing:
        names = " and ".join(f"'{name}'" for name in needed)
        raise InvalidRequest(f"Missing required fields: {names}.", field=missing[0])
    recipient = "" if preview and fields.get("to") is None else _recipient(fields["to"], our_number)
    if media_urls and recipient:
        expect_reachable(recipient)
    words = _words(fields, media_urls)
    quiet = parse_quiet(fields) if later or preview else NOT_SAID
    return SendRequest(
        recipient=recipient,
        text=words.text,
        segments=words.segments,
        metadata=parse_metadata(fields.get("metadata")),
        asked=words.asked,
        smart_encoding=words.smart_encoding,
        replaced=words.replaced,
        times=parse_times(fields, quiet.timezone) if later else NO_TIMES,
        quiet=quiet,
        priority=parse_priority(fields) or Priority.TRANSACTIONAL,
        refuse_duplicates_s=_refuse_duplicates(fields.get("refuse_duplicates_s")),
        media_urls=media_urls,
    )


def _words(fields: dict[str, object], media_urls: tuple[str, ...]) -> Words:
    """The words of a text, which an MMS may do without. Whatever they are, it counts as one segment."""
    if not media_urls:
        return parse_words(fields)
    if fields.get("message") in (None, ""):
        words = parse_words({**fields, "message": "."})
        return replace(words, text="", asked="")
    return replace(parse_words(fields), segments=1)


def parse_words(fields: dict[str, object]) -> Words:
    """Read `message`, `max_segments` and `smart_encoding`. Raises InvalidRequest that names the field."""
    asked, at_most = _text(fields["message"]), _max_segments(fields.get("max_segments"))
    smart = _smart_encoding(fields.get("smart_encoding"))
    text, replaced = _shortened(asked) if smart else (asked, ())
    return Words(text, _segments(text, at_most), asked, smart, replaced)


def known_fields(*, preview: bool = False, later: bool = False) -> frozenset[str]:
    """The fields that a body may have, as parse_send_request takes it."""
    if preview and not later:
        return (_FIELDS | QUIET_FIELDS) - {"media_urls"}
    return _FIELDS | (LATER_FIELDS if later else frozenset())


def _expect_known(fields: dict[object, object], *, preview: bool, later: bool) -> None:
    known = known_fields(preview=preview, later=later)
    unknown = sorted(set(fields) - known, key=str)
    if unknown and unknown[0] in LATER_FIELDS:
        raise InvalidRequest(
            "A text that is sent at once has no such field: POST /sms/queue has.", field=str(unknown[0])
        )
    if unknown:
        raise InvalidRequest(f"Unknown field. Known are: {', '.join(sorted(known))}.", field=str(unknown[0])[:64])


def _recipient(value: object, our_number: str) -> str:
    if not isinstance(value, str) or not phone.is_e164(value):
        raise InvalidRequest("'to' must be one phone number in E.164 format, as +12025550123.", field="to")
    if value == our_number:
        raise InvalidRequest("'to' is the number that this service sends from.", field="to")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidRequest("'message' must be a string.", field="message")
    if not value.strip():
        raise InvalidRequest("'message' must not be empty.", field="message")
    if not _is_unicode(value):
        raise InvalidRequest("'message' holds half of a surrogate pair.", field="message")
    if not visible.seen(value):
        raise InvalidRequest(
            f"'message' has no character that can be seen, only {visible.points(value)}.", field="message"
        )
    for character, why in _NOT_IN_TEXT.items():
        if character in value:
            raise InvalidRequest(f"'message' holds {visible.points(character)}: {why}.", field="message")
    return value


def _max_segments(value: object) -> int:
    if value is None:
        return segments.MAX_PARTS
    # True is a number in Python, and none in JSON.
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(
            f"'max_segments' must be a whole number from 1 to {segments.MAX_PARTS}.",
            field="max_segments", limit=segments.MAX_PARTS,
        )  # fmt: skip
    if not 1 <= value <= segments.MAX_PARTS:
        raise InvalidRequest(
            f"'max_segments' must be from 1 to {segments.MAX_PARTS}.",
            field="max_segments", given=value, limit=segments.MAX_PARTS,
        )  # fmt: skip
    return value


def _smart_encoding(value: object) -> bool:
    if value is not None and not isinstance(value, bool):
        raise InvalidRequest("'smart_encoding' must be true or false.", field="smart_encoding")
    return bool(value)


def _refuse_duplicates(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidRequest(
            f"'refuse_duplicates_s' must be a whole number of seconds from 1 to {MOST_DUPLICATES_S}.",
            field="refuse_duplicates_s", limit=MOST_DUPLICATES_S,
        )  # fmt: skip
    if not 1 <= value <= MOST_DUPLICATES_S:
        raise InvalidRequest(
            f"'refuse_duplicates_s' must be from 1 to {MOST_DUPLICATES_S}.",
            field="refuse_duplicates_s", given=value, limit=MOST_DUPLICATES_S,
        )  # fmt: skip
    return value


def _shortened(text: str) -> "tuple[str, tuple[Replaced, ...]]":
    # Loaded only where it is asked for.
    from longcode.domain import smart_encoding

    return smart_encoding.shorten(text)


def _segments(text: str, at_most: int) -> int:
    """The segments of the text that would be sent. Raises InvalidRequest if they are too many."""
    parts = segments.count(text)
    if parts > segments.MAX_PARTS:
        raise InvalidRequest(
            f"'message' would take {parts} parts; the provider takes at most {segments.MAX_PARTS}.",
            field="message", given=parts, limit=segments.MAX_PARTS,
        )  # fmt: skip
    if parts > at_most:
        raise InvalidRequest(
            f"'message' would take {parts} segments, and 'max_segments' allows {at_most}.",
            field="max_segments", given=parts, limit=at_most,
        )  # fmt: skip
    return parts


def parse_metadata(value: object) -> dict[str, str]:
    """Read `metadata`; none is empty. Raises InvalidRequest that names the field."""
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(inner, str) for inner in value.values()):
        raise InvalidRequest("'metadata' must be a flat object of strings.", field="metadata")
    if not all(name and _is_unicode(name) and _is_unicode(inner) for name, inner in value.items()):
        raise InvalidRequest("'metadata' has an empty name or half of a surrogate pair.", field="metadata")
    if "tag" in value and not is_tag(value["tag"]):
        raise InvalidRequest(
            f"'metadata.tag' must have 1 to {MAX_TAG_CHARACTERS} visible characters: "
            "nothing could be found by this one.",
            field="metadata.tag",
        )
    if sum(len(name.encode()) + len(inner.encode()) for name, inner in value.items()) > MAX_METADATA_BYTES:
        raise InvalidRequest(f"'metadata' is larger than {MAX_METADATA_BYTES} bytes.", field="metadata")
    return dict(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def idempotency_key(value: str | None) -> str | None:
    """The caller's Idempotency-Key, None if there is none. Raises InvalidRequest."""
    if value is None:
        return None
    if not _KEY.fullmatch(value):
        raise InvalidRequest(
            "'Idempotency-Key' must be 1 to 255 visible ASCII characters.", field="Idempotency-Key"
        )
    return value
