"""Has decoding children forked by a process that has imported everything already, see `forkserver.py`.

A child costs 0.01 s of a core this way, against 0.15 s for a program of its own: where many people send
recordings at once, that is what they wait for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict

from stenobox.audio.protocol import Order
from stenobox.audio.spawning import Child, said_by, spawned, started
from stenobox.log import get_logger
from stenobox.shielding import finish

__all__ = ["ForkServer", "ForkServerGone"]

_STATUS_BYTES = 16
_PATIENCE_S = 5.0

log = get_logger(__name__)


class ForkServerGone(Exception):
    """The server ended before its child: nothing is known of the recording."""


class ForkServer:
    """Started with the first recording, and again when it has ended unexpectedly."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._orders: socket.socket | None = None
        self._starting = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def child(self, order: Order) -> AsyncIterator[tuple[Child, asyncio.StreamReader]]:
        """A `spawning.Start`. Where no server can be had, the child is a program of its own."""
        try:
            orders = await self._running()
        except OSError as error:
            log.exception("fork_server_does_not_start", error)  # noqa: PLE1205  # an EventLogger
            async with spawned(order) as itself:
                yield itself
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:  # theirs also when this is cancelled before it is given away
            ours.setblocking(False)
            async with said_by() as (write_end, lines):
                given = [theirs.fileno(), write_end, *(fd for fd in (order.source, order.out) if fd >= 0)]
                try:
                    socket.send_fds(orders, [json.dumps(asdict(order)).encode()], given)
                except OSError as error:
                    raise ForkServerGone from error
                finally:
                    theirs.close()
                    os.close(write_end)
                child = _Forked(ours)
                try:
                    yield child, lines
                finally:
                    await finish(child.end())

    async def close(self) -> None:
        """End the server and, with it, the children that are left."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def _running(self) -> socket.socket:
        """The socket for orders to a server that runs. Raises OSError when none can be started."""
        async with self._starting:
            if self._orders is not None and self._process is not None and self._process.returncode is None:
                return self._orders
            if self._orders is not None:
                log.warning("fork_server_ended")
                self._orders.close()
                self._orders = None
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                with theirs:
                    given = theirs.fileno()
                    self._process = await started("forkserver", str(given), pass_fds=(given,))
            except BaseException:
                ours.close()
                raise
            ours.setblocking(False)
            self._orders = ours
            return ours


class _Forked:
    """A child of the server's, as its channel tells of it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._status: int | None = None

    async def wait(self) -> int:
        """Raises ForkServerGone when nobody is left who could tell."""
        if self._status is None:
            try:
                said = await asyncio.get_running_loop().sock_recv(self._channel, _STATUS_BYTES)
            except OSError as error:
                raise ForkServerGone from error
            if not said:
                raise ForkServerGone
            self._status = int(said)
        return self._status

    async def end(self) -> None:
        """Have it killed if it runs, and return when it does not."""
        with contextlib.suppress(OSError, ForkServerGone):
            self._channel.shutdown(socket.SHUT_WR)
            await self.wait()
