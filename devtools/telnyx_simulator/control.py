"""The control API under /_provider: what was sent, what shall go wrong, and what the handset shows."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import views
from .answers import dump
from .clock import Clock
from .control_carriers import CarriersControl
from .faults import BadFault
from .outages import Kind
from .outcomes import OUTCOMES
from .provider import Provider
from .wire import Gate


class Control:
    """Its routes. `key` is the public key that webhooks are signed for."""

    def __init__(self, provider: Callable[[], Provider], gate: Gate | None, key: str, clock: Clock) -> None:
        self._provider, self._gate, self._key, self._clock = provider, gate, key, clock
        self._reopening: asyncio.Task[None] | None = None
        self._carriers = CarriersControl(provider, clock)

    @property
    def provider(self) -> Provider:
        """The provider, which exists from start-up on."""
        return self._provider()

    def routes(self) -> list[Route]:
        """Every route."""
        control = _controlled
        return [
            Route("/_provider/requests", self.requests),
            Route("/_provider/messages", self.messages),
            Route("/_provider/webhooks", self.webhooks),
            Route("/_provider/recipients", self.recipients),
            Route("/_provider/threads", self.threads),
            Route("/_provider/outcomes", self.outcomes),
            Route("/_provider/faults", self.faults, methods=["GET"]),
            Route("/_provider/faults", control(self.program), methods=["POST"]),
            Route("/_provider/faults", self.clear, methods=["DELETE"]),
            Route("/_provider/inbound", control(self.inbound), methods=["POST"]),
            Route("/_provider/signed", self.signed, methods=["POST"]),
            Route("/_provider/profile", self.profile, methods=["GET"]),
            Route("/_provider/profile", control(self.set_profile), methods=["POST"]),
            Route("/_provider/reset", self.reset, methods=["POST"]),
            *(
                route
                for path, get, post in self._carriers.endpoints()
                for route in (
                    Route(path, get, methods=["GET"]),
                    Route(path, control(post), methods=["POST"]),
                )
            ),
        ]

    def stop(self) -> None:
        """Forget that the API's port was to be opened again."""
        if self._reopening is not None:
            self._reopening.cancel()

    async def requests(self, request: Request) -> Response:
        """The send requests in order of arrival: ?to=, ?limit= (the latest), ?after= (a seq)."""
        asked = request.query_params
        to, after = asked.get("to"), int(asked.get("after", 0))
        log = self.provider.ledger.requests
        wanted = (r for r in reversed(log) if r.seq > after and to in (None, r.to))
        rows = [r.public() for r in islice(wanted, views.limit(asked))]
        return views.answer({"total": len(log), "requests": rows[::-1]})

    async def messages(self, request: Request) -> Response:
        """The messages, oldest first: ?to=, ?limit=."""
        asked = request.query_params
        rows = self.provider.ledger.newest(to=asked.get("to"))[: views.limit(asked)]
        return views.answer({"messages": [views.summary(message) for message in rows[::-1]]})

    async def webhooks(self, request: Request) -> Response:
        """Every delivery attempt, oldest first: ?message_id=, ?number=, ?limit=."""
        asked = request.query_params
        rows = [
            row
            for row in self.provider.deliverer.log
            if asked.get("message_id") in (None, row["message_id"])
            and asked.get("number") in (None, row["number"])
        ]
        limit = views.limit(asked)
        return views.answer(
            {
                "pending": self.provider.lives.pending,
                "webhooks": rows if limit is None else rows[-limit:],
            }
        )

    async def recipients(self, _request: Request) -> Response:
        """Each number's accepted texts and the smallest gap between two of them, in ms."""
        return views.answer(
            {
                number: {"count": recipient.count, "smallest_gap_ms": views.gap(recipient.gap_ms)}
                for number, recipient in self.provider.ledger.recipients.items()
            }
        )

    async def threads(self, request: Request) -> Response:
        """The conversations for the handset, the latest first: ?limit= (default 40)."""
        ledger = self.provider.ledger
        numbers = islice(reversed(ledger.recipients), views.limit(request.query_params) or 40)
        rows = []
        for number in numbers:
            recipient = ledger.recipients[number]
            rows.append(
                {
                    "number": number,
                    "count": recipient.count,
                    "to_phone": recipient.to_phone,
                    "smallest_gap_ms": views.gap(recipient.gap_ms),
                    "opted_out": number in ledger.optouts,
                    "texts": [
                        views.summary(ledger.messages[message_id])
                        for message_id in recipient.message_ids
                        if message_id in ledger.messages
                    ],
                }
            )
        return views.answer(
            {
                "numbers": self.provider.settings.numbers,
                "public_key": self._key,
                "total": len(ledger.recipients),
                "threads": rows,
            }
        )

    async def outcomes(self, _request: Request) -> Response:
        """The table of magic numbers."""
        return views.answer({"outcomes": [one.public() for one in OUTCOMES]})

    async def faults(self, _request: Request) -> Response:
        """What is programmed to go wrong."""
        settings = self.provider.settings
        return views.answer(
            self.provider.programmed()
            | {
                "latency_ms": settings.latency_s * 1000,
                "idempotency": "honour" if settings.honour_idempotency else "ignore",
            }
        )

    async def program(self, asked: dict[str, Any]) -> Response:
        """Program a fault or an outage."""
        self.provider.program(asked)
        return await self._programmed()

    async def clear(self, _request: Request) -> Response:
        """Remove all faults."""
        self.provider.clear_faults()
        return await self._programmed()

    async def _programmed(self) -> Response:
        return Response(
            dump(self.provider.programmed()),
            media_type="application/json",
            background=await self._using_gate(),
        )

    async def _using_gate(self) -> BackgroundTask | None:
        outage = self.provider.outage
        if outage and outage.kind is Kind.REFUSED:
            # After the answer, which may go over the port that is to be shut.
            return BackgroundTask(self._use_gate)
        await self._use_gate()
        return None

    async def _use_gate(self) -> None:
        """Shut or open the API's port as the outage asks, and again when it is over."""
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None
        if self._gate is None:
            return
        outage = self.provider.outage
        if outage is None or outage.kind is not Kind.REFUSED:
            await self._gate.open()
            return
        await self._gate.shut()
        if outage.until_s is not None:
            left_s = max(outage.until_s - self._clock.monotonic(), 0.0)
            self._reopening = asyncio.create_task(self._reopen(self._gate, left_s))

    @staticmethod
    async def _reopen(gate: Gate, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await gate.open()

    async def inbound(self, asked: dict[str, Any]) -> Response:
        """A text to our number."""
        message = self.provider.inbound(asked)
        return views.answer(
            {
                "message_id": message.id,
                "autoresponse_type": message.payload["autoresponse_type"],
                "webhook_url": message.payload["webhook_url"],
            },
            status=202,
        )

    async def signed(self, request: Request) -> Response:
        """Sign any bytes and post them to ?url=, else to the profile's webhook; what was answered."""
        url = request.query_params.get("url") or self.provider.settings.webhook_url
        if not url:
            return JSONResponse({"error": "the profile has no webhook: name ?url="}, 400)
        try:
            answer = await self.provider.deliverer.post_raw(url, await request.body())
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return JSONResponse({"error": type(exc).__name__}, 502)
        return views.answer({"http_status": answer.status_code, "body": answer.text})

    async def profile(self, _request: Request) -> Response:
        """The profile as the portal shows it: its webhooks, whether it is on, and whether it has our numbers."""
        return views.answer(views.profile(self.provider.settings))

    async def set_profile(self, asked: dict[str, Any]) -> Response:
        """Change the profile, as in the portal."""
        settings = self.provider.settings
        if unknown := asked.keys() - views.profile(settings).keys():
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        settings.webhook_url = asked.get("webhook_url", settings.webhook_url)
        settings.failover_url = asked.get("failover_url", settings.failover_url)
        settings.webhook_api_version = str(asked.get("webhook_api_version", settings.webhook_api_version))
        settings.profile_enabled = bool(asked.get("enabled", settings.profile_enabled))
        settings.assigned = bool(asked.get("assigned", settings.assigned))
        return views.answer(views.profile(settings))

    async def reset(self, _request: Request) -> Response:
        """Forget everything but the profile."""
        await self.provider.reset()
        return Response(status_code=204, background=await self._using_gate())


def _controlled(
    endpoint: Callable[[dict[str, Any]], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def checked(request: Request) -> Response:
        try:
            asked = json.loads(await request.body())
            if not isinstance(asked, dict):
                raise BadFault("the body must be a JSON object")
            return await endpoint(asked)
        except ValueError:
            return JSONResponse({"error": "the body must be JSON"}, 400)
        except BadFault as exc:
            return JSONResponse({"error": str(exc)}, 400)

    return checked
