"""Which addresses a webhook may reach (OWASP, Server-Side Request Forgery Prevention Cheat Sheet).

Whoever may make a webhook could otherwise use the box to reach what only the box can reach: itself, the LAN,
a cloud's metadata. So only public addresses are allowed, and those that the administrator lists.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, ip_network

from stenobox.networks import address_of, networks_of

# IANA, IPv4 Special-Purpose Address Registry: what is not globally reachable; multicast, and 6to4's relays.
NOT_PUBLIC_V4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
            "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
            "224.0.0.0/4", "240.0.0.0/4",
        ),
    )
)  # fmt: skip

# Global unicast alone is public (RFC 4291); inside of it, what carries an IPv4 address (6to4, Teredo) or is
# special. NAT64 (64:ff9b::/96), link-local, unique local, multicast and loopback lie outside.
PUBLIC_V6 = ip_network("2000::/3")
NOT_PUBLIC_V6 = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")))


class Allowed:
    """`listed`: networks that the administrator allows beside public addresses, as `10.0.0.0/8`."""

    def __init__(self, listed: Sequence[str] = ()) -> None:
        """Raises SettingsError for what is no network."""
        self._listed = networks_of(listed, "webhooks.allow")

    def listed(self, text: str) -> bool:
        """Whether the administrator named this address: there, HTTP without encryption will do."""
        address = address_of(text)
        return address is not None and any(address in network for network in self._listed)

    def allows(self, text: str) -> bool:
        """Whether a request may go to this address; never to what is no address."""
        address = address_of(text)
        if address is None:
            return False
        if any(address in network for network in self._listed):
            return True
        if isinstance(address, IPv4Address):
            return not any(address in network for network in NOT_PUBLIC_V4)
        return address in PUBLIC_V6 and not any(address in network for network in NOT_PUBLIC_V6)
