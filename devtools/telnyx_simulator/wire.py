"""The wire below HTTP: connections that are cut, a port that is shut, and when a request arrived."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import Answer
from .clock import Clock
from .outcomes import Reply

HANG_S = 120.0  # after which even a hanging request is let go


@dataclass(slots=True)
class Gate:
    """The API's port: `shut` lets it refuse connections as if nothing listened, until `open`."""

    shut: Callable[[], Awaitable[None]]
    open: Callable[[], Awaitable[None]]


class Connections(dict[tuple[str, int], asyncio.Transport]):
    """Open connections by the peer's address, so that an answer can be cut off below HTTP."""


class Wire(Response):
    """An answer, or the absence of one."""

    def __init__(self, answer: Answer, connections: Connections, stopping: asyncio.Event) -> None:
        html = answer.reply is Reply.GATEWAY
        super().__init__(
            answer.body,
            answer.status,
            answer.headers,
            media_type="text/html" if html else "application/json",
        )
        self._reply, self._connections, self._stopping = answer.reply, connections, stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write it, or cut the connection as the outcome says."""
        if self._reply not in (Reply.HANG, Reply.RESET, Reply.CUT):
            await super().__call__(scope, receive, send)
            return
        transport = self._connections.get(tuple(scope["client"] or ()))
        if transport is None:
            raise ConnectionResetError("this outcome needs a real connection")
        if self._reply is Reply.CUT:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            half = self.body[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            transport.close()
        elif self._reply is Reply.RESET:
            # Closing without lingering sends a reset instead of an orderly end.
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif self._reply is Reply.HANG:
            gone = asyncio.ensure_future(receive())
            stopping = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait({gone, stopping}, timeout=HANG_S, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            stopping.cancel()
        if self._reply is not Reply.CUT:
            transport.abort()
        # The server counts the request as answered only once it has seen the connection go.
        await asyncio.wait_for(receive(), 1.0)


class Stamp(NamedTuple):
    """When a request arrived, in ms."""

    wall_ms: float
    monotonic_ms: float


def stamped(app: ASGIApp, clock: Clock) -> ASGIApp:
    """Stamp each request before anything else looks at it."""

    async def stamp(scope: Scope, receive: Receive, send: Send) -> None:
        scope["provider.arrived"] = Stamp(round(clock.wall() * 1000, 3), round(clock.monotonic() * 1000, 3))
        await app(scope, receive, send)

    return stamp
