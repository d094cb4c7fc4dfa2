"""The dashboard: the deployed one's own body, from the numbers of this stack."""

import asyncio
from functools import partial
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from devtools.console.context import Context
from devtools.console.live import Live
from devtools.console.pages import page, refuse
from devtools.console.reference import rendered
from devtools.local_stack.layout import ROOT

from . import view
from .feed import Feed
from .vendor import RULES_ID, SCRIPT, script, style_ids

# The name of a stretch of time → its length in minutes; None for all since the start, at most a day.
RANGES: dict[str, int | None] = {"15m": 15, "1h": 60, "3h": 180, "start": None}
# What takes longer to work out is worked out less often.
EVERY_S = {"15m": 2.0, "1h": 2.0, "3h": 4.0, "start": 8.0}
# The documents that the dashboard and its alarms link to.
DOCUMENTS = {"operations": "Operations", "metrics": "Metrics"}
DOCS = ROOT / "docs"
PICTURES = {path.name for path in DOCS.glob("*.svg")}


def routes(context: Context) -> list[Route]:
    """The page at /dashboard, what it shows, and what it links to."""
    feed = Feed(context.stack)
    lives = {name: Live(partial(_read, feed, minutes), EVERY_S[name]) for name, minutes in RANGES.items()}

    async def shown(request: Request) -> Response:
        return page(request, "dashboard.html", rules_id=RULES_ID, style_ids=style_ids(), script=SCRIPT)

    async def numbers(request: Request) -> Response:
        live = lives.get(request.query_params.get("range", "15m"))
        if live is None:
            return refuse(f"One of {', '.join(RANGES)}.", 400, "range")
        return await live.answer(request)

    async def document(request: Request) -> Response:
        name = request.path_params["document"]
        if name in PICTURES:
            return FileResponse(DOCS / name)
        if name not in DOCUMENTS:
            return refuse("There is no such document here.", 404)
        text = await asyncio.to_thread((DOCS / f"{name}.md").read_text, "utf-8")
        return page(request, "document.html", title=DOCUMENTS[name], body=Markup(rendered(text)))

    return [
        Route("/dashboard", shown),
        Route("/dashboard/{document}", document),
        Route("/api/dashboard", numbers),
        Route(SCRIPT, script),
    ]


# Any: JSON of the page.
async def _read(feed: Feed, minutes: int | None) -> dict[str, Any]:
    return await asyncio.to_thread(lambda: view.shown(feed.scene(minutes)))
