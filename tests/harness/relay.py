"""A cable that can be pulled or squeezed: a TCP relay on a fixed port in front of a daemon."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

CHUNK_BYTES = 65536


class Relay:
    """`url` stays the same while the cable is cut and joined again. A cut ends every connection."""

    def __init__(self, target_url: str) -> None:
        self._target = urlsplit(target_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self._delay_s = 0.0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A listener that is closed while somebody waits in accept() may wait on; shutting it down wakes that.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def cut(self) -> None:
        """Every connection ends, and new ones end at once."""
        with self._lock:
            self._cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def join(self) -> None:
        """New connections work again."""
        with self._lock:
            self._cut = False

    def lead_to(self, target_url: str) -> None:
        """New connections go to another address: the daemon has a new port after each start."""
        self._target = urlsplit(target_url)

    def squeeze(self, bytes_per_second: int) -> None:
        """From now on each connection carries at most this much in each direction."""
        self._delay_s = CHUNK_BYTES / bytes_per_second

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._cut:
                    near.close()
                    continue
                far = socket.create_connection((self._target.hostname or "", self._target.port or 80))
                self._open |= {near, far}
                pumps = [
                    threading.Thread(target=self._pump, args=ends, daemon=True)
                    for ends in ((near, far), (far, near))
                ]
                self._threads += pumps
            closer = threading.Thread(target=self._close_after, args=(pumps, (near, far)), daemon=True)
            self._threads.append(closer)
            for thread in (*pumps, closer):
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(CHUNK_BYTES):
                time.sleep(self._delay_s)
                sink.sendall(piece)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def _close_after(self, pumps: list[threading.Thread], ends: tuple[socket.socket, socket.socket]) -> None:
        for pump in pumps:
            pump.join()
        with self._lock:
            self._open -= set(ends)
            for end in ends:
                end.close()
