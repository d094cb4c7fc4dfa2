"""Brings the reminders at the service into line with the book: asks for the missing, takes back the unwanted."""

from datetime import datetime, timedelta

from longcode.client import Client, LongcodeError, Refused

from .book import ASKING, NEW, OFF, REFUSED, WAITING, Appointment, Book

TAG = "reminders"
# Whatever is tried again, the service refuses this text.
_FOR_GOOD = frozenset(
    ("invalid_request", "recipient_opted_out", "destination_not_allowed", "recipient_not_listed", "duplicate_text")
)
# It has left, or is gone.
_TOO_LATE = frozenset(("too_late", "not_found"))


def leaves_at(at: datetime, before: timedelta, now: datetime) -> datetime | None:
    """When the reminder of an appointment leaves, None for at once. Raises ValueError for one that is over."""
    if at <= now:
        raise ValueError("An appointment must be in the future.")
    return at - before if at - before > now else None


def settle(book: Book, client: Client, phone: str | None = None) -> int:
    """Ask for each reminder that is missing, and take back each that is unwanted; how many could not be, for now.

    With `phone` only those of one person. It may be killed anywhere and begun again: each reminder has an
    idempotency key of its own, so that none is sent twice. Raises Refused where the service refuses everything, as
    a wrong key.
    """
    left = 0
    for one in book.unsettled():
        if phone not in (None, one.phone):
            continue
        try:
            if book.is_wanted(one):
                _ask_for(one, book, client)
            else:
                _take_back(one, book, client)
        except LongcodeError as exc:
            if exc.code in ("forbidden", "scope_missing"):
                raise
            left += 1
    return left


def _ask_for(one: Appointment, book: Book, client: Client) -> None:
    # From here on it may be there, whatever becomes of this program.
    book.set_reminder(one.id, ASKING)
    try:
        _queue(one, client, book)
    except Refused as exc:
        if exc.field == "send_at" and one.send_at is not None:
            # This program did not run at that time, and nothing was stored: late is better than never.
            book.send_at_once(one.id)
            _ask_for(book.get(one.id), book, client)
        elif exc.code in _FOR_GOOD:
            book.set_reminder(one.id, REFUSED)
        else:
            raise


def _queue(one: Appointment, client: Client, book: Book) -> str:
    """Ask for a reminder, or for its id if it is there already."""
    queued = client.queue(
        one.phone,
        f"Hi {one.name}, your appointment is on {one.local}. Reply C to confirm, STOP for no more texts.",
        send_at=one.send_at,
        # No one is reminded of what is over.
        expires_at=one.at,
        respect_quiet_hours=True,
        timezone=one.timezone,
        metadata={"tag": TAG, "appointment": str(one.id)},
        idempotency_key=f"reminder-{one.id}",
    )
    book.set_reminder(one.id, WAITING, queued.message_id)
    return queued.message_id


def _take_back(one: Appointment, book: Book, client: Client) -> None:
    ident = one.message_id
    try:
        if ident is None and one.reminder != NEW:
            # An answer got lost: under its key the service says which text it is.
            ident = _queue(one, client, book)
        if ident is not None:
            client.cancel(ident)
    except Refused as exc:
        # One that is being sent may still come back into its queue.
        under_way = exc.code == "too_late" and exc.fields.get("status") == "sending"
        if under_way or exc.code not in _FOR_GOOD | _TOO_LATE:
            raise
        book.set_reminder(one.id, str(exc.fields.get("status", OFF)))
        return
    book.set_reminder(one.id, OFF)
