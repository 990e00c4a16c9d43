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
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Final
from urllib.parse import urlunsplit

from aiohttp import hdrs, web

from stenobox.config import LimitsSettings
from stenobox.log import get_logger
from stenobox.networks import Network, address_of, side_of
from stenobox.tls import ServedCertificate
from stenobox.web import problems
from stenobox.web.connection import Connection
from stenobox.web.headers import add_headers

BACKLOG: Final = 1_024
PAUSE_S: Final = 1.0
"""After the process has run out of descriptors, until it accepts again."""

BURST: Final = 64
"""Connections that are accepted in one go before others get their turn."""

HANDSHAKE: Final = b"\x16"
"""The first byte that a TLS client sends (RFC 8446, section 5.1: ContentType handshake); no method of HTTP
begins with it."""

_HOST: Final = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
"""Of what a client may send as `Host`, what may come back as the place to go to."""

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

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
        self._redirects = web.Server(_to_https)
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._beginning: set[asyncio.Task[None]] = set()
        self._open: Counter[str] = Counter()

    @property
    def port(self) -> int:
        return int(self._sockets[0].getsockname()[1])

    async def start(self, host: str, port: int) -> None:
        """Bind all addresses of `host` and begin to accept. Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        try:
            for family, address in dict.fromkeys((entry[0], entry[4]) for entry in found):
                # Port 0 is chosen once, and then the same for all.
                given = (address[0], self.port if self._sockets else port, *address[2:])
                self._sockets.append(_listening(family, given))
        except OSError:
            self._close()
            raise
        self._accepting = [asyncio.create_task(self._accept(each)) for each in self._sockets]

    async def stop(self) -> None:
        """Accept nothing more; connections that have become the server's stay open."""
        tasks = [*self._accepting, *self._beginning]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._close()
        await self._redirects.shutdown(0)

    def _close(self) -> None:
        for each in self._sockets:
            each.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        accepted = 0
        while True:
            try:
                connected, address = await loop.sock_accept(listening)
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    log.warning("no_descriptors", errno=error.errno)
                    await asyncio.sleep(PAUSE_S)
                continue  # the client went away again
            self._begin(connected, str(address[0]))
            accepted += 1
            if accepted % BURST == 0:
                await asyncio.sleep(0)

    def _begin(self, connected: socket.socket, peer: str) -> None:
        address = address_of(peer)
        side = side_of(address)
        exempt = address is None or any(address in each for each in self._exempt)
        if not exempt and self._limits.connections and self._open[side] >= self._limits.connections:
            log.debug("too_many_connections")
            connected.close()
            return
        self._open[side] += 1
        task = asyncio.create_task(self._connect(connected, self._release_of(side)))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    def _release_of(self, side: str) -> Callable[[], None]:
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._open[side] -= 1
                if not self._open[side]:
                    del self._open[side]

        return release

    async def _connect(self, connected: socket.socket, release: Callable[[], None]) -> None:
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
                if context is not None and not await _begins_tls(connected):
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
        except (OSError, ssl.SSLError, TimeoutError, asyncio.CancelledError) as error:
            log.debug("no_connection", kind=type(error).__name__)
            if ours:
                connected.close()
            release()
            if isinstance(error, asyncio.CancelledError):
                raise


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


async def _to_https(request: web.BaseRequest) -> web.Response:
    """People are led on; a script is told, since its key has just crossed the network for all to read."""
    host = request.headers.get(hdrs.HOST, "")
    is_page = request.method in (hdrs.METH_GET, hdrs.METH_HEAD) and hdrs.AUTHORIZATION not in request.headers
    if is_page and _HOST.fullmatch(host) and not request.path.startswith(("/api", "/v1")):
        response = web.Response(status=308, headers={hdrs.LOCATION: _encrypted(host, request)})
    else:
        detail = "This port speaks HTTPS only: use https:// and, if a key was sent, revoke it."
        problem = problems.Problem(426, "https_required", "Upgrade Required", detail)
        response = problems.render(problem, secrets.token_hex(8))
        response.headers[hdrs.UPGRADE] = "TLS/1.2, HTTP/1.1"
    add_headers(response)
    response.force_close()
    return response


def _encrypted(host: str, request: web.BaseRequest) -> str:
    return urlunsplit(("https", host, request.rel_url.raw_path, request.rel_url.raw_query_string, ""))
