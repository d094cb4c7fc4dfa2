"""Sending, looking beforehand and taking back: calls of the deployed API, whose answers pass through."""

import json
import re
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from longcode.domain.message import is_message_id

from ..context import Context
from ..pages import passed_on, refuse

# A server refuses a longer header, and does not say which.
_IN_A_HEADER = re.compile("[!-~]{1,1000}")
# Lambda takes no longer request.
_BODY_MOST = 6 * 1024 * 1024
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
        # A header could not carry any other; whether it is a good one is the API's to say.
        if key is not None and not (isinstance(key, str) and _IN_A_HEADER.fullmatch(key)):
            return refuse("Must be 1 to 1000 visible ASCII characters.", field="Idempotency-Key")
        headers = {"idempotency-key": key} if key is not None else {}
        return await called(context.api.post(f"/sms/{route}", json=wanted, headers=headers))

    async def take_back(request: Request) -> Response:
        ident = request.path_params["id"]
        return await called(context.api.delete(f"/sms/queue/{ident}")) if is_message_id(ident) else _no_text()

    return [
        Route("/api/handset/texts/{route}", post, methods=["POST"]),
        Route("/api/handset/waiting/{id}", take_back, methods=["DELETE"]),
    ]


def _no_text() -> Response:
    return refuse("There is no text with this id.", 404, "id")


# Any: JSON.
async def body_of(request: Request) -> dict[str, Any] | Response:
    """The body, a JSON object; or the refusal of any other."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_MOST:
            return refuse("The body is longer than 6 MiB.", 413, "body")
    try:
        asked = json.loads(body)
        # What Python reads and could not write again is no JSON: NaN, and half of a surrogate pair.
        json.dumps(asked, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return refuse("The body is to be JSON.", field="body")
    except RecursionError:
        return refuse("The body is nested too deeply.", field="body")
    return asked if isinstance(asked, dict) else refuse("The body is to be a JSON object.", field="body")


async def called(call: Any) -> Response:
    """The answer of a call, as it is; 502 where there is none."""
    try:
        answer: httpx.Response = await call
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        return refuse(f"No answer ({type(exc).__name__}). Does make up still run?", 502)
    return passed_on(answer)
