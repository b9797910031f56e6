"""Which addresses a webhook may reach. The address of the connection is checked, never a name."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PUBLIC_PORTS = frozenset({443, 8443})

_NEVER_PUBLIC = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",  # Azure's host agent, on every virtual machine there
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4: an IPv4 address inside
        "3fff::/20",  # documentation
    )
)
_IPV6_PUBLIC = ip_network("2000::/3")
"""All other IPv6 addresses are private, reserved, or wrap an IPv4 address (v4-mapped, NAT64)."""


@dataclass(frozen=True)
class AddressPolicy:
    """Allows public addresses over TLS on the usual ports, and `networks` without restriction."""

    networks: Sequence[Network] = ()

    def allows(self, address: Address, port: int, *, tls: bool) -> bool:
        """Whether a connection to this address is allowed."""
        if any(address in network for network in self.networks):
            return True
        return tls and port in PUBLIC_PORTS and is_public(address)


def is_public(address: Address) -> bool:
    """Whether the address is an ordinary one of the internet: not private, not special, not wrapping another."""
    if any(address in network for network in _NEVER_PUBLIC):
        return False
    if isinstance(address, IPv6Address):
        return address in _IPV6_PUBLIC and address.is_global
    return address.is_global and not address.is_multicast and not address.is_reserved


def literal(host: str) -> Address | None:
    """The address that a host name spells out, in any form that resolvers accept (`127.1`, `0x7f.1`, `2130706433`)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None
