"""The handset: phones that the stack's number texts, and what waits for them."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .context import Context
from .live import Live
from .pages import page


def routes(context: Context) -> list[Route]:
    """The page at /, and what it shows."""

    async def shown(request: Request) -> Response:
        return page(request, "handset.html", number=context.stack.from_number)

    # Any: JSON of the simulator.
    async def read() -> dict[str, Any]:
        if context.simulator is None:
            return {"threads": [], "total": 0}
        found: dict[str, Any] = (
            (await context.simulator.get("/_provider/threads", params={"limit": 40})).raise_for_status().json()
        )
        return found

    return [Route("/", shown), Route("/api/handset", Live(read).answer)]
