"""The sockets that the network reaches: accepting, encrypting, and how many one address may have.

Connections are accepted here and not by the framework, so that each gets the certificate that is the current
one, and so that an address is known before anything is spent on it. Where there is a certificate, the same
port tells those who came without encryption where to go.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import resource
import secrets
import socket
import sys
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import urlunsplit

from aiohttp import hdrs, web

from stenobox.log import get_logger
from stenobox.networks import Network, address_of, side_of
from stenobox.networksettings import LimitsSettings
from stenobox.tls import ServedCertificate
from stenobox.web import problems
from stenobox.web.connection import Connection
from stenobox.web.headers import add_headers

BACKLOG: Final = 1_024
HTTPS_PORT: Final = 443
PAUSE_S: Final = 1.0
"""After accepting failed (for want of descriptors, most likely), until it is tried again."""

BURST: Final = 64
"""Connections that are accepted in one go before others get their turn."""

HANDSHAKE: Final = b"\x16"
"""The first byte that a TLS client sends (RFC 8446, section 5.1: ContentType handshake); no method of HTTP
begins with it."""

_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
"""Of what a client may send as `Host`, what may come back as the place to go to."""

_UNUSABLE: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})
_OF_THE_CLIENT: Final = frozenset(
    {
        *(errno.ECONNABORTED, errno.EPROTO, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.EPERM),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENONET),
    }
)
"""What accept(2) has to tell of a connection that has failed meanwhile; the next one may be well."""

log = get_logger(__name__)


class Listener:
    """Accepts for one `web.Server` until `stop()`. Connections from `exempt` networks are not counted."""

    def __init__(
        self,
        server: web.Server,
        certificate: ServedCertificate,
        limits: LimitsSettings,
        exempt: tuple[Network, ...],
    ) -> None:
        self._server = server
        self._certificate = certificate
        self._limits = limits
        self._exempt = exempt
        self._redirects = web.Server(self._lead_on)
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self._open: Counter[str] = Counter()
        self._count = 0
        # The other half of the descriptors is for files: what was accepted must be able to arrive.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = sys.maxsize if descriptors == resource.RLIM_INFINITY else descriptors // 2
        self._redirect_port = 0

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])

    async def start(self, host: str, port: int, redirect_port: int = 0) -> None:
        """Bind all addresses of `host` and begin to accept; at `redirect_port`, unless it is 0, only to lead
        on. Raises OSError.
        """
        try:
            self._sockets = await _bound(host, port)
            leading = await _bound(host, redirect_port) if redirect_port else []
        except OSError:
            self._close()
            raise
        self._redirect_port = redirect_port
        self._accepting = [
            asyncio.create_task(self._accept(each, leads_on=each in leading))
            for each in (*self._sockets, *leading)
        ]
        self._sockets += leading

    async def stop(self) -> None:
        """Accept nothing more; connections that have become the server's stay open."""
        tasks = [*self._accepting, *self._beginning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close()
        self._redirects.pre_shutdown()
        await self._redirects.shutdown(PAUSE_S)  # its answers need no time

    def _close(self) -> None:
        for each in self._sockets:
            each.close()

    async def _accept(self, listening: socket.socket, *, leads_on: bool) -> None:
        loop = asyncio.get_running_loop()
        accepted = 0
        while True:
            try:
                connected, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno not in _OF_THE_CLIENT:
                    log.warning("accepting_failed", errno=error.errno)
                    await asyncio.sleep(PAUSE_S)
                continue
            self._begin(connected, str(address[0]), leads_on)
            accepted += 1
            if accepted % BURST == 0:
                await asyncio.sleep(0)

    def _begin(self, connected: socket.socket, peer: str, leads_on: bool) -> None:
        address = address_of(peer)
        side = side_of(address)
        exempt = address is None or any(address in each for each in self._exempt)
        limit = 0 if exempt else self._limits.connections
        if self._count >= self._most or (limit and self._open[side] >= limit):
            log.debug("too_many_connections")
            connected.close()
            return
        self._open[side] += 1
        self._count += 1
        task = asyncio.create_task(self._connect(connected, leads_on, self._release_of(side)))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _release_of(self, side: str) -> Callable[[], None]:
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._count -= 1
                self._open[side] -= 1
                if not self._open[side]:
                    del self._open[side]

        return release

    async def _connect(self, connected: socket.socket, leads_on: bool, release: Callable[[], None]) -> None:
        """From an accepted socket to a connection of the server's, or to nothing."""
        loop = asyncio.get_running_loop()
        server, context = self._server, self._certificate.context
        ours = True
        try:
            connected.setblocking(False)
            # A reader that takes nothing is cut off by the kernel, also while the connection is being closed.
            patience = int(self._limits.stall_seconds * 1_000)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
            async with asyncio.timeout(self._limits.header_seconds):
                if leads_on or (context is not None and not await _begins_tls(connected)):
                    server, context = self._redirects, None
            # From here on the socket is its transport's to close: closed under it, its number could be
            # that of another connection by the time the transport lets go of it.
            ours = False
            await loop.connect_accepted_socket(
                lambda: Connection(server, self._limits, release, loop=loop),
                connected,
                ssl=context,
                ssl_handshake_timeout=None if context is None else self._limits.header_seconds,
            )
        except BaseException as error:
            if ours:
                connected.close()
            release()
            if not isinstance(error, OSError | TimeoutError):
                raise
            log.debug("no_connection", kind=type(error).__name__)

    async def _lead_on(self, request: web.BaseRequest) -> web.Response:
        """People are led on; a script is told, since its key has just crossed the network for all to read."""
        host = _HOST.fullmatch(request.headers.get(hdrs.HOST, ""))
        reads = request.method in (hdrs.METH_GET, hdrs.METH_HEAD)
        secret = hdrs.AUTHORIZATION in request.headers
        if host and reads and not secret and not request.path.startswith(("/api", "/v1")):
            response = web.Response(status=308, headers={hdrs.LOCATION: self._encrypted(host, request)})
        else:
            detail = "This port speaks HTTPS only: use https:// and, if a key was sent, revoke it."
            problem = problems.Problem(426, "https_required", "Upgrade Required", detail)
            response = problems.render(problem, secrets.token_hex(8))
            response.headers[hdrs.UPGRADE] = "TLS/1.2, HTTP/1.1"
        add_headers(response)
        response.force_close()
        return response

    def _encrypted(self, host: re.Match[str], request: web.BaseRequest) -> str:
        """The same address with encryption: at the same port, which may be another outside, or at ours."""
        name, port = host[1], host[2] or ""
        sockname = None if request.transport is None else request.transport.get_extra_info("sockname")
        if sockname is not None and sockname[1] == self._redirect_port:
            port = "" if self.port == HTTPS_PORT else f":{self.port}"
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
        return str(urlunsplit(("https", f"{name}{port}", path, query, "")))


async def _bound(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for all addresses of `host`. Raises OSError, and then leaves none."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    failed: OSError | None = None
    for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
        # Port 0 is chosen once, and then the same for all.
        chosen = sockets[0].getsockname()[1] if sockets else port
        try:
            sockets.append(_listening(family, (address[0], chosen, *address[2:])))
        except OSError as error:
            failed = error
            if error.errno not in _UNUSABLE:
                break
    # "localhost" is two addresses, also where one of the two is switched off.
    if failed is not None and (not sockets or failed.errno not in _UNUSABLE):
        for each in sockets:
            each.close()
        raise failed
    return sockets


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # "::" and "0.0.0.0" can then be bound side by side.
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
        listening.listen(BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


async def _begins_tls(connected: socket.socket) -> bool:
    """Look at the first byte without taking it. A client that is gone counts as one with TLS."""
    loop = asyncio.get_running_loop()
    while True:
        with contextlib.suppress(BlockingIOError):
            return connected.recv(1, socket.MSG_PEEK) in (HANDSHAKE, b"")
        readable = loop.create_future()
        loop.add_reader(connected, _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connected)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
