"""The calls about texts: to send, queue and find them, and what a batch or a tag comes to."""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Required, TypedDict, Unpack
from urllib.parse import quote

from longcode.client.answers import (
    Answer,
    Batch,
    Cancelled,
    DryRun,
    Health,
    Message,
    Preview,
    Processed,
    Queued,
    Sent,
    Tag,
    TagCancelled,
)
from longcode.client.errors import Unfinished
from longcode.client.steps import Call, Page

# A moment; a string as the API takes it, RFC 3339.
type Moment = datetime | str
type Priority = Literal["transactional", "bulk"]
type Category = Literal["transactional", "marketing"]


class TextFields(TypedDict, total=False):
    """What a text may say besides its recipient and its words: docs/api.md, The body of send and queue."""

    metadata: Mapping[str, str] | None
    max_segments: int | None
    refuse_duplicates_s: int | None
    smart_encoding: bool | None
    priority: Priority | None
    media_urls: Sequence[str] | None


class LaterFields(TypedDict, total=False):
    """What a text may say that waits: when it may leave, and its quiet hours."""

    send_at: Moment | None
    expires_at: Moment | None
    ttl_s: int | None
    category: Category | None
    respect_quiet_hours: bool | None
    timezone: str | None


class QueueFields(TextFields, LaterFields, total=False):
    """What a queued text may say."""


class BatchText(QueueFields, total=False):
    """A text of a batch: `message`, or `values` for the template. `key` is its own idempotency key."""

    to: Required[str]
    message: str
    values: Mapping[str, str]
    key: str


class BatchFields(QueueFields, total=False):
    """What holds for each text of a batch that does not say otherwise."""

    template: str | None


class ChangeFields(TypedDict, total=False):
    """What of a held text may be changed."""

    message: str | None
    max_segments: int | None
    smart_encoding: bool | None
    send_at: Moment | None
    expires_at: Moment | None
    ttl_s: int | None
    metadata: Mapping[str, str] | None


class SearchFields(TypedDict, total=False):
    """Which messages are wanted: at least one. `sender` is `from` in the API; `page_size` is 1 to 100."""

    to: str | None
    sender: str | None
    tag: str | None
    status: str | None
    opt_out: Literal["stop", "start", "unclear"] | None
    since: Moment | None
    until: Moment | None
    page_size: int | None


def send(to: str, message: str, *, idempotency_key: str | None = None, **fields: Unpack[TextFields]) -> Call[Sent]:
    """POST /sms/send: send one text now.

    Without an `idempotency_key` the call makes one, which all of its repetitions have.
    """
    body = encoded({"to": to, "message": message, **fields})
    return Call(
        method="POST",
        path="/sms/send",
        read=Sent.read,
        body=body,
        idempotency_key=idempotency_key or new_key(),
    )


def queue(
    to: str, message: str, *, idempotency_key: str | None = None, **fields: Unpack[QueueFields]
) -> Call[Queued]:
    """POST /sms/queue: put one text into its recipient queue, or hold it until `send_at`.

    Without an `idempotency_key` the call makes one, which all of its repetitions have.
    """
    body = encoded({"to": to, "message": message, **fields})
    return Call(
        method="POST",
        path="/sms/queue",
        read=Queued.read,
        body=body,
        idempotency_key=idempotency_key or new_key(),
    )


def batch(
    messages: Sequence[BatchText | Mapping[str, Any]],
    *,
    idempotency_key: str | None = None,
    token: str | None = None,
    **fields: Unpack[BatchFields],
) -> Call[Batch]:
    """POST /sms/batch: put 1 to 500 texts into their recipient queues.

    With the `token` of a dry run it sends exactly that list, once; then no key is made. What the stores did not
    take is asked for three times again; rows that are `passing` are left then.
    """
    # The ids of the texts are a key's before they are a token's: one of our own would send that list again.
    key = idempotency_key or (None if token else new_key())
    return Call(
        method="POST",
        path="/sms/batch",
        read=lambda found: _as_many(Batch.read(found), len(messages)),
        body=encoded({**fields, "token": token, "messages": [_bare(one) for one in messages]}),
        idempotency_key=key,
        unfinished=_unfinished,
    )


def dry_run(
    messages: Sequence[BatchText | Mapping[str, Any]],
    *,
    idempotency_key: str | None = None,
    duplicate_window_s: int | None = None,
    **fields: Unpack[BatchFields],
) -> Call[DryRun]:
    """POST /sms/batch with `dry_run`: what the same batch would do; nothing is stored."""
    more = {"dry_run": True, "duplicate_window_s": duplicate_window_s}
    return Call(
        method="POST",
        path="/sms/batch",
        read=lambda found: _as_many(DryRun.read(found), len(messages)),
        body=encoded({**fields, **more, "messages": [_bare(one) for one in messages]}),
        idempotency_key=idempotency_key,
    )


def preview(message: str, *, to: str | None = None, **fields: Unpack[QueueFields]) -> Call[Preview]:
    """POST /sms/preview: how many segments a text would take, and why; nothing is stored."""
    return Call(
        method="POST",
        path="/sms/preview",
        read=Preview.read,
        body=encoded({"message": message, "to": to, **fields}),
    )


def change(message_id: str, **fields: Unpack[ChangeFields]) -> Call[Message]:
    """PATCH /sms/queue/{id}: change a text that is held for later."""
    return Call(
        method="PATCH", path=f"/sms/queue/{part(message_id)}", read=Message.read, body=encoded(dict(fields))
    )


def cancel(message_id: str) -> Call[Cancelled]:
    """DELETE /sms/queue/{id}: take a text back that still waits. After it the text is never sent."""
    return Call(method="DELETE", path=f"/sms/queue/{part(message_id)}", read=Cancelled.read)


def cancel_tag(tag: str, *, cursor: str | None = None) -> Call[TagCancelled]:
    """DELETE /sms/queue: take the texts of a tag back that still wait. Call again while there is a `cursor`."""
    return Call(
        method="DELETE",
        path="/sms/queue",
        read=TagCancelled.read,
        query={"tag": tag} | ({} if cursor is None else {"cursor": cursor}),
    )


def process() -> Call[Processed]:
    """POST /sms/queue/process: send now what is due, and see the results."""
    return Call(method="POST", path="/sms/queue/process", read=Processed.read)


def status(message_id: str) -> Call[Message]:
    """GET /sms/status/{id}: what became of a text, with its history."""
    return Call(method="GET", path=f"/sms/status/{part(message_id)}", read=Message.read)


def messages(**wanted: Unpack[SearchFields]) -> Call[Page[Message]]:
    """GET /sms/messages: the texts that fit all that is given, the newest first, page after page."""
    names = {"sender": "from", "page_size": "limit"}
    query = {names.get(name, name): said(value) for name, value in wanted.items() if value is not None}
    return Call(method="GET", path="/sms/messages", read=page_of("messages", Message), query=query)


def thread(number: str, *, page_size: int | None = None) -> Call[Page[Message]]:
    """GET /sms/threads/{number}: the texts to and from one number, page after page."""
    query = {} if page_size is None else {"limit": str(page_size)}
    return Call(method="GET", path=f"/sms/threads/{part(number)}", read=page_of("messages", Message), query=query)


def tag(name: str) -> Call[Tag]:
    """GET /sms/tags/{tag}: how the texts of a tag stand."""
    return Call(method="GET", path=f"/sms/tags/{part(name)}", read=Tag.read)


def health() -> Call[Health]:
    """GET /health: whether the service works, and how much waits."""
    return Call(method="GET", path="/health", read=Health.read)


def new_key() -> str:
    """An idempotency key that no other call has."""
    return f"client-{uuid.uuid4().hex}"


def encoded(fields: Mapping[str, Any]) -> bytes:
    """A body of JSON. None is "not said"."""
    return json.dumps(_bare(fields), default=said).encode()


def part(text: str) -> str:
    """A part of a path. A slash is escaped twice, as a gateway takes one that was escaped once for its own."""
    if text in ("", ".", ".."):
        raise ValueError(f"{text!r} can't be a part of a path.")
    return quote(text, safe="+").replace("%2F", "%252F")


def page_of[T: Answer](name: str, kind: type[T]) -> Callable[[Mapping[str, Any]], Page[T]]:
    """Reads a page whose rows are in the field `name`."""

    def read(fields: Mapping[str, Any]) -> Page[T]:
        rows, cursor = fields.get(name), fields.get("cursor")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError(f"there is no list {name}")
        return Page(tuple(kind.read(row) for row in rows), str(cursor) if cursor else None)

    return read


def _bare(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def said(value: object) -> str:
    """A value as a query has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str | int):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be said in JSON.")


def _as_many[T: (Batch, DryRun)](found: T, many: int) -> T:
    if len(found.messages) != many:
        raise ValueError("it does not say what became of each text")
    return found


def _unfinished(found: Batch) -> Unfinished | None:
    passing = [row for row in found.messages if row.passing]
    if not passing:
        return None
    return Unfinished(
        f"{len(passing)} of {len(found.messages)} texts were not stored",
        code="unfinished",
        status=202,
        retry_after_s=max((row.retry_after_s or 0) for row in passing),
    )
