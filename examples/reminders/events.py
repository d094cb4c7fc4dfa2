"""What the program does with an event: a reply confirms, a STOP takes reminders back, a status is written down."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from longcode.client import Client, Refused
from longcode.client.webhooks import Event

from .book import Book
from .reminders import TAG, settle

# What the subscription asks for.
TYPES = ("sms.received", "sms.status_changed", "sms.opted_out")
_YES = frozenset(("C", "CONFIRM", "Y", "YES"))
_REFUSED_FOR_GOOD = frozenset(("recipient_opted_out", "recipient_not_listed", "destination_not_allowed"))


def take(event: Event, book: Book, client: Client, now: datetime) -> bool:
    """Do what an event asks for, once; whether that is done. Where it is not, the event must come again.

    It may come twice, also at once, and may have been taken by half: each step does nothing the second time.
    Raises LongcodeError where the service does not answer.
    """
    if book.has_taken(event.id):
        return True
    match event.type:
        case "sms.received":
            _received(event.data, book, client, now)
        case "sms.status_changed":
            _status_changed(event.data, book)
        case "sms.opted_out":
            phone = str(event.data["number"])
            book.opt(phone, out=bool(event.data["opted_out"]), sequence=str(event.data["sequence"]))
            if settle(book, client, phone):
                return False
    book.taken(event.id)
    return True


# Any: JSON, docs/events.md has the fields.
def _received(data: Mapping[str, Any], book: Book, client: Client, now: datetime) -> None:
    if data.get("opt_out"):
        # A STOP is an event of its own, and what is unclear is for a person to read.
        return
    # Events have no text.
    ident = str(data["message_id"])
    words = (client.status(ident).text or "").strip(" \t\r\n.!\"'").upper()
    if words not in _YES:
        return
    confirmed = book.confirm(str(data["from"]), ident, now)
    if confirmed is None:
        return
    try:
        client.queue(
            confirmed.phone,
            f"Thank you, {confirmed.name}. See you on {confirmed.local}.",
            metadata={"tag": TAG},
            idempotency_key=f"thanks-{ident}",
        )
    except Refused as exc:
        if exc.code not in _REFUSED_FOR_GOOD:
            raise


# Any: JSON, docs/events.md has the fields.
def _status_changed(data: Mapping[str, Any], book: Book) -> None:
    metadata = data.get("metadata") or {}
    ident = str(metadata.get("appointment", ""))
    if data["final"] and metadata.get("tag") == TAG and ident.isdecimal():
        book.report(int(ident), str(data["status"]), str(data["sequence"]), str(data["message_id"]))
