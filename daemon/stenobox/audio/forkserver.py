"""A process that has imported what decoding needs, and forks a child for every recording.

It reads no recording and holds none of the daemon's secrets: it is a fresh program with an empty environment,
and each fork confines itself before its first look, as a child that was started as a program does.

Orders come over a socket of whole messages, one `protocol.Order` in JSON with the descriptors: a channel of
the same kind for this child, the pipe for its words, the recording and perhaps the output. On the channel the
child's exit status comes back, and a channel that is shut is the wish that the child be killed. When the
socket is closed, the daemon is gone: all children are killed, and this process ends.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass, replace

from stenobox.audio import child
from stenobox.audio.protocol import Order

_MAX_ORDER = 4096  # bytes
_MAX_DESCRIPTORS = 4


@dataclass(frozen=True, slots=True)
class _Fork:
    """A child that runs: `process` is its pidfd, which no other process can take over."""

    pid: int
    process: int
    channel: socket.socket


def main(argv: list[str]) -> int:
    orders = socket.socket(fileno=int(argv[0]))
    child.load()
    gc.freeze()  # what is there now is never rubbish, and its pages stay shared
    _Server(orders).serve()
    return 0


class _Server:
    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._by_process: dict[int, _Fork] = {}
        self._by_channel: dict[int, _Fork] = {}
        self._poll = select.poll()  # holds no descriptor that a fork would inherit

    def serve(self) -> None:
        """Return when the daemon is gone."""
        self._poll.register(self._orders, select.POLLIN)
        while True:
            for descriptor, _ in self._poll.poll():
                if descriptor in self._by_process:
                    self._reap(self._by_process[descriptor])
                elif descriptor in self._by_channel:
                    self._kill(self._by_channel[descriptor])
                elif descriptor == self._orders.fileno() and not self._take():
                    for fork in tuple(self._by_process.values()):
                        signal.pidfd_send_signal(fork.process, signal.SIGKILL)
                    return

    def _take(self) -> bool:
        """The next order; False when there will be none."""
        said, descriptors, _, _ = socket.recv_fds(self._orders, _MAX_ORDER, _MAX_DESCRIPTORS)
        if not said:
            return False
        channel, pipe, source, out = [*descriptors, -1][:_MAX_DESCRIPTORS]
        order = Order(**json.loads(said))
        order = replace(order, pipe=pipe, source=source, out=out, parent=os.getpid())
        pid = os.fork()
        if pid == 0:
            self._be_the_child(order, channel)
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        fork = _Fork(pid, os.pidfd_open(pid), socket.socket(fileno=channel))
        self._by_process[fork.process] = self._by_channel[channel] = fork
        self._poll.register(fork.process, select.POLLIN)
        self._poll.register(channel, select.POLLIN)
        return True

    def _be_the_child(self, order: Order, channel: int) -> None:
        """Never returns."""
        status = 1
        try:
            os.setsid()
            # Through these it could end other children, or give orders.
            for fork in self._by_process.values():
                os.close(fork.process)
                fork.channel.close()
            self._orders.close()
            os.close(channel)
            child.work(order)
            status = 0
        finally:
            os._exit(status)

    def _reap(self, fork: _Fork) -> None:
        _, status = os.waitpid(fork.pid, 0)
        with contextlib.suppress(OSError):  # nobody waits for it any more
            fork.channel.send(str(os.waitstatus_to_exitcode(status)).encode())
        del self._by_process[fork.process]
        self._poll.unregister(fork.process)
        if self._by_channel.pop(fork.channel.fileno(), None) is not None:
            self._poll.unregister(fork.channel)
        os.close(fork.process)
        fork.channel.close()

    def _kill(self, fork: _Fork) -> None:
        """Its channel was shut. What is left of it comes to `_reap`."""
        self._poll.unregister(fork.channel)
        del self._by_channel[fork.channel.fileno()]
        signal.pidfd_send_signal(fork.process, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
