"""Runs the app on a loopback port: free port, ready file, a stop that takes less than a second."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from .app import Options, make_app
from .wire import Connections, Gate

HOST = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """A bound loopback socket; port 0 is any free one. Raises OSError if the port is taken."""
    # The protocol by name: asyncio turns Nagle's algorithm off only for sockets that say TCP, and
    # with it on every answer is 40 ms late.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((HOST, port))
    return sock


class Server(uvicorn.Server):
    """Uvicorn that reports when it listens and lets hanging requests go when it stops.

    The first of its sockets is the API's, which it can shut; the control API is on every other one too.
    """

    def __init__(self, options: Options, on_ready: Callable[[], None] = lambda: None) -> None:
        self._connections, self._stopping = Connections(), asyncio.Event()
        self._address: tuple[str, int] | None = None
        self._held: socket.socket | None = None
        self._protocol = _protocol(self._connections)
        config = uvicorn.Config(
            make_app(options, self._connections, self._stopping, Gate(self._shut, self._open)),
            http=self._protocol,
            lifespan="on",
            ws="none",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=1,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        self._address = sockets[0].getsockname() if sockets else None
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let hanging requests go, then stop."""
        self._stopping.set()
        if self._held is not None:
            self._held.close()
        await super().shutdown(sockets)

    async def _shut(self) -> None:
        """Refuse connections to the API's port, and drop those that there are."""
        if self._held is not None or self._address is None:
            return
        self.servers[0].close()
        # Bound, so that no other process gets the port, and not listening: to connect is refused.
        self._held = bind(self._address[1])
        for transport in list(self._connections.values()):
            if transport.get_extra_info("sockname") == self._address:
                transport.abort()

    async def _open(self) -> None:
        if self._held is None:
            return
        listening, self._held = self._held, None
        self.servers[0] = await asyncio.get_running_loop().create_server(self._connection, sock=listening)

    def _connection(self) -> asyncio.Protocol:
        return self._protocol(self.config, self.server_state, self.lifespan.state)


def serve(options: Options, sockets: list[socket.socket], on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, which both end in a normal return."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # Uvicorn raises the signal again once it is done; this makes that harmless.
        signal.signal(number, lambda *_: None)
    Server(options, on_ready).run(sockets=sockets)


def write_atomically(path: Path, value: dict[str, object]) -> None:
    """Write JSON so that a reader sees either no file or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(value) + "\n", "utf-8")
    draft.replace(path)


def _protocol(connections: Connections) -> type[H11Protocol]:
    class Protocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if self.client is not None:
                connections[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            if self.client is not None:
                connections.pop(self.client, None)
            super().connection_lost(exc)

    return Protocol
