"""Sending, looking beforehand and taking back: calls of the deployed API, whose answers pass through."""

import json
from typing import Any
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..context import Context
from ..pages import passed_on, refuse

ROUTES = ("send", "queue", "batch", "preview")


def routes(context: Context) -> list[Route]:
    """The endpoints that call the API in the page's name."""

    async def post(request: Request) -> Response:
        route = request.path_params["route"]
        if route not in ROUTES:
            return refuse(f"There are only {', '.join(ROUTES)}.", 404)
        asked = await body_of(request)
        if isinstance(asked, Response):
            return asked
        wanted, key = asked.get("request"), asked.get("idempotency_key")
        headers = {"idempotency-key": str(key)} if key else {}
        if not "".join(headers.values()).isascii():
            return refuse("Must be visible ASCII characters.", field="Idempotency-Key")
        return await called(context.api.post(f"/sms/{route}", json=wanted, headers=headers))

    async def take_back(request: Request) -> Response:
        return await called(context.api.delete(f"/sms/queue/{quote(request.path_params['id'], safe='')}"))

    async def change(request: Request) -> Response:
        asked = await body_of(request)
        if isinstance(asked, Response):
            return asked
        url = f"/sms/queue/{quote(request.path_params['id'], safe='')}"
        return await called(context.api.patch(url, json=asked))

    return [
        Route("/api/handset/texts/{route}", post, methods=["POST"]),
        Route("/api/handset/waiting/{id}", take_back, methods=["DELETE"]),
        Route("/api/handset/waiting/{id}", change, methods=["PATCH"]),
    ]


# Any: JSON.
async def body_of(request: Request) -> dict[str, Any] | Response:
    """The body, a JSON object; or the refusal of any other."""
    try:
        asked = json.loads(await request.body())
    except ValueError:
        return refuse("The body is to be JSON.", field="body")
    return asked if isinstance(asked, dict) else refuse("The body is to be a JSON object.", field="body")


async def called(call: Any) -> Response:
    """The answer of a call, as it is; 502 where there is none."""
    try:
        answer: httpx.Response = await call
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        return refuse(f"No answer ({type(exc).__name__}). Does make up still run?", 502)
    return passed_on(answer)
