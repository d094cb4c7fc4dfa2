"""Telnyx's records of a message: by its id, and in the detail records."""

# Source: Telnyx's messaging API (OpenAPI).

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from longcode.domain import untrusted
from longcode.domain.message import Message
from longcode.domain.outcomes import Record
from longcode.telnyx import carriers
from longcode.telnyx.payload import STATUSES, billed, faults, recipient_row

_PAGE_SIZE = 50


def record(content: bytes, now_ms: int, recipient: str = "") -> Record | None:
    """What an answer to `GET /messages/{id}` says of the message; None if it can't be read."""
    data = untrusted.loads(content).get("data")
    telnyx_id = untrusted.ident(data.get("id")) if isinstance(data, dict) else ""
    if not isinstance(data, dict) or not telnyx_id:
        return None
    row = recipient_row(data, recipient)
    word = untrusted.word(row.get("status")) or "queued"
    return Record(
        telnyx_id=telnyx_id,
        word=word,
        status=STATUSES.get(word),
        faults=faults(data),
        subscription=carriers.subscription(row, recipient, now_ms),
        **billed(data, now_ms),
    )


def detail_records_query(message: Message, page: int) -> dict[str, str]:
    """The query for one page of the detail records that `message` may be among, newest first."""
    # Whatever the time zone of the provider's days: a text is not older than its acceptance.
    since = datetime.fromtimestamp(message.accepted_ms / 1000, UTC) - timedelta(days=2)
    return {
        "filter[record_type]": "messaging",
        "filter[cld]": message.recipient,
        "filter[created_at][gte]": since.date().isoformat(),
        "sort": "-created_at",
        "page[number]": str(page),
        "page[size]": str(_PAGE_SIZE),
    }


@dataclass(frozen=True, slots=True)
class DetailRecords:
    """One page of detail records: the one that was looked for, and whether there are more pages."""

    found: Record | None
    last: bool


def detail_records(content: bytes, page: int, webhook_url: str) -> DetailRecords | None:
    """Read an answer to `detail_records_query`, in which ours is what was sent with `webhook_url`.

    None: it can't be read.
    """
    fields = untrusted.loads(content)
    rows, meta = fields.get("data"), fields.get("meta")
    if not isinstance(rows, list):
        return None
    last = is_last(page, len(rows), meta if isinstance(meta, dict) else {})
    for row in rows:
        # Without an address of ours, a record of another sender may have none either.
        if isinstance(row, dict) and webhook_url and row.get("delivery_status_webhook_url") == webhook_url:
            telnyx_id = untrusted.ident(row.get("uuid"))
            if telnyx_id:
                word = untrusted.word(row.get("status")) or "queued"
                return DetailRecords(Record(telnyx_id, word, STATUSES.get(word)), last)
    # Nothing where there should be more is no end.
    return DetailRecords(None, last) if rows or last else None


def is_last(page: int, rows: int, meta: Mapping[str, Any], page_size: int = _PAGE_SIZE) -> bool:
    """Whether no page comes after this one: as the answer says, else when it is shorter than `page_size`."""
    size = untrusted.whole(meta.get("page_size")) or page_size
    pages, results = untrusted.whole(meta.get("total_pages")), untrusted.whole(meta.get("total_results"))
    if pages is not None:
        return page >= pages
    if results is not None:
        return page * size >= results
    return rows < size
