"""HTTP to addresses that strangers chose (OWASP ASVS 4.0.3, 12.6.1: server-side request forgery).

A name is resolved once, every address that it has is judged, and the connection goes to what was judged: a
name that answers differently the second time (DNS rebinding) is not asked a second time. The last judgement
is made where the socket is made, on the very address that it connects to, however it was written.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

Judge = Callable[[str], bool]

TIMEOUT = aiohttp.ClientTimeout(total=20.0, sock_connect=5.0)


class AddressRefused(OSError):
    """No request may go to this address. Not one of the tree of errors: it never leaves this package."""


class GuardedResolver(AbstractResolver):
    """Resolves with the system's resolver; refuses a name that has even one address which is not allowed."""

    def __init__(self, judge: Judge, resolver: AbstractResolver | None = None) -> None:
        self._judge = judge
        self._resolver = resolver or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(self._judge(each["host"]) for each in found):
            raise AddressRefused("the address is not allowed")
        return found

    async def close(self) -> None:
        await self._resolver.close()


def guarded_session(
    judge: Judge, tls: ssl.SSLContext, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A client that connects only where `judge` allows. It keeps no cookies and no connections, takes no
    proxy or password from the environment, and unpacks nothing.
    """

    def checked_socket(address: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        family, kind, protocol, _name, where = address
        if not judge(str(where[0])):
            raise AddressRefused("the address is not allowed")
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(judge, resolver),
        use_dns_cache=False,
        socket_factory=checked_socket,
        ssl=tls,
        force_close=True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=TIMEOUT,
        auto_decompress=False,
        trust_env=False,
    )


def tls_context(authorities: Path | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those in the file `authorities`. Blocks; raises OSError."""
    context = ssl.create_default_context()
    if authorities is not None:
        context.load_verify_locations(authorities)
    return context
