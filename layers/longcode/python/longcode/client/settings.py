"""What a client is made with: where the API is, its key, and how patient the client is."""

import os
import random
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypedDict, Unpack

import httpx

from longcode.client.steps import Patience, Wait

URL, KEY = "LONGCODE_URL", "LONGCODE_KEY"
TIMEOUT_S = 40.0
PATIENCE_S = 60.0


class Options(TypedDict, total=False):
    """How a client behaves.

    Attributes:
        timeout_s: for how many seconds it waits for a connection, and for each part of an answer. The gateway
            answers within 29 s.
        patience_s: for how many seconds a call is repeated. No try begins after them.
        trust_env: whether the environment's proxies, certificates and netrc are used; not unless it is True.
        waiting: called with each wait before it begins.
        clock: seconds, from anywhere.
        jitter: 0 to 1, of chance.
    """

    timeout_s: float
    patience_s: float
    trust_env: bool
    waiting: Callable[[Wait], None]
    clock: Callable[[], float]
    jitter: Callable[[], float]


class Settings:
    """The settings of a client: arguments, else the environment's LONGCODE_URL and LONGCODE_KEY.

    Raises ValueError for what can be none, without the key in its words.
    """

    def __init__(self, base_url: str | None, key: str | None, **options: Unpack[Options]) -> None:
        self.base_url = _url(_given(base_url, URL, "base_url"))
        self._key = _key(_given(key, KEY, "key"))
        self.timeout_s = options.get("timeout_s", TIMEOUT_S)
        self.trust_env = options.get("trust_env", False)
        self.patience = Patience(
            patience_s=options.get("patience_s", PATIENCE_S),
            clock=options.get("clock", time.monotonic),
            jitter=options.get("jitter", random.random),
            waiting=options.get("waiting", _ignore),
        )

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each call."""
        return {"x-api-key": self._key, "accept": "application/json", "user-agent": "long-code-sms-client"}


def _given(value: str | None, name: str, argument: str) -> str:
    found = value if value is not None else os.environ.get(name, "")
    if not found:
        raise ValueError(f"Give {argument}, or set {name} in the environment.")
    return found


def _url(text: str) -> str:
    """The address. Raises ValueError for one that has a secret in it, or would carry the key in the clear."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as exc:
        raise ValueError(f"base_url is no address: {exc}.") from None
    if url.userinfo or url.query or url.fragment:
        raise ValueError("base_url must have no user, no query and no fragment.")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("base_url must begin with https://.")
    if url.scheme == "http" and not _is_this_machine(url.host):
        raise ValueError("base_url must begin with https://: the key would travel in the clear.")
    return text


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _key(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("key must be of visible ASCII characters, without a line break.")
    return text


def _ignore(_: Wait) -> None:
    """No one looks at what is waited for."""
