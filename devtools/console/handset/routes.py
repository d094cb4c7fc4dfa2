"""The routes of the handset: its page, three streams of what it shows, and what a person does there."""

import asyncio
from collections import OrderedDict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longcode.domain.phone import is_e164

from ..context import Context
from ..live import Live
from ..pages import page, refuse
from . import acts, provider, service, texts
from .provider import Provider

# So many phones are looked at by several pages at a time.
_PEOPLE_SHOWN = 20
_PHONES_EVERY_S = 0.5
_SERVICE_EVERY_S = 1.0


def routes(context: Context) -> list[Route]:
    """The page at /, what it shows, and what it does."""
    phones = Provider(context.simulator) if context.simulator else None

    async def shown(request: Request) -> Response:
        return page(
            request,
            "handset.html",
            number=context.stack.from_number,
            simulated=phones is not None,
            validity=context.stack.parameters.get("ValidityMinutes"),
        )

    async def chosen_from(_request: Request) -> Response:
        return JSONResponse(provider.choices())

    async def facts(request: Request) -> Response:
        number = request.query_params.get("number", "")
        return JSONResponse(provider.facts_of(number)) if is_e164(number) else no_number("number")

    return [
        Route("/", shown),
        Route("/api/handset/choices", chosen_from),
        Route("/api/handset/facts", facts),
        *Streams(context, phones).routes(),
        *texts.routes(context),
        *acts.routes(context, phones),
    ]


class Streams:
    """Server-sent events: all phones, all that waits, and both sides of one phone."""

    def __init__(self, context: Context, phones: Provider | None) -> None:
        self._context, self._phones = context, phones
        self._people = service.People(context.service)
        self._talks: OrderedDict[str, Live] = OrderedDict()

    def routes(self) -> list[Route]:
        """Their endpoints."""
        return [
            Route("/api/handset/phones", Live(self._all_phones, _PHONES_EVERY_S).answer),
            Route("/api/handset/service", Live(self._waiting, _SERVICE_EVERY_S).answer),
            Route("/api/handset/talk", self._talk),
        ]

    # Any: JSON of the page.
    async def _all_phones(self) -> dict[str, Any]:
        return await self._phones.phones() if self._phones else {"phones": [], "total": 0}

    async def _waiting(self) -> dict[str, Any]:
        return await asyncio.to_thread(service.reading, service.waiting, self._context.service)

    async def _talk(self, request: Request) -> Response:
        number = request.query_params.get("number", "")
        if not is_e164(number):
            return no_number("number")
        live = self._talks.pop(number, None) or Live(lambda: self._both_sides(number), _PHONES_EVERY_S)
        self._talks[number] = live
        if len(self._talks) > _PEOPLE_SHOWN:
            self._talks.popitem(last=False)
        return await live.answer(request)

    async def _both_sides(self, number: str) -> dict[str, Any]:
        phones = self._phones
        stored = asyncio.to_thread(service.reading, self._people.of, number)
        if phones is None:
            return {"number": number, "provider": [], "service": await stored}
        arrived, said = await asyncio.gather(phones.texts(number), stored)
        return {"number": number, "provider": arrived, "service": said}


def no_number(field: str) -> Response:
    """The refusal of what is no phone number."""
    return refuse("Must be a number in E.164, as +12025550123.", field=field)
