"""What systemd is told: READY, STOPPING, and that we are alive (sd_notify(3)).

The protocol is one datagram to the socket that NOTIFY_SOCKET names, so this speaks it itself. The binding
(systemd-python) is source only, wants a compiler on the box, and lacks sd_watchdog_enabled, which would be
half of the use.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping

from stenobox.log import get_logger

log = get_logger(__name__)


class Watchdog:
    """Does nothing when not started by systemd with Type=notify; WATCHDOG=1 only if the unit has
    WatchdogSec.
    """

    def __init__(self, environment: Mapping[str, str], alive: Callable[[], bool]) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._seconds = _seconds(environment)
        self._alive = alive

    def ready(self) -> None:
        """The sockets listen."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The clean stop has begun."""
        self._send("STOPPING=1")

    async def run(self) -> None:
        """Until cancelled: a sign of life at half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises.

        It runs on the event loop, so a loop that hangs gives none; neither does a box whose `alive()` is
        false. systemd then ends the process and starts it again.
        """
        while True:
            if self._seconds is None:
                await asyncio.Event().wait()
                return
            await asyncio.sleep(self._seconds / 2)
            if self._alive():
                self._send("WATCHDOG=1")
            else:
                log.error("not_alive")

    def _send(self, state: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.setblocking(False)
                sender.sendto(state.encode(), self._address)
        except OSError as error:
            # Its queue is full or it is gone: the next sign of life tries again.
            log.exception("notify_failed", error)  # noqa: PLE1205  # an EventLogger


def _address(name: str) -> str | None:
    """A path, or with @ a name in the abstract namespace (unix(7)); anything else is not systemd's."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _seconds(environment: Mapping[str, str]) -> float | None:
    """The period that the unit asks for; None for none, or when it is another process that should report."""
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(microseconds) / 1e6
