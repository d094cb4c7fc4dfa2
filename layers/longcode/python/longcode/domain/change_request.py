"""The body of a request that changes a held text, and the text as it would be then."""

from dataclasses import dataclass, replace

from longcode.domain import quiet_hours
from longcode.domain.errors import InvalidRequest
from longcode.domain.message import CHANGED, KEPT_ENTRIES, Entry, Message
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.send_request import Words, parse_metadata, parse_words
from longcode.domain.status import HeldBy
from longcode.domain.times import Times, check_times, parse_times

# How a text says it, which means nothing without one.
OF_THE_TEXT = ("max_segments", "smart_encoding")
_CHANGES = ("message", "send_at", "expires_at", "ttl_s", "metadata")
FIELDS = (*_CHANGES, *OF_THE_TEXT)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What is to be changed of a held text. None: it stays; also each moment that `times` leaves out."""

    times: Times
    words: Words | None = None
    metadata: dict[str, str] | None = None


def parse_change(fields: object) -> ChangeRequest:
    """Read the body of a change. Raises InvalidRequest that names the field."""
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object.")
    known = sorted(FIELDS)
    unknown = sorted(set(fields) - set(known), key=str)
    if unknown:
        raise InvalidRequest(
            f"Unknown field. What can be changed: {', '.join(known)}.", field=str(unknown[0])[:64]
        )
    for name, value in fields.items():
        # A client that writes what it has not got as null would else take away what it never read.
        if value is None:
            raise InvalidRequest("null changes nothing: leave this field out.", field=name)
    if "message" not in fields:
        alone = next((name for name in OF_THE_TEXT if name in fields), None)
        if alone:
            raise InvalidRequest("This field goes with 'message' only.", field=alone)
        if not fields:
            raise InvalidRequest(f"Say what is to be changed: {', '.join(_CHANGES)}.")
    return ChangeRequest(
        times=parse_times(fields),
        words=parse_words(fields) if "message" in fields else None,
        metadata=parse_metadata(fields["metadata"]) if "metadata" in fields else None,
    )


def apply(wanted: ChangeRequest, seen: Message, now_ms: int, hours: QuietHours | None) -> Message:
    """A held text as it would be after a change; `seen` itself if that leaves all as it is.

    Raises InvalidRequest for moments that can't be kept.
    """
    after = seen
    if wanted.words:
        parts = 1 if seen.media_urls else wanted.words.segments
        after = replace(after, text=wanted.words.text, segments=parts)
    if wanted.metadata is not None:
        after = replace(after, metadata=wanted.metadata)
    after = _moved(wanted.times, after, now_ms, hours)
    _check(wanted.times, after, now_ms)
    names = _differing(seen, after)
    if not names:
        return seen
    # Of two changes in one millisecond the second must not look like the first.
    updated_ms = max(now_ms, seen.updated_ms + 1)
    entry = Entry(now_ms, CHANGED, "api", note=f"It was changed by request: {', '.join(names)}.")
    history = seen.history if len(seen.history) >= KEPT_ENTRIES else (*seen.history, entry)
    return replace(after, updated_ms=updated_ms, history=history)


def _moved(times: Times, message: Message, now_ms: int, hours: QuietHours | None) -> Message:
    """The same with other moments."""
    if times.send_at_ms is not None and times.send_at_ms != message.send_at_ms:
        wanted_ms = max(now_ms, times.send_at_ms)
        ready_ms = quiet_hours.leaves_ms(message, wanted_ms, hours)
        message = replace(
            message,
            send_at_ms=times.send_at_ms,
            not_before_ms=ready_ms,
            held_by=HeldBy.QUIET_HOURS if ready_ms > wanted_ms else HeldBy.SCHEDULE,
        )
    expires_ms = times.expires_ms(message.ready_ms)
    return message if expires_ms is None else replace(message, expires_ms=expires_ms)


def _check(times: Times, after: Message, now_ms: int) -> None:
    """Refuse moments that can't be kept. One that is past and stays is no fault of this request."""
    moments = after
    if times.send_at_ms is None and (after.send_at_ms or 0) < now_ms:
        moments = replace(moments, send_at_ms=None)
    check_times(moments, now_ms)


def _differing(seen: Message, after: Message) -> list[str]:
    """What a change changes, by the names that a request has for it. Never what it was or is."""
    pairs = {
        "message": (seen.text, after.text),
        "send_at": (seen.send_at_ms, after.send_at_ms),
        "expires_at": (seen.expires_ms, after.expires_ms),
        "metadata": (seen.metadata, after.metadata),
    }
    return [name for name, (before, now) in pairs.items() if before != now]
