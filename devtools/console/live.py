"""Server-sent events of what a page shows: all of it at first, then each change."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from longcode.domain.errors import Unavailable
from longcode_cli.problems import Problem

# Any: what a page shows, as JSON.
Read = Callable[[], Awaitable[Any]]


class Live:
    """What `read` answers, at most once in `every_s` for all that listen, and only while a page does."""

    def __init__(self, read: Read, every_s: float = 1.0, patience_s: float = 15.0) -> None:
        self._read = read
        self._every_s = every_s
        # A stack that hangs is not to be taken for one that has no news.
        self._patience_s = patience_s
        self._reading = asyncio.Lock()
        self._at = float("-inf")
        self._found = ServerSentEvent()

    async def now(self) -> ServerSentEvent:
        """The event of this moment: `message` with the JSON, or `problem` with `{"error": …}`."""
        async with self._reading:
            if time.monotonic() - self._at >= self._every_s:
                self._found = await self._event()
                self._at = time.monotonic()
            return self._found

    async def _event(self) -> ServerSentEvent:
        try:
            async with asyncio.timeout(self._patience_s):
                return ServerSentEvent(json.dumps(await self._read()))
        except Problem as exc:
            problem = str(exc)
        except (Unavailable, BotoCoreError, ClientError) as exc:
            problem = f"Tables and queues do not answer ({type(exc).__name__})."
        except httpx.HTTPError as exc:
            problem = f"The simulated provider does not answer ({type(exc).__name__})."
        except TimeoutError:
            problem = f"The stack has not answered for {self._patience_s:.0f} s."
        return ServerSentEvent(json.dumps({"error": problem}), event="problem")

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The event of now, then each that differs from the last."""
        last = None
        while True:
            event = await self.now()
            content = (event.event, event.data)
            if content != last:
                last = content
                yield event
            await asyncio.sleep(self._every_s)

    async def answer(self, _request: Request) -> EventSourceResponse:
        """The endpoint of a route."""
        return EventSourceResponse(self.events(), ping=15)
