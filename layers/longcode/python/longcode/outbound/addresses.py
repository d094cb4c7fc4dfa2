"""Which addresses are public: those that a URL given by a user may lead to."""

import ipaddress

# IPv4 inside IPv6: by a translator (RFC 6052), and 6to4.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All of IPv6 that is given out. Python takes more of it for global, as the old site-local addresses.
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
# Of that, what is for documents alone (RFC 9637): Python knows it from 3.14 on.
_DOCUMENTS = ipaddress.IPv6Network("3fff::/20")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where it stands for one of IPv4 within IPv6.

    What is no address is not public. Metadata services, loopback, link-local, private, shared (RFC 6598) and
    multicast addresses are not.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        # As `fe80::1%eth0`, or no address at all.
        return False
    return all(map(_is_public, _meant(found)))


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return all(one.is_loopback for one in _meant(found)[-1:])


def _is_public(one: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(one, ipaddress.IPv6Address) and (one not in _GIVEN_OUT or one in _DOCUMENTS):
        return False
    return one.is_global and not one.is_multicast and not one.is_reserved


def _meant(
    found: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """What an address leads to: that of IPv4 that it stands for alone, or itself; with a tunnel both ends."""
    if isinstance(found, ipaddress.IPv4Address):
        return [found]
    if found.ipv4_mapped:
        return [found.ipv4_mapped]
    if found in _NAT64:
        return [ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)]
    if found.teredo:
        return [found, *found.teredo]
    return [found, found.sixtofour] if found.sixtofour else [found]
