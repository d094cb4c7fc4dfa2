"""What a page of the console may load, and who may call it: itself, and pages of this machine's own console."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_READING = ("GET", "HEAD")
_JSON = "application/json"


class Guard:
    """Refuses what another site's page asks for, and sends the security headers with each answer.

    A page of the internet may call 127.0.0.1, and its own name may lead there. So the Host must be a name of this
    machine, and a call that changes something must come from a page of this console, or from no page at all.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        problem = _problem(scope["method"], Headers(scope=scope))
        app = JSONResponse({"error": problem}, 403) if problem else self._app
        await app(scope, receive, _with_headers(send))


def _problem(method: str, headers: Headers) -> str | None:
    host = headers.get("host", "")
    if _name_of(host) not in HOSTS:
        return "The console answers to 127.0.0.1 and localhost only."
    if method in _READING:
        return None
    if headers.get("origin", f"http://{host}") != f"http://{host}":
        return "Another site's page may not change anything here."
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return "Another site's page may not change anything here."
    if headers.get("content-type", _JSON).partition(";")[0].strip().lower() != _JSON:
        return "The body is to be application/json."
    return None


def _name_of(host: str) -> str | None:
    try:
        return URL(f"http://{host}").hostname
    except ValueError:  # half of an IPv6 address
        return None


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
