"""The appointments, in SQLite: what is booked, and how the reminder of each stands."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

# How a reminder stands that no event has reported on: not asked for; asked for, without an answer yet; accepted.
NEW, ASKING, WAITING = "new", "asking", "waiting"
# It was taken back, or will never be asked for; the service refuses it.
OFF, REFUSED = "off", "refused"
BOOKED, CONFIRMED, CANCELLED = "booked", "confirmed", "cancelled"
_TABLES = """
CREATE TABLE IF NOT EXISTS appointments (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT NOT NULL, at TEXT NOT NULL, timezone TEXT NOT NULL,
    send_at TEXT, state TEXT NOT NULL DEFAULT 'booked', reminder TEXT NOT NULL DEFAULT 'new', message_id TEXT,
    sequence TEXT NOT NULL DEFAULT '', confirmed_by TEXT
);
CREATE TABLE IF NOT EXISTS opted_out (phone TEXT PRIMARY KEY, sequence TEXT NOT NULL, now INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS events (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_COLUMNS = "id, name, phone, at, timezone, send_at, state, reminder, message_id"


@dataclass(frozen=True, slots=True)
class Appointment:
    """One appointment. `send_at` is when its reminder leaves, None for at once. Moments are in UTC."""

    id: int
    name: str
    phone: str
    at: datetime
    timezone: str
    send_at: datetime | None
    state: str
    reminder: str
    message_id: str | None

    @property
    def local(self) -> str:
        """When it is, by the clock of the person: `Tue 1 Dec 09:30`."""
        return f"{self.at.astimezone(ZoneInfo(self.timezone)):%a %-d %b %H:%M}"


class Book:
    """The appointments in the file at `path`. Each thread has a book of its own."""

    def __init__(self, path: Path) -> None:
        # It has people's numbers and the secret of the webhooks.
        path.touch(mode=0o600)
        os.chmod(path, 0o600)
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.executescript(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # ---------------------------------------------------------------------------------- appointments

    def add(self, name: str, phone: str, at: datetime, timezone: str, send_at: datetime | None) -> Appointment:
        """Book an appointment; its reminder is not asked for yet."""
        row = (name, phone, _said(at), timezone, _said(send_at))
        with self._change() as db:
            made = db.execute(
                "INSERT INTO appointments (name, phone, at, timezone, send_at) VALUES (?, ?, ?, ?, ?)", row
            )
        assert made.lastrowid is not None
        return self.get(made.lastrowid)

    def get(self, ident: int) -> Appointment:
        """One of them. Raises LookupError."""
        found = self._where("id = ?", ident)
        if not found:
            raise LookupError(f"There is no appointment {ident}.")
        return found[0]

    def all(self) -> list[Appointment]:
        """All of them, the earliest first."""
        return self._where("1")

    def cancel(self, ident: int) -> None:
        """Cancel an appointment; its reminder is not taken back yet. Raises LookupError."""
        self.get(ident)
        with self._change() as db:
            db.execute("UPDATE appointments SET state = ? WHERE id = ?", (CANCELLED, ident))

    def confirm(self, phone: str, by: str, now: datetime) -> Appointment | None:
        """Confirm the next appointment of a person who replied with the text `by`; None if there is none.

        The same text confirms the same appointment however often it is reported.
        """
        with self._change() as db:
            known = self._where("confirmed_by = ?", by)
            if known:
                return known[0]
            coming = self._where("phone = ? AND state = ? AND at > ?", phone, BOOKED, _said(now))
            if not coming:
                return None
            change = (CONFIRMED, by, coming[0].id)
            db.execute("UPDATE appointments SET state = ?, confirmed_by = ? WHERE id = ?", change)
        return self.get(coming[0].id)

    # ------------------------------------------------------------------------------------- reminders

    def unsettled(self) -> list[Appointment]:
        """Those whose reminder is not as it should be: to be asked for, or to be taken back."""
        unwanted = "(state = 'cancelled' OR phone IN (SELECT phone FROM opted_out WHERE now))"
        return self._where(f"reminder IN ('new', 'asking') OR (reminder = 'waiting' AND {unwanted})")

    def is_wanted(self, one: Appointment) -> bool:
        """Whether this person should be reminded of it."""
        row = self._db.execute("SELECT now FROM opted_out WHERE phone = ?", (one.phone,)).fetchone()
        return one.state != CANCELLED and not (row and row[0])

    def set_reminder(self, ident: int, reminder: str, message_id: str | None = None) -> None:
        """How a reminder stands by what its calls came to, unless an event has reported on it meanwhile."""
        with self._change() as db:
            db.execute(
                "UPDATE appointments SET reminder = ?, message_id = coalesce(?, message_id)"
                " WHERE id = ? AND sequence = ''",
                (reminder, message_id, ident),
            )

    def send_at_once(self, ident: int) -> None:
        """Have a reminder leave at once whose time has passed."""
        with self._change() as db:
            db.execute("UPDATE appointments SET send_at = NULL WHERE id = ?", (ident,))

    def report(self, ident: int, status: str, sequence: str, message_id: str) -> None:
        """What an event says of a reminder. One that is older than what is known changes nothing."""
        with self._change() as db:
            db.execute(
                "UPDATE appointments SET reminder = ?, sequence = ?, message_id = ? WHERE id = ? AND sequence < ?",
                (status, sequence, message_id, ident, sequence),
            )

    # ------------------------------------------------------------------------------ people and events

    def opt(self, phone: str, *, out: bool, sequence: str) -> None:
        """Whether a person wants no texts. What is older than what is known changes nothing."""
        with self._change() as db:
            db.execute(
                "INSERT INTO opted_out VALUES (?, ?, ?) ON CONFLICT (phone) DO UPDATE"
                " SET sequence = excluded.sequence, now = excluded.now WHERE sequence < excluded.sequence",
                (phone, sequence, out),
            )

    def has_taken(self, event_id: str) -> bool:
        """Whether all that an event asks for was done."""
        return self._db.execute("SELECT 1 FROM events WHERE id = ?", (event_id,)).fetchone() is not None

    def taken(self, event_id: str) -> None:
        """All that an event asks for was done."""
        with self._change() as db:
            db.execute("INSERT OR IGNORE INTO events VALUES (?)", (event_id,))

    def setting(self, name: str) -> str:
        """A setting, empty if it was never set."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def set(self, name: str, value: str) -> None:
        """Set it."""
        with self._change() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def _where(self, condition: str, *values: object) -> list[Appointment]:
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM appointments WHERE {condition} ORDER BY at, id",  # noqa: S608 - ours alone
            values,
        )
        return [
            Appointment(
                ident, name, phone, datetime.fromisoformat(at), timezone,
                datetime.fromisoformat(send_at) if send_at else None, state, reminder, message_id,
            )
            for ident, name, phone, at, timezone, send_at, state, reminder, message_id in rows
        ]  # fmt: skip


def _said(at: datetime | None) -> str | None:
    """A moment as it is stored, so that texts compare as moments do."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")
