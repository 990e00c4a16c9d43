"""Addresses and networks, as people write them in settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stenobox.errors import SettingsError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1"))


def networks_of(texts: Iterable[str], source: str) -> tuple[Network, ...]:
    """Raises SettingsError for one that is neither an address nor a network."""
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip()))
        except ValueError as error:
            problem = f"{text!r} is neither an address nor a network such as 10.0.0.0/24 ({error})."
            raise SettingsError(source=source, problem=problem) from error
    return tuple(found)


def address_of(text: str | None) -> Address | None:
    """An address as a peer or a proxy gives it, an IPv4 one in IPv6's clothes as what it is; None for
    anything else.
    """
    if text is None or "%" in text:  # an interface beside it: link-local, and no key for anything
        text = (text or "").partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def side_of(address: Address | None) -> str:
    """What is counted as one side: an IPv4 address, or the /64 of an IPv6 one, which one machine has whole
    (RFC 6177).
    """
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def is_loopback(host: str) -> bool:
    """True for an address to listen on that only this machine reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Client:
    """`address` is None on the control socket, and `proxied` tells that a trusted proxy spoke."""

    address: Address | None
    secure: bool
    host: str
    proxied: bool = False

    @property
    def side(self) -> str:
        """What limits count as one caller."""
        return side_of(self.address)

    @property
    def is_here(self) -> bool:
        """On the box itself: nothing crossed a network."""
        return self.address is None or self.address.is_loopback
