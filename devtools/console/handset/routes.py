"""The routes of the handset: its page, the stream of what it shows, and what a person does there."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from longcode.domain.phone import is_e164

from ..context import Context, ask
from ..live import Live
from ..pages import page, refuse
from . import acts, provider, service, texts
from .provider import Provider

# So many phones are looked at by several pages at a time.
_NUMBERS_SHOWN = 20
_EVERY_S = 0.5
_SERVICE_EVERY_S = 1.0
_PATIENCE_S = 0.25


def routes(context: Context) -> list[Route]:
    """The page at /, what it shows, and what it does."""
    phones = Provider(context.simulator) if context.simulator else None

    async def shown(request: Request) -> Response:
        return page(
            request,
            "handset.html",
            number=context.stack.from_number,
            simulated=phones is not None,
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
        Route("/api/handset", Streams(context, phones).answer),
        *texts.routes(context),
        *acts.routes(context, phones),
    ]


class Streams:
    """Server-sent events of all phones, of all that waits, and of both sides of the phone that is looked at.

    One stream has all of it, as a browser keeps only six connections to a host.
    """

    def __init__(self, context: Context, phones: Provider | None) -> None:
        self._phones = phones
        self._people = service.People(context.service)
        self._waiting = Latest(lambda: asyncio.to_thread(ask, service.waiting, context.service))
        self._shown: OrderedDict[str, Live] = OrderedDict()

    async def answer(self, request: Request) -> Response:
        """The endpoint: ?number= is the phone that is looked at."""
        number = request.query_params.get("number", "")
        if not is_e164(number):
            return no_number("number")
        live = self._shown.pop(number, None) or Live(lambda: self.read(number), _EVERY_S)
        self._shown[number] = live
        if len(self._shown) > _NUMBERS_SHOWN:
            self._shown.popitem(last=False)
        return await live.answer(request)

    # Any: JSON of the page.
    async def read(self, number: str) -> dict[str, Any]:
        """What the page shows while it looks at the phone `number`."""
        waiting, said = self._waiting.now(), asyncio.to_thread(ask, self._people.of, number)
        if self._phones is None:
            held, stored = await asyncio.gather(waiting, said)
            return {"number": number, "service": held, "texts": stored, "provider": None, "arrived": []}
        phones = self._phones
        held, stored, seen, arrived = await asyncio.gather(waiting, said, phones.phones(), phones.texts(number))
        return {"number": number, "service": held, "texts": stored, "provider": seen, "arrived": arrived}


class Latest:
    """What `read` answered last. A reading that takes long holds up no phone: it is shown when it is there."""

    def __init__(self, read: Callable[[], Awaitable[Any]], every_s: float = _SERVICE_EVERY_S) -> None:
        self._read = read
        self._every_s = every_s
        self._task: asyncio.Task[Any] | None = None
        self._found: Any = None
        self._at = float("-inf")

    async def now(self) -> Any:
        """It, read anew once it is older than `every_s`. Raises what `read` raises."""
        if self._task is None and time.monotonic() - self._at >= self._every_s:
            self._task = asyncio.create_task(_awaited(self._read))
        if self._task is not None:
            await asyncio.wait([self._task], timeout=None if self._found is None else _PATIENCE_S)
        if self._task is not None and self._task.done():
            task, self._task, self._at = self._task, None, time.monotonic()
            self._found = task.result()
        return self._found


async def _awaited(read: Callable[[], Awaitable[Any]]) -> Any:
    return await read()


def no_number(field: str) -> Response:
    """The refusal of what is no phone number."""
    return refuse("Must be a number in E.164, as +12025550123.", field=field)
