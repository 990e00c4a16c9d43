"""Writes a piece of an upload to its file, and never over bytes that were acknowledged."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from stenobox.errors import ChunkConflict, DiskFull
from stenobox.files import PRIVATE_FILE, begin_writeback, disk_errors, free_bytes, fsync_dir
from stenobox.intake.ranges import Ranges, split

__all__ = ["PieceWriter", "RunningHash"]

READ_BYTES = 2**20

FLUSH_BYTES = 2**22
"""After so many bytes the disk is told to begin: a piece is acknowledged once all of it is there, and its
sender waits for what is still missing then.
"""


class RunningHash:
    """SHA-256 of a file from its start on, taken while it is written, so that a large file whose pieces come
    in order need not be read again. Pieces that come out of order are read at the end.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._position = 0
        self._lock = threading.Lock()  # Two pieces may be written at once, each in a thread.

    def saw(self, offset: int, block: memoryview) -> None:
        """These bytes are in the file now."""
        with self._lock:
            if offset == self._position:
                self._hash.update(block)
                self._position += len(block)

    def of_all(self, path: Path) -> str:
        """Of the whole file, in hexadecimal; blocks."""
        with path.open("rb") as file:
            file.seek(self._position)
            while block := file.read(READ_BYTES):
                self._hash.update(block)
        return self._hash.hexdigest()


class PieceWriter:
    """Writes one request's bytes. Its methods block; all but `sync` are called one at a time."""

    def __init__(self, path: Path, there: Ranges, first: int, reserve: int, running: RunningHash) -> None:
        self.first = first
        self.at = first
        self._path = path
        self._there = there
        self._reserve = reserve
        self._running = running
        self._flushed = first
        self._descriptor = -1

    def open(self) -> None:
        with disk_errors():
            new = not self._path.exists()
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            if new:
                fsync_dir(self._path.parent)

    def write(self, block: bytes | bytearray) -> None:
        """Raises ChunkConflict before anything of the block is written, DiskFull."""
        if not block:
            return
        if free_bytes(self._path.parent) - len(block) < self._reserve:
            raise DiskFull
        view, at = memoryview(block), self.at
        spans = list(split(self._there, at, at + len(block)))
        for first, last, there in spans:
            if there and os.pread(self._descriptor, last - first, first) != view[first - at : last - at]:
                raise ChunkConflict(offset=first)
        for first, last, there in spans:
            if not there:
                self._write_at(first, view[first - at : last - at])
        self._running.saw(at, view)
        self.at += len(block)
        if self.at - self._flushed >= FLUSH_BYTES:
            begin_writeback(self._descriptor, self._flushed, self.at - self._flushed)
            self._flushed = self.at

    def _write_at(self, offset: int, rest: memoryview) -> None:
        with disk_errors():
            while rest:
                written = os.pwrite(self._descriptor, rest, offset)
                offset, rest = offset + written, rest[written:]

    def sync(self) -> None:
        """What `write` had written when this began is on the disk when it returns."""
        with disk_errors():
            os.fsync(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
