"""Which machines a stranger's URL may lead us to: those of the public internet, and no other.

A customer names the endpoint, so without this their URL could reach into our own network: a cloud's metadata service, a
database on loopback, a printer. The check is made on the address that is then connected to, never on the name: a name
that answers differently the second time (rebinding) is looked up only once.

Ranges: IANA's special-purpose address registries (RFC 6890), multicast (RFC 5771, RFC 4291), and the IPv6 forms that
carry an IPv4 address: mapped (RFC 4291), compatible, NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380).
"""

from __future__ import annotations

import errno
import ipaddress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own, and a cloud's metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's own service to its machines, in public clothes
        "169.254.0.0/16",  # link-local: metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_OPEN_6 = IPv6Network("2000::/3")
"""All that is given out so far; the rest is loopback, private, link-local, multicast, or nobody's."""
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: leads to any IPv4 address
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


class NotPublicError(OSError):
    """The address is not one that a URL of a customer may lead to."""

    def __init__(self) -> None:
        """Says nothing of the address: it is the customer's."""
        super().__init__(errno.EACCES, "not a public address")


def is_public(address: str) -> bool:
    """Whether ``address`` (as ``getaddrinfo`` gives it, with a scope after ``%``) belongs to the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return _is_public_4(found) if isinstance(found, IPv4Address) else _is_public_6(found)


def is_loopback(address: str) -> bool:
    """Whether ``address`` is this machine's own ``127.0.0.0/8`` or ``::1``."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_here(host: str) -> bool:
    """Whether ``host``, an address or ``localhost``, is this machine."""
    return host == "localhost" or is_loopback(host)


def refuse_private(address: str) -> None:
    """Let only the public internet pass.

    Raises:
        NotPublicError: it is not.
    """
    if not is_public(address):
        raise NotPublicError


def refuse_private_but_loopback(address: str) -> None:
    """The same for the sandbox, whose endpoint is on this machine.

    Raises:
        NotPublicError: it is neither public nor loopback.
    """
    if not is_loopback(address):
        refuse_private(address)


def _is_public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in _CLOSED_4)


def _is_public_6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _is_public_4(IPv4Address(int(address) & 0xFFFF_FFFF))
    # Mapped and compatible addresses are outside of what is open, whatever they carry: who means IPv4 writes IPv4.
    return address in _OPEN_6 and not any(address in network for network in _CLOSED_6)
