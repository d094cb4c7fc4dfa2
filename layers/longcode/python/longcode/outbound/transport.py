"""HTTP that is over by a given moment, however slowly the other side answers."""

# The timeouts of httpx are for each wait for bytes: an answer that comes byte by byte never waits long, nor ends.
# Only a look-up of the name can't be cut short: that is the operating system's.

import math
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

# A request's extension: the moment of `time.monotonic()` by which its answer is read, or it fails as timed out.
DEADLINE = "deadline"

# A request's extension: how much of its answer's body is read. The response's extension TRUNCATED says whether
# there is more. Without it an answer of more than MOST_BYTES is an error.
AT_MOST = "at_most"
TRUNCATED = "truncated"

# No answer that we ask the provider for is a tenth as long, and one without an end would take all memory.
MOST_BYTES = 1024 * 1024

# The addresses of a name; raises httpcore.ConnectError where there are none.
Resolve = Callable[[str, int], list[str]]

# The one that holds for the request which this thread is making.
_until: ContextVar[float] = ContextVar("until", default=math.inf)

# A connection is tried at each address of a name in turn; less than this is no fair try.
_FAIR_TRY_S = 1.0


def client() -> httpx.Client:
    """A client for many threads whose requests may have a DEADLINE."""
    return httpx.Client(transport=Transport(httpx.create_ssl_context()))


class Transport(httpx.BaseTransport):
    """httpcore's pool under streams that know the deadline. It reads an answer whole, within that.

    `resolve` is how a name is looked up at each new connection, the operating system's way where none is given.
    """

    def __init__(self, ssl_context: SSLContext, resolve: Resolve | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=32,
            max_keepalive_connections=32,
            keepalive_expiry=5.0,
            network_backend=_Backend(resolve or addresses),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        token = _until.set(request.extensions.get(DEADLINE, math.inf))
        try:
            with _translated():
                answer = self._pool.handle_request(_for_the_pool(request))
                try:
                    content, truncated = _read(answer, request.extensions.get(AT_MOST))
                finally:
                    answer.close()
        finally:
            _until.reset(token)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(content),
            extensions={TRUNCATED: truncated},
        )

    def close(self) -> None:
        self._pool.close()


def addresses(host: str, port: int) -> list[str]:
    """The addresses of a name, by the operating system. Raises httpcore.ConnectError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise httpcore.ConnectError(str(exc)) from exc
    return [str(address[0]) for *_, address in found]


def _read(answer: httpcore.Response, at_most: int | None) -> tuple[bytes, bool]:
    """The body, and whether there is more of it."""
    content = bytearray()
    for part in answer.iter_stream():
        content += part
        if at_most is not None and len(content) > at_most:
            return bytes(content[:at_most]), True
        if at_most is None and len(content) > MOST_BYTES:
            raise httpcore.RemoteProtocolError("the answer is too long")
    return bytes(content), False


def _for_the_pool(request: httpx.Request) -> httpcore.Request:
    timeouts = request.extensions.get("timeout", {})
    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        # A free connection is waited for outside of any stream.
        extensions={"timeout": timeouts | {"pool": _cut(timeouts.get("pool"), httpcore.PoolTimeout)}},
    )


@contextmanager
def _translated() -> Iterator[None]:
    """The errors of httpx for those of httpcore, which have the same names."""
    try:
        yield
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.TimeoutException,
        httpcore.UnsupportedProtocol,
    ) as exc:
        # Of a kind that is ours alone it is the next one above.
        kind = next(kind for kind in type(exc).__mro__ if kind.__module__.startswith("httpcore"))
        raise getattr(httpx, kind.__name__)(str(exc)) from exc


def _cut(timeout: float | None, late: type[Exception]) -> float | None:
    """`timeout`, or what is left until the deadline if that is less; raises `late` if nothing is."""
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise late("out of time")
    if timeout is None:
        return None if left == math.inf else left
    return min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, resolve: Resolve) -> None:
        self._inner = httpcore.SyncBackend()
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """As httpcore does it, but `timeout` is for all addresses of the name together."""
        found = self._resolve(host, port)
        limit = _cut(timeout, httpcore.ConnectTimeout)
        until = math.inf if limit is None else time.monotonic() + limit
        share = None if limit is None else max(limit / len(found), _FAIR_TRY_S)
        failed: Exception = httpcore.ConnectError("the name has no address")
        for address in found:
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                stream = self._inner.connect_tcp(
                    address,
                    port,
                    None if share is None else min(share, left),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failed = exc
            else:
                return _Stream(stream)
        raise failed


class _Stream(httpcore.NetworkStream):
    """A connection each of whose waits ends with the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _cut(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _cut(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = _cut(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, limit))

    # Any: httpcore's own word for it; the type depends on what is asked.
    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
