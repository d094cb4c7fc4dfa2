"""The HTTP face: the provider's API under /v2, the control API under /_provider, the handset at /."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from nacl.signing import SigningKey
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import errors
from .clock import Clock
from .errors import ApiError, Refused
from .faults import BadFault, Faults
from .keys import public_key
from .ledger import Journal, Ledger, Message
from .outages import Kind
from .outcomes import OUTCOMES, Reply
from .provider import ORGANIZATION_ID, Answer, Provider, Raw, Settings, dump, refusal
from .webhooks import Deliverer

CONSOLE = Path(__file__).with_name("console.html")
HANG_S = 120.0  # after which even a hanging request is let go
MDR_STATUS = {
    "delivered": "delivered",
    "delivery_failed": "failed",
    "sending_failed": "gw_reject",
    "expired": "gw_timeout",
    "delivery_unconfirmed": "dlr_unconfirmed",
    "cancelled": "failed",
}
DETAIL_FILTERS = frozenset(
    {"record_type", "cld", "cli", "uuid", "direction", "status", "created_at", "date_range"}
)

NUMBER_FILTERS = frozenset({"phone_number", "messaging_profile_id"})


@dataclass(slots=True)
class Gate:
    """The API's port: `shut` lets it refuse connections as if nothing listened, until `open`."""

    shut: Callable[[], Awaitable[None]]
    open: Callable[[], Awaitable[None]]


class Connections(dict[tuple[str, int], asyncio.Transport]):
    """Open connections by the peer's address, so that an answer can be cut off below HTTP."""


@dataclass(slots=True)
class Options:
    """Everything the program is started with. Times are seconds."""

    settings: Settings
    key: SigningKey
    state_dir: Path | None = None
    webhook_timeout_s: float = 2.0
    retry_s: float = 1.0
    concurrency: int = 8
    clock: Clock = field(default_factory=Clock)


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


class Site:
    """The routes over one provider."""

    def __init__(
        self, options: Options, connections: Connections, stopping: asyncio.Event, gate: Gate | None
    ) -> None:
        self._options, self._connections, self._stopping = options, connections, stopping
        self._gate = gate
        self._reopening: asyncio.Task[None] | None = None
        self._clock = options.clock
        self._provider: Provider | None = None

    @property
    def provider(self) -> Provider:
        """The provider, which exists from start-up on."""
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
                concurrency=options.concurrency,
            )
            ledger = Ledger(journal)
            self._provider = Provider(options.settings, ledger, faults, deliverer, options.clock)
            self._provider.resume()
            try:
                yield
            finally:
                if self._reopening is not None:
                    self._reopening.cancel()
                await self._provider.stop()
                ledger.close()

    def routes(self) -> list[Route]:
        """Every route, the provider's own first."""
        api, control = self._authorised, _controlled
        return [
            Route("/v2/messages", self.send, methods=["POST"]),
            Route("/v2/messages/long_code", self.send, methods=["POST"]),
            Route("/v2/messages/{id}", api(self.message), methods=["GET"]),
            Route("/v2/messages/{id}", api(self.cancel), methods=["DELETE"]),
            Route("/v2/detail_records", api(self.detail_records)),
            Route("/v2/messaging_optouts", api(self.optouts)),
            Route("/v2/balance", api(self.balance)),
            Route("/v2/phone_numbers/messaging", api(self.numbers)),
            Route("/v2/messaging_profiles/{id}", api(self.messaging_profile)),
            Route("/", self.console),
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
        ]

    # --- the provider's API ----------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """POST /v2/messages and /v2/messages/long_code."""
        stamp: Stamp = request.scope["provider.arrived"]
        raw = Raw(
            path=request.url.path,
            authorization=request.headers.get("authorization"),
            idempotency_key=request.headers.get("idempotency-key"),
            body=await request.body(),
            arrived_ms=stamp.wall_ms,
            arrived_monotonic_ms=stamp.monotonic_ms,
        )
        return Wire(await self.provider.send(raw), self._connections, self._stopping)

    async def message(self, request: Request) -> Response:
        """GET /v2/messages/{id}, for messages of the last 10 days."""
        found = self.provider.ledger.message(request.path_params["id"], self._clock.wall())
        if found is None or found.kind == "autoresponse":
            raise Refused(errors.NOT_FOUND)
        return _json({"data": found.payload})

    async def cancel(self, request: Request) -> Response:
        """DELETE /v2/messages/{id}, for scheduled messages."""
        return _json(self.provider.cancel(request.path_params["id"]))

    async def detail_records(self, request: Request) -> Response:
        """GET /v2/detail_records: what became of messages, by number. Queued ones don't show."""
        asked = _filters(request.query_params)
        if asked.get("record_type") != "messaging":
            raise Refused(errors.BAD_REQUEST.saying("filter[record_type] must be messaging here."))
        if unknown := asked.keys() - DETAIL_FILTERS:
            raise Refused(errors.BAD_REQUEST.saying(f"unknown filter: {sorted(unknown)[0]}"))
        records = [
            _detail_record(message)
            for message in self._newest(
                "text" if asked.get("direction", "outbound") == "outbound" else "inbound",
                to=asked.get("cld"),
                sender=asked.get("cli"),
            )
            if message.status not in ("queued", "scheduled")
        ]
        records = _sorted(_since(records, request.query_params), request.query_params)
        for name in ("uuid", "status"):
            if name in asked:
                records = [record for record in records if record[name] == asked[name]]
        return _page(records, request.query_params)

    async def optouts(self, request: Request) -> Response:
        """GET /v2/messaging_optouts."""
        settings, asked = self.provider.settings, _filters(request.query_params)
        rows = [
            {
                "from": settings.numbers[0],
                "to": number,
                "keyword": row["keyword"],
                "messaging_profile_id": settings.profile_id,
                "created_at": row["created_at"],
            }
            for number, row in self.provider.ledger.optouts.items()
        ]
        for name in ("from", "messaging_profile_id"):
            if name in asked:
                rows = [row for row in rows if row[name] == asked[name]]
        return _page(rows, request.query_params)

    async def balance(self, _request: Request) -> Response:
        """GET /v2/balance."""
        return _json(
            {
                "data": {
                    "record_type": "balance",
                    "balance": "100.00",
                    "credit_limit": "0.00",
                    "available_credit": "100.00",
                    "pending": "0.00",
                    "currency": "USD",
                }
            }
        )

    async def numbers(self, request: Request) -> Response:
        """GET /v2/phone_numbers/messaging: the account's numbers, or of them those in filter[phone_number]."""
        settings, asked = self.provider.settings, _filters(request.query_params)
        if unknown := asked.keys() - NUMBER_FILTERS:
            raise Refused(errors.BAD_REQUEST.saying(f"unknown filter: {sorted(unknown)[0]}"))
        profile_id = settings.profile_id if settings.assigned else None
        wanted = asked["phone_number"].split(",") if "phone_number" in asked else settings.numbers
        if asked.get("messaging_profile_id", profile_id) != profile_id:
            wanted = ()
        two_way = {
            "domestic_two_way": True,
            "international_inbound": False,
            "international_outbound": False,
        }
        rows: list[dict[str, Any]] = [
            {
                "record_type": "messaging_settings",
                "id": str(number_id),
                "phone_number": number,
                "messaging_profile_id": profile_id,
                "organization_id": ORGANIZATION_ID,
                "country_code": "US",
                "type": "longcode",
                "eligible_messaging_products": ["A2P"],
                "messaging_product": "A2P",
                "traffic_type": "A2P",
                "tags": [],
                "features": {"sms": two_way, "mms": None},
            }
            for number_id, number in enumerate(settings.numbers, 1293384261075731499)
            if number in wanted
        ]
        return _page(rows, request.query_params)

    async def messaging_profile(self, request: Request) -> Response:
        """GET /v2/messaging_profiles/{id}."""
        settings = self.provider.settings
        if request.path_params["id"] != settings.profile_id:
            raise Refused(errors.NOT_FOUND)
        return _json(
            {
                "data": {
                    "record_type": "messaging_profile",
                    "id": settings.profile_id,
                    "organization_id": ORGANIZATION_ID,
                    "name": "Simulated profile",
                    "enabled": settings.profile_enabled,
                    "webhook_url": settings.webhook_url,
                    "webhook_failover_url": settings.failover_url,
                    "webhook_api_version": settings.webhook_api_version,
                    "whitelisted_destinations": ["*"],
                    "number_pool_settings": None,
                    "url_shortener_settings": None,
                    "daily_spend_limit": "100.00",
                    "daily_spend_limit_enabled": False,
                    "mms_fall_back_to_sms": False,
                    "mms_transcoding": False,
                    "mobile_only": False,
                    "smart_encoding": False,
                }
            }
        )

    def _authorised(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            if answer := self.provider.in_outage():
                # Read, so that all that is left to come is the caller's going away.
                await request.body()
                return Wire(answer, self._connections, self._stopping)
            headers, within = self.provider.limit_headers()
            try:
                if not self.provider.authorised(request.headers.get("authorization")):
                    raise Refused(errors.UNAUTHENTICATED)
                if not within:
                    raise Refused(errors.TOO_MANY_REQUESTS)
                response = await endpoint(request)
            except Refused as exc:
                response = _refused(*exc.errors)
            response.headers.update(headers)
            return response

        return checked

    def _newest(
        self, kind: str | None = None, *, to: str | None = None, sender: str | None = None
    ) -> list[Message]:
        return [
            message
            for message in reversed(self.provider.ledger.messages.values())
            if kind in (None, message.kind) and to in (None, message.to) and sender in (None, message.sender)
        ]

    # --- the control API ------------------------------------------------------------------------

    async def requests(self, request: Request) -> Response:
        """The send requests in order of arrival: ?to=, ?limit= (the latest), ?after= (a seq)."""
        asked = request.query_params
        to, after = asked.get("to"), int(asked.get("after", 0))
        log = self.provider.ledger.requests
        wanted = (r for r in reversed(log) if r.seq > after and to in (None, r.to))
        rows = [r.public() for r in islice(wanted, _limit(asked))]
        return _json({"total": len(log), "requests": rows[::-1]})

    async def messages(self, request: Request) -> Response:
        """The messages, oldest first: ?to=, ?limit=."""
        asked = request.query_params
        rows = self._newest(to=asked.get("to"))[: _limit(asked)]
        return _json({"messages": [_summary(message) for message in rows[::-1]]})

    async def webhooks(self, request: Request) -> Response:
        """Every delivery attempt, oldest first: ?message_id=, ?number=, ?limit=."""
        asked = request.query_params
        rows = [
            row
            for row in self.provider.deliverer.log
            if asked.get("message_id") in (None, row["message_id"])
            and asked.get("number") in (None, row["number"])
        ]
        limit = _limit(asked)
        return _json(
            {
                "pending": self.provider.pending,
                "webhooks": rows if limit is None else rows[-limit:],
            }
        )

    async def recipients(self, _request: Request) -> Response:
        """Each number's accepted texts and the smallest gap between two of them, in ms."""
        return _json(
            {
                number: {"count": recipient.count, "smallest_gap_ms": _gap(recipient.gap_ms)}
                for number, recipient in self.provider.ledger.recipients.items()
            }
        )

    async def threads(self, request: Request) -> Response:
        """The conversations for the handset, the latest first: ?limit= (default 40)."""
        ledger = self.provider.ledger
        numbers = islice(reversed(ledger.recipients), _limit(request.query_params) or 40)
        rows = []
        for number in numbers:
            recipient = ledger.recipients[number]
            rows.append(
                {
                    "number": number,
                    "count": recipient.count,
                    "smallest_gap_ms": _gap(recipient.gap_ms),
                    "opted_out": number in ledger.optouts,
                    "texts": [
                        _summary(ledger.messages[message_id])
                        for message_id in recipient.message_ids
                        if message_id in ledger.messages
                    ],
                }
            )
        return _json(
            {
                "numbers": self.provider.settings.numbers,
                "public_key": public_key(self._options.key),
                "total": len(ledger.recipients),
                "threads": rows,
            }
        )

    async def outcomes(self, _request: Request) -> Response:
        """The table of magic numbers."""
        return _json({"outcomes": [{"name": o.name, "suffix": o.suffix, "summary": o.summary} for o in OUTCOMES]})

    async def faults(self, _request: Request) -> Response:
        """What is programmed to go wrong."""
        settings = self.provider.settings
        return _json(
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
        """Somebody texts our number."""
        message = self.provider.inbound(asked)
        return _json(
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
        return _json({"http_status": answer.status_code, "body": answer.text})

    async def profile(self, _request: Request) -> Response:
        """The profile as the portal shows it: its webhooks, whether it is on, and whether it has our numbers."""
        return _json(_profile(self.provider.settings))

    async def set_profile(self, asked: dict[str, Any]) -> Response:
        """Change the profile, as somebody does in the portal."""
        settings = self.provider.settings
        if unknown := asked.keys() - _profile(settings).keys():
            raise BadFault(f"unknown: {', '.join(sorted(unknown))}")
        settings.webhook_url = asked.get("webhook_url", settings.webhook_url)
        settings.failover_url = asked.get("failover_url", settings.failover_url)
        settings.webhook_api_version = str(asked.get("webhook_api_version", settings.webhook_api_version))
        settings.profile_enabled = bool(asked.get("enabled", settings.profile_enabled))
        settings.assigned = bool(asked.get("assigned", settings.assigned))
        return _json(_profile(settings))

    async def reset(self, _request: Request) -> Response:
        """Forget everything but the profile."""
        await self.provider.reset()
        return Response(status_code=204, background=await self._using_gate())

    async def console(self, _request: Request) -> Response:
        """The handset."""
        return Response(CONSOLE.read_bytes(), media_type="text/html; charset=utf-8")


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
        return _refused(fault)

    app = Starlette(routes=site.routes(), lifespan=site.lifespan, exception_handlers={HTTPException: not_found})
    return stamped(app, options.clock)


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


def _json(value: Any, status: int = 200) -> Response:
    return Response(dump(value), status, media_type="application/json")


def _refused(*faults: ApiError) -> Response:
    answer = refusal(*faults)
    return Response(answer.body, answer.status, answer.headers, "application/json")


def _limit(query: Mapping[str, str]) -> int | None:
    return int(query["limit"]) if query.get("limit", "").isdigit() else None


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    return {
        name[len("filter[") :].split("]")[0]: value for name, value in query.items() if name.startswith("filter[")
    }


def _since(records: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Those of the time that filter[created_at][gte] and [lt] ask for: days or moments in ISO 8601, UTC."""
    since, until = query.get("filter[created_at][gte]", ""), query.get("filter[created_at][lt]", "~")
    return [record for record in records if since <= record["created_at"] < until]


def _sorted(records: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    order = query.get("sort", "-created_at")
    if order not in ("created_at", "-created_at"):
        raise Refused(errors.BAD_REQUEST.saying(f"cannot sort by {order}"))
    return sorted(records, key=lambda record: str(record["created_at"]), reverse=order.startswith("-"))


def _page(rows: list[dict[str, Any]], query: Mapping[str, str]) -> Response:
    try:
        number, size = int(query.get("page[number]", 1)), int(query.get("page[size]", 20))
    except ValueError as exc:
        raise Refused(errors.BAD_REQUEST) from exc
    number, size = max(number, 1), min(max(size, 1), 50)
    meta = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(rows) // size),
        "total_results": len(rows),
    }
    return _json({"data": rows[(number - 1) * size : number * size], "meta": meta})


def _profile(settings: Settings) -> dict[str, Any]:
    return {
        "webhook_url": settings.webhook_url,
        "failover_url": settings.failover_url,
        "webhook_api_version": settings.webhook_api_version,
        "enabled": settings.profile_enabled,
        "assigned": settings.assigned,
    }


def _gap(gap_ms: float | None) -> float | None:
    return None if gap_ms is None else round(gap_ms, 3)


def _summary(message: Message) -> dict[str, Any]:
    payload = message.payload
    return {
        "id": message.id,
        "kind": message.kind,
        "direction": payload["direction"],
        "from": message.sender,
        "to": message.to,
        "text": payload["text"],
        "status": message.status,
        "errors": payload["errors"],
        "outcome": message.outcome,
        "webhook_url": payload["webhook_url"],
        "parts": payload.get("parts"),
        "at_ms": round(message.at_s * 1000, 3),
    }


def _detail_record(message: Message) -> dict[str, Any]:
    payload = message.payload
    return {
        "record_type": "message_detail_record",
        "uuid": message.id,
        "cld": message.to,
        "cli": message.sender,
        "direction": payload["direction"],
        "message_type": payload["type"],
        "parts": payload["parts"],
        "cost": payload["cost"]["amount"],
        "currency": payload["cost"]["currency"],
        "profile_id": payload["messaging_profile_id"],
        "status": "received" if message.kind == "inbound" else MDR_STATUS.get(message.status),
        "delivery_status": message.status,
        "delivery_status_webhook_url": payload["webhook_url"],
        "delivery_status_failover_url": payload["webhook_failover_url"],
        "errors": [error["code"] for error in payload["errors"]],
        "created_at": payload["received_at"],
        "sent_at": payload["sent_at"],
        "completed_at": payload["completed_at"],
    }
