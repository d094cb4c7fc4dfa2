"""The port to addresses that a user gave: webhooks of theirs, and media."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from longcode.domain.errors import LongCodeError


class UrlRefused(LongCodeError):
    """No URL that may be called. The message says why, for the user, without the URL."""


class CallFailed(LongCodeError):
    """No whole answer came. The message says why in a few words, as "timed out"."""


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """An answer: its HTTP status, its headers by their names in small letters, and the beginning of its body.

    The body is as it came: what is packed is not unpacked. `truncated` says that there is more of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False


class Outbound(Protocol):
    """Calls to URLs that a user gave. Only public addresses are called; no redirect is followed."""

    def check(self, url: str) -> None:
        """Look whether a URL may be called, by its form and by where its name leads now. Raises UrlRefused."""

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
        """Make one call within `timeout_s`, and read at most `at_most` bytes of its answer.

        Where the name leads is checked again as the connection is made. Raises UrlRefused or CallFailed.
        """
