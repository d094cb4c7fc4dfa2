"""What the settings say of webhooks: the keys that may sign them, and the addresses that may send them."""

# Apart from `signature`, as every function reads the settings and only the webhook's loads what verifies.

import base64
import binascii
from ipaddress import IPv4Network, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def public_key(text: str) -> bytes:
    """The key in `text`, base64 of 32 bytes. Raises ValueError otherwise."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("is not base64") from exc
    if len(raw) != 32:
        raise ValueError(f"holds {len(raw)} bytes, not 32")
    return raw


def source_range(text: str) -> Network:
    """The addresses in `text`, as 192.0.2.0/24 or one alone. Raises ValueError otherwise."""
    return ip_network(text)
