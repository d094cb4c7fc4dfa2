"""Where names lead, in memory: the guarded client over look-ups that a test says."""

import ipaddress
import socket
import ssl
from collections.abc import Sequence

import httpcore

from longcode.outbound.client import GuardedClient

PUBLIC = "93.184.215.14"


class Names:
    """A look-up of names, as GuardedClient takes one: what is neither `known` nor a number is public."""

    def __init__(self) -> None:
        self.known: dict[str, Sequence[str]] = {}
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        found = list(self.known[host] if host in self.known else _number(host) or [PUBLIC])
        if not found:
            raise httpcore.ConnectError("Name or service not known")
        return found

    def client(self, *, allow_loopback: bool = False) -> GuardedClient:
        """A client of these names. It can look at URLs, and must not call one that is public."""
        # Without the list of whom to trust, which takes long to read.
        trusts = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return GuardedClient(allow_loopback=allow_loopback, resolve=self, ssl_context=trusts)


def _number(host: str) -> list[str]:
    """The address that a number is, in whatever way it is written; none for a name."""
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        # As the operating system reads it: 127.1, 0x7f000001, 017700000001 and 2130706433 are one address.
        return [socket.inet_ntoa(socket.inet_aton(host))]
    except OSError:
        return []
