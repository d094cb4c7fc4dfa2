"""The whole program: the provider's API under /v2, the control API under /_provider."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from nacl.signing import SigningKey
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from . import errors, views
from .api import Api
from .clock import Clock
from .control import Control
from .errors import ApiError
from .faults import Faults
from .keys import public_key
from .ledger import Journal, Ledger
from .provider import Provider
from .settings import Settings
from .webhooks import Deliverer
from .wire import Connections, Gate, stamped


@dataclass(slots=True)
class Options:
    """Everything the program is started with. Times are seconds."""

    settings: Settings
    key: SigningKey
    state_dir: Path | None = None
    webhook_timeout_s: float = 2.0
    retry_s: float = 1.0
    registration_retry_s: float = 30.0
    concurrency: int = 8
    clock: Clock = field(default_factory=Clock)
    # As POST /_provider/limits, registration and carriers take them, by those names.
    network: dict[str, Any] = field(default_factory=dict)


class Site:
    """The routes over one provider."""

    def __init__(
        self, options: Options, connections: Connections, stopping: asyncio.Event, gate: Gate | None
    ) -> None:
        self._options = options
        self._provider: Provider | None = None
        self._api = Api(self._running, connections, stopping, options.clock)
        self._control = Control(self._running, gate, public_key(options.key), options.clock)

    def _running(self) -> Provider:
        assert self._provider is not None
        return self._provider

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Load the state, resume what an earlier run left, and stop everything at the end."""
        options, faults = self._options, Faults()
        journal = Journal(options.state_dir / "ledger.jsonl") if options.state_dir else None
        limits = httpx.Limits(max_connections=options.concurrency)
        # trust_env off: a proxy from the environment must not see, or break, loopback deliveries.
        async with httpx.AsyncClient(limits=limits, timeout=None, trust_env=False) as client:
            deliverer = Deliverer(
                key=options.key,
                client=client,
                faults=faults,
                clock=options.clock,
                timeout_s=options.webhook_timeout_s,
                retry_s=options.retry_s,
                registration_retry_s=options.registration_retry_s,
                concurrency=options.concurrency,
            )
            ledger = Ledger(journal)
            options.clock.move(ledger.offset_s)
            self._provider = Provider(options.settings, ledger, faults, deliverer, options.clock)
            self._provider.carriers.start(options.network)
            self._provider.lives.resume()
            try:
                yield
            finally:
                self._control.stop()
                await self._provider.lives.stop()
                ledger.close()

    def routes(self) -> list[Route]:
        """Every route, the provider's own first."""
        return [*self._api.routes(), *self._control.routes()]


def make_app(
    options: Options,
    connections: Connections | None = None,
    stopping: asyncio.Event | None = None,
    gate: Gate | None = None,
) -> ASGIApp:
    """The whole program as an ASGI application."""
    site = Site(
        options,
        Connections() if connections is None else connections,
        stopping or asyncio.Event(),
        gate,
    )

    async def not_found(_request: Request, exc: Exception) -> Response:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        fault = ApiError("10005", errors.NOT_FOUND.title, errors.NOT_FOUND.detail, status)
        return views.refused(fault)

    app = Starlette(routes=site.routes(), lifespan=site.lifespan, exception_handlers={HTTPException: not_found})
    return stamped(app, options.clock)
