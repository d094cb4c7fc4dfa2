"""The flight recorder of the local stack: the latest texts, and the way of each, live while it is under way."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from longcode.domain.errors import InvalidRequest
from longcode_cli.terminal import now_ms
from longcode_cli.trace import page as trace_page
from longcode_cli.trace import recorder

from ..context import Context, ask
from ..live import Live
from ..pages import page, refuse
from .lists import latest
from .reading import Following

# What a file that is written by the command is made of: the page of the console draws with the same.
ASSETS = ("scale.js", "parts.js", "trace.js", "trace.css")
# A query of the logs takes up to 30 s.
_PATIENCE_S = 45.0
_EVERY_S = 1.5


def routes(context: Context) -> list[Route]:
    """The pages at /texts and /texts/{id}, and what they show."""
    return [
        Route("/texts", _texts),
        Route("/texts/{id}", _text),
        Route("/api/texts", _Texts(context).live),
        *_Ways(context).routes,
        *(Route(f"/static/trace/{name}", _asset) for name in ASSETS),
    ]


async def _texts(request: Request) -> Response:
    return page(request, "texts.html")


async def _text(request: Request) -> Response:
    return page(request, "text.html", ident=request.path_params["id"])


async def _asset(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return FileResponse(str(trace_page.path(name)))


class _Texts:
    """The list of the latest texts, by the filter of the one who looks."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def live(self, request: Request) -> Response:
        asked = {name: value for name, value in request.query_params.items() if value}
        try:
            await run_in_threadpool(ask, latest, self._context.service, asked, now_ms())
        except InvalidRequest as exc:
            return refuse(str(exc), field=exc.field)
        live = Live(lambda: run_in_threadpool(ask, latest, self._context.service, asked, now_ms()), _EVERY_S)
        return await live.answer(request)


class _Ways:
    """The way of a text, as it is now, as it goes on, and as a file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.routes = [
            Route("/api/texts/{id}/trace", self.now),
            Route("/api/texts/{id}/live", self.live),
            Route("/texts/{id}/trace.html", self.file),
        ]

    async def now(self, request: Request) -> Response:
        found = await Following(self._context, request.path_params["id"]).read()
        return _no_text() if found is None else JSONResponse(found)

    async def live(self, request: Request) -> Response:
        following = Following(self._context, request.path_params["id"])
        if await following.read() is None:
            return _no_text()
        return await Live(following.read, _EVERY_S, _PATIENCE_S).answer(request)

    async def file(self, request: Request) -> Response:
        """As `longcode status ID --trace` writes it: with masked numbers, so that it can be shared."""
        ident = request.path_params["id"]
        found = await run_in_threadpool(ask, recorder.follow, self._context.service, ident, now_ms())
        if found is None:
            return _no_text()
        name = f'attachment; filename="text-{found.ident[:8]}.html"'
        return HTMLResponse(trace_page.page(found), headers={"content-disposition": name})


def _no_text() -> Response:
    return refuse("There is no such text on this stack.", 404, "id")
