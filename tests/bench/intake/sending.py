"""The client of the measurements: as little work of its own as possible, so that the server is measured.

A body goes from the page cache to the socket by sendfile(2); nothing is copied through Python.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult

MIB = 1 << 20
PATIENCE_S = 900.0


@dataclass(frozen=True, slots=True)
class Slice:
    """Bytes `start` to `end` of a file."""

    path: Path
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Sender:
    """One connection that stays open, as clients keep it."""

    def __init__(self, address: SplitResult, key: str | None = None) -> None:
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=PATIENCE_S)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def send(
        self,
        method: str,
        path: str,
        *body: bytes | Slice,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200, 201, 204),
    ) -> Reply:
        """Raises RuntimeError for any other answer."""
        size = sum(len(part) if isinstance(part, bytes) else part.end - part.start for part in body)
        self._connection.putrequest(method, path)
        for name, value in (self._headers | dict(headers or {}) | {"Content-Length": str(size)}).items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        for part in body:
            if isinstance(part, bytes):
                self._connection.send(part)
            else:
                self._send_slice(part)
        answer = self._connection.getresponse()
        reply = Reply(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        )
        if reply.status not in accept:
            raise RuntimeError(f"{method} {path}: {reply.status} {reply.body[:300]!r}")
        return reply

    def _send_slice(self, part: Slice) -> None:
        with part.path.open("rb") as file:
            sent = self._connection.sock.sendfile(file, part.start, part.end - part.start)
        assert sent == part.end - part.start

    def close(self) -> None:
        self._connection.close()


def put_file(address: SplitResult, source: Path) -> None:
    sender = Sender(address)
    sender.send("PUT", address.path, Slice(source, 0, source.stat().st_size))
    sender.close()
