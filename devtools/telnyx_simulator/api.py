"""The provider's own API under /v2."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import errors, views
from .api_registration import RegistrationApi, messaging_number
from .clock import Clock
from .errors import Refused
from .provider import Provider
from .settings import ORGANIZATION_ID
from .validate import Raw
from .wire import Connections, Stamp, Wire

DETAIL_FILTERS = frozenset(
    {"record_type", "cld", "cli", "uuid", "direction", "status", "created_at", "date_range"}
)

NUMBER_FILTERS = frozenset({"phone_number", "messaging_profile_id"})


class Api:
    """Its routes."""

    def __init__(
        self, provider: Callable[[], Provider], connections: Connections, stopping: asyncio.Event, clock: Clock
    ) -> None:
        self._provider, self._connections, self._stopping, self._clock = provider, connections, stopping, clock
        self._registration = RegistrationApi(provider)

    @property
    def provider(self) -> Provider:
        """The provider, which exists from start-up on."""
        return self._provider()

    def routes(self) -> list[Route]:
        """Every route; all but sending ask for a key before anything else."""
        api = self._authorised
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
            *(Route(path, api(endpoint)) for path, endpoint in self._registration.endpoints()),
        ]

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
        return views.answer({"data": found.payload})

    async def cancel(self, request: Request) -> Response:
        """DELETE /v2/messages/{id}, for scheduled messages."""
        return views.answer(self.provider.cancel(request.path_params["id"]))

    async def detail_records(self, request: Request) -> Response:
        """GET /v2/detail_records: what became of messages, by number. Queued ones don't show."""
        asked = views.filters(request.query_params)
        if asked.get("record_type") != "messaging":
            raise Refused(errors.BAD_REQUEST.saying("filter[record_type] must be messaging here."))
        if unknown := asked.keys() - DETAIL_FILTERS:
            raise Refused(errors.BAD_REQUEST.saying(f"unknown filter: {sorted(unknown)[0]}"))
        records = [
            views.detail_record(message)
            for message in self.provider.ledger.newest(
                "text" if asked.get("direction", "outbound") == "outbound" else "inbound",
                to=asked.get("cld"),
                sender=asked.get("cli"),
            )
            if message.status not in ("queued", "scheduled")
        ]
        records = views.ordered(views.since(records, request.query_params), request.query_params)
        for name in ("uuid", "status"):
            if name in asked:
                records = [record for record in records if record[name] == asked[name]]
        return views.page(records, request.query_params)

    async def optouts(self, request: Request) -> Response:
        """GET /v2/messaging_optouts: who has sent STOP, the oldest first."""
        settings, query = self.provider.settings, request.query_params
        redacted = query.get("redaction_enabled") == "true"
        rows = [
            {
                "from": settings.numbers[0],
                "to": f"{number[:-4]}****" if redacted else number,
                "keyword": row["keyword"],
                "messaging_profile_id": settings.profile_id,
                "created_at": row["created_at"],
            }
            for number, row in self.provider.ledger.optouts.items()
        ]
        asked = views.filters(query)
        for name in ("from", "messaging_profile_id"):
            if name in asked:
                rows = [row for row in rows if row[name] == asked[name]]
        since, until = query.get("created_at[gte]", ""), query.get("created_at[lte]", "~")
        rows = [row for row in rows if since <= row["created_at"] <= until]
        return views.page(rows, query, most=250)

    async def balance(self, _request: Request) -> Response:
        """GET /v2/balance."""
        return views.answer(
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
        settings, asked = self.provider.settings, views.filters(request.query_params)
        if unknown := asked.keys() - NUMBER_FILTERS:
            raise Refused(errors.BAD_REQUEST.saying(f"unknown filter: {sorted(unknown)[0]}"))
        profile_id = settings.profile_id if settings.assigned else None
        wanted = asked["phone_number"].split(",") if "phone_number" in asked else settings.numbers
        if asked.get("messaging_profile_id", profile_id) != profile_id:
            wanted = ()
        rows = [messaging_number(settings, number) for number in settings.numbers if number in wanted]
        return views.page(rows, request.query_params)

    async def messaging_profile(self, request: Request) -> Response:
        """GET /v2/messaging_profiles/{id}."""
        settings = self.provider.settings
        if request.path_params["id"] != settings.profile_id:
            raise Refused(errors.NOT_FOUND)
        return views.answer(
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
                response = views.refused(*exc.errors)
            response.headers.update(headers)
            return response

        return checked
