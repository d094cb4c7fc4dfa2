"""The program: `python -m examples.reminders --help`."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import uvicorn

from longcode.client import Client, LongcodeError

from . import receiver
from .book import Appointment, Book
from .events import TYPES
from .reminders import leaves_at, settle

_SECRET = "LONGCODE_WEBHOOK_SECRET"  # noqa: S105 - its name
_EPILOG = f"""The API is that of LONGCODE_URL and LONGCODE_KEY. {_SECRET} is the subscription's secret, where
`subscribe` did not make it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        with Client(patience_s=given.patience_s, timeout_s=given.timeout_s) as client, Book(given.db) as book:
            return int(given.run(given, book, client))
    except (LongcodeError, LookupError, ValueError) as exc:
        print(f"reminders: {exc}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.reminders", description="Appointment reminders by text.", epilog=_EPILOG
    )
    parser.set_defaults(patience_s=60, timeout_s=40)
    parser.add_argument("--db", type=Path, default=Path("reminders.sqlite3"), help="where the appointments are")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="receive events, and settle what is left")
    serve.add_argument("--port", type=int, default=8090)
    # Who posts an event waits ten seconds for its answer.
    serve.set_defaults(run=_serve, patience_s=3, timeout_s=5)
    subscribe = commands.add_parser("subscribe", help="have events posted here; the secret is kept in --db")
    subscribe.add_argument(
        "url", help=f"where this program's {receiver.PATH} is reached: https://…{receiver.PATH}"
    )
    subscribe.set_defaults(run=_subscribe)
    add = commands.add_parser("add", help="book an appointment and ask for its reminder")
    add.add_argument("--name", required=True)
    add.add_argument("--phone", required=True, help="E.164, as +12025550123")
    add.add_argument("--at", required=True, type=datetime.fromisoformat, help="2026-12-01T09:30, by --timezone")
    add.add_argument("--timezone", default="America/New_York", help="of the person, as America/Chicago")
    add.add_argument("--before", type=float, default=24, metavar="HOURS", help="how long before it to remind")
    add.set_defaults(run=_add)
    cancel = commands.add_parser("cancel", help="cancel an appointment and its reminder")
    cancel.add_argument("id", type=int)
    cancel.set_defaults(run=_cancel)
    commands.add_parser("list", help="show the appointments").set_defaults(run=_list)
    return parser


def _serve(given: argparse.Namespace, book: Book, client: Client) -> int:
    left = settle(book, client)
    print(
        f"{left} reminders left to settle. Events: POST http://127.0.0.1:{given.port}{receiver.PATH}", flush=True
    )
    uvicorn.run(receiver.app(given.db, _secrets, client), port=given.port, log_level="warning")
    return 0


def _secrets(book: Book) -> list[str]:
    return [secret for secret in (os.environ.get(_SECRET, ""), book.setting("secret")) if secret]


def _subscribe(given: argparse.Namespace, book: Book, client: Client) -> int:
    if known := book.setting("subscription"):
        client.change_subscription(known, url=given.url, enabled=True)
        print(f"{known} posts to {given.url} now.")
        return 0
    made = client.subscribe(given.url, TYPES, description="examples/reminders")
    if made.secret is None:
        raise ValueError("The service gave no secret.")
    book.set("secret", made.secret)
    book.set("subscription", made.id)
    print(f"{made.id} posts to {given.url}.")
    return 0


def _add(given: argparse.Namespace, book: Book, client: Client) -> int:
    try:
        zone = ZoneInfo(given.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"There is no timezone {given.timezone}.") from None
    at = given.at if given.at.tzinfo else given.at.replace(tzinfo=zone)
    send_at = leaves_at(at, timedelta(hours=given.before), datetime.now(UTC))
    made = book.add(given.name, given.phone, at, given.timezone, send_at)
    return _settled(made.id, book, client)


def _cancel(given: argparse.Namespace, book: Book, client: Client) -> int:
    book.cancel(given.id)
    return _settled(given.id, book, client)


def _settled(ident: int, book: Book, client: Client) -> int:
    """Settle all that is left, and show one."""
    left = settle(book, client)
    print(_line(book.get(ident)))
    if left:
        print(f"{left} reminders are left to settle: the next command does it.", file=sys.stderr)
    return 1 if left else 0


def _list(_given: argparse.Namespace, book: Book, _client: Client) -> int:
    for one in book.all():
        print(_line(one))
    return 0


def _line(one: Appointment) -> str:
    return f"{one.id}  {one.local}  {one.state}  reminder {one.reminder}  {one.message_id or ''}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
