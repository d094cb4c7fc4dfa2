"""The receiver of signed events: `POST /hooks`, as a Starlette app."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longcode.client import Client, LongcodeError
from longcode.client.webhooks import InvalidEvent, InvalidSignature, verify

from .book import Book
from .events import take

PATH = "/hooks"
# Events have some thousand bytes.
MOST_BYTES = 100_000


def answer(
    secrets: Sequence[str], headers: Mapping[str, str], body: bytes, book: Book, client: Client, now: datetime
) -> int:
    """Verify and take an event; the HTTP status that says so. Any but 2xx has it delivered again."""
    if not secrets:
        # No one has subscribed yet.
        return 503
    try:
        event = verify(secrets, headers, body, now.timestamp())
    except InvalidSignature:
        return 401
    except InvalidEvent:
        return 400
    try:
        return 204 if take(event, book, client, now) else 503
    except LongcodeError:
        return 503
    except (KeyError, ValueError):
        # It is signed, and not as docs/events.md has it.
        return 400


def app(path: Path, secrets: Callable[[Book], Sequence[str]], client: Client) -> Starlette:
    """The receiver over the book at `path`. The `secrets` are looked up for each event, as they may change."""

    def taken(headers: Mapping[str, str], body: bytes) -> int:
        with Book(path) as book:
            return answer(secrets(book), headers, body, book, client, datetime.now(UTC))

    async def hooks(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return Response(status_code=413)
        return Response(status_code=await run_in_threadpool(taken, dict(request.headers), body))

    return Starlette(routes=[Route(PATH, hooks, methods=["POST"])])
