"""The real handlers over the fakes as an API for an HTTP client: a transport for httpx, with faults on the way.

It is the gateway: it knows one key, routes by the one table, and may lose a request, its answer, or what it says.
"""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httpx

from longcode.client import AsyncClient, Client
from longcode.entrypoints.routes import ROUTES, Route
from tests.support.fakes import Reply, World, call

URL, KEY = "https://api.invalid/v1", "a-key-of-our-programs-4711"
# Which function serves a path: the first that it begins with.
FUNCTIONS = {
    "/sms/send": "send",
    "/sms/queue/process": "process",
    "/sms/queue": "queue",
    "/sms/batch": "queue",
    "/sms/preview": "queue",
    "/sms/status": "status",
    "/sms/messages": "messages",
    "/sms/tags": "tags",
    "/sms/recipients": "recipients",
    "/sms/optouts": "optouts",
    "/health": "health",
}

# What befalls a request: given it and what carries it out, it answers, or raises in the place of an answer.
Fault = Callable[[httpx.Request, Callable[[], httpx.Response]], httpx.Response]


def lost_answer(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    """It is carried out, and no one hears of it."""
    serve()
    raise httpx.ReadError("connection reset")


def lost_request(_request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    """It may have been carried out, for all that the client knows."""
    raise httpx.ReadTimeout("timed out")


def no_connection(_request: httpx.Request, _serve: Callable[[], httpx.Response]) -> httpx.Response:
    """It never left."""
    raise httpx.ConnectError("connection refused")


def proxy_page(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    """It is carried out, and a page of something between is the answer."""
    serve()
    return httpx.Response(200, text="<html>Please wait</html>")


def gateway_timeout(_request: httpx.Request, serve: Callable[[], httpx.Response]) -> httpx.Response:
    """It is carried out, after the gateway has given up."""
    serve()
    return httpx.Response(504, json={"error": "Something failed on our side.", "code": "internal_error"})


def answered(status: int, code: str, **headers: str) -> Fault:
    """It is not carried out, and refused so."""
    fields = {"error": "Not now.", "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request, _serve: httpx.Response(status, json=fields, headers=named)


@dataclass
class Bridge:
    """The gateway before a world. `faults` befall the next requests, one each; None is none."""

    world: World
    faults: list[Fault | None] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else None
        return fault(request, lambda: self._serve(request)) if fault else self._serve(request)

    @property
    def keys(self) -> list[str]:
        """The idempotency keys of the requests."""
        return [request.headers.get("idempotency-key", "") for request in self.requests]

    def _serve(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("x-api-key") != KEY:
            return httpx.Response(403, json={"error": "Send a valid API key.", "code": "forbidden"})
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/v1")
        route, parameters = found_route(request.method, path)
        self.world.clock.pass_ms(1)
        event = call(
            route.method,
            route.path,
            request.content or None,
            parameters=parameters,
            # `call` has a content-type of its own.
            headers={name: value for name, value in request.headers.items() if name != "content-type"},
            query=dict(request.url.params),
        )
        reply = Reply.of(self.world.invoke(function_of(route.path), event))
        return httpx.Response(reply.status, json=reply.fields, headers=reply.headers)

    # Any: what else a client takes.
    def client(self, **options: Any) -> Client:
        """A client of it, whose waits are the world's."""
        return Client(URL, KEY, transport=httpx.MockTransport(self), sleep=self._sleep, **self._options(options))

    def async_client(self, **options: Any) -> AsyncClient:
        """The same for asyncio."""

        async def sleep(seconds: float) -> None:
            self._sleep(seconds)

        return AsyncClient(URL, KEY, transport=httpx.MockTransport(self), sleep=sleep, **self._options(options))

    def _options(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"clock": lambda: self.world.clock.now_ms() / 1000, "jitter": lambda: 1.0} | given

    def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.world.clock.pass_ms(round(seconds * 1000))


def found_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of the table that a request is for, the literal one first, and what its path has, not escaped."""
    for route in sorted(ROUTES, key=lambda one: "{" in one.path):
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route.path)
        if route.method == method and (fitting := re.fullmatch(pattern, path)):
            return route, {name: unquote(value) for name, value in fitting.groupdict().items()}
    raise AssertionError(f"There is no route {method} {path}.")


def function_of(path: str) -> str:
    """Which function serves a path."""
    return next(name for start, name in FUNCTIONS.items() if path.startswith(start))


def finished[T](coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to that waits for nothing outside of this process."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    raise AssertionError("It waits for something else.")
