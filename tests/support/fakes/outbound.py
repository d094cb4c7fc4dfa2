"""Where names lead, in memory: the guarded client over look-ups that a test says."""

from collections.abc import Sequence

import httpcore

from longcode.outbound.client import GuardedClient

PUBLIC = "93.184.215.14"


class Names:
    """A look-up of names, as GuardedClient takes one: each that is not `known` has a public address."""

    def __init__(self) -> None:
        self.known: dict[str, Sequence[str]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        found = list(self.known.get(host, [PUBLIC]))
        if not found:
            raise httpcore.ConnectError("Name or service not known")
        return found

    def client(self, *, allow_loopback: bool = False) -> GuardedClient:
        """A client of these names. It can look at URLs, and must not call one that is public."""
        return GuardedClient(allow_loopback=allow_loopback, resolve=self)
