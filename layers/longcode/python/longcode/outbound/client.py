"""Calls to URLs that a user gave, which must not reach what is inside of the network that they are made from."""

# A name may lead elsewhere between the moment that it is checked and the one that it is called ("rebinding"). So
# each new connection looks its name up once, checks every address that it finds, and goes to one of these.

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ssl import SSLContext
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import httpcore
import httpx

from longcode.outbound import transport
from longcode.outbound.addresses import is_loopback, is_public
from longcode.use_cases.outbound_ports import CallFailed, OutboundAnswer, UrlRefused

MOST_CHARACTERS = 2048
# What must not stand in a URL, which logs and proxies keep: by the words of a parameter's name, or all of it.
_SECRET_WORDS = frozenset(
    [
        "token",
        "secret",
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "auth",
        "authorization",
        "sig",
        "signature",
        "credential",
        "credentials",
        "jwt",
        "bearer",
        "apikey",
        "accesskey",
    ]
)
_SECRET_NAMES = frozenset(["key", "api_key", "access_key", "private_key", "authtoken", "accesstoken"])


class _NotPublic(httpcore.ConnectError):
    """A name that leads to an address which may not be called."""


class GuardedClient:
    """outbound_ports.Outbound over httpx.

    `allow_loopback` is for a stack on a laptop alone: this machine may be called then, and without TLS. With
    `signed` a URL's query may hold a secret, as that of a link which its server has signed. `resolve` and
    `ssl_context` are for tests.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        signed: bool = False,
        resolve: transport.Resolve = transport.addresses,
        ssl_context: SSLContext | None = None,
    ) -> None:
        self._allow_loopback = allow_loopback
        self._signed = signed
        self._resolve = resolve
        # Not a client, which would keep cookies, unpack what is packed and follow the machine's proxies.
        self._transport = transport.Transport(ssl_context or httpx.create_ssl_context(), self._addresses)

    def check(self, url: str) -> None:
        host, port = self._parts(url)
        try:
            self._addresses(host, port)
        except _NotPublic:
            raise UrlRefused(_INSIDE) from None
        except httpcore.ConnectError:
            raise UrlRefused("The URL's host name has no address.") from None

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        timeout_s: float = 10.0,
        at_most: int = 4096,
    ) -> OutboundAnswer:
        self._parts(url)
        extensions = {
            "timeout": httpx.Timeout(timeout_s).as_dict(),
            transport.DEADLINE: time.monotonic() + timeout_s,
            transport.AT_MOST: at_most,
        }
        request = httpx.Request(method, url, headers=dict(headers), content=content, extensions=extensions)
        with _translated():
            answer = self._transport.handle_request(request)
        body = b"".join(cast(httpx.ByteStream, answer.stream))
        found = {name.lower(): value for name, value in answer.headers.items()}
        return OutboundAnswer(answer.status_code, found, body, bool(answer.extensions[transport.TRUNCATED]))

    def close(self) -> None:
        """Close what connections there are."""
        self._transport.close()

    def _parts(self, url: str) -> tuple[str, int]:
        """Host and port of a URL. Raises UrlRefused for one that may not be called whatever it leads to."""
        if len(url) > MOST_CHARACTERS:
            raise UrlRefused(f"The URL is longer than {MOST_CHARACTERS} characters.")
        try:
            parts = urlsplit(url)
            host, port = httpx.URL(url).raw_host.decode().strip("[]").lower(), parts.port
        except (ValueError, httpx.InvalidURL):
            raise UrlRefused("This is no URL.") from None
        if parts.scheme not in ("https", "http") or not host:
            raise UrlRefused("The URL must begin with https:// and a host name.")
        # Two readings of one URL are how a check is led past.
        if _ascii(parts.hostname or "") != host or any(map(_is_odd, url)):
            raise UrlRefused("The URL holds characters that have no place there.")
        if parts.username is not None or parts.password is not None:
            raise UrlRefused("The URL holds a user name or a password. Leave it out: each call is signed.")
        if not self._signed and any(map(_is_secret, dict(parse_qsl(parts.query, keep_blank_values=True)))):
            raise UrlRefused("The URL's query seems to hold a secret. Leave it out: each call is signed.")
        if parts.fragment:
            raise UrlRefused("The URL has a part behind '#', which is never sent.")
        if parts.scheme == "http" and not self._is_here(host):
            raise UrlRefused("The URL must begin with https://.")
        if port == 0:
            raise UrlRefused("The URL's port is none.")
        return host, port or (443 if parts.scheme == "https" else 80)

    def _is_here(self, host: str) -> bool:
        return self._allow_loopback and (host == "localhost" or is_loopback(host))

    def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a name, if every one of them may be called."""
        found = self._resolve(host, port)
        if not found:
            raise httpcore.ConnectError("the name has no address")
        allowed = _or_loopback if self._allow_loopback else is_public
        if not all(map(allowed, found)):
            raise _NotPublic(_INSIDE)
        return found


_INSIDE = "The URL leads to an address that is not public."


def _or_loopback(address: str) -> bool:
    return is_public(address) or is_loopback(address)


def _ascii(host: str) -> str:
    try:
        return httpx.URL(scheme="https", host=host).raw_host.decode().strip("[]").lower()
    except httpx.InvalidURL:
        return ""


def _is_secret(name: str) -> bool:
    """Whether a parameter of this name holds a secret, as `access_token`, `accessToken` and `x-access-token`."""
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
    return words in _SECRET_NAMES or not _SECRET_WORDS.isdisjoint(words.split("_"))


def _is_odd(character: str) -> bool:
    return character <= " " or character in "\\\x7f" or not character.isprintable()


# What a user is to read of a failure; none of it quotes the URL or the answer.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.TimeoutException, "timed out"),
    (httpx.ConnectError, "no connection"),
    (httpx.NetworkError, "the connection broke"),
    (httpx.ProtocolError, "no valid HTTP answer"),
    (httpx.HTTPError, "failed"),
)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as exc:
        if isinstance(exc.__cause__, _NotPublic):
            raise UrlRefused(_INSIDE) from None
        if "certificate" in str(exc).lower():
            raise CallFailed("its certificate is not valid") from None
        raise CallFailed(next(words for kind, words in _WORDS if isinstance(exc, kind))) from None
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise UrlRefused("This is no URL.") from None
