"""A file held open: what is read from it and what is hashed is one and the same file, unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import weakref
from pathlib import Path
from typing import Final, Self

from .errors import CheckpointError

__all__ = ["HeldFile"]

_CHUNK: Final = 1 << 20  # bytes hashed at a time
_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # opening a FIFO must not wait for its writer
_CACHED: Final = re.compile(r"\.\./\.\./blobs/[0-9a-f]{40,64}")


class HeldFile:
    """A regular file that is open for reading until `close` (or until nothing refers to it any more).

    Every read makes sure that the file's size and time of change are still those of the opening: a file that
    is written to in between gives CheckpointError, not a mixture. Reading from several threads is fine.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Takes over an open descriptor. Raises CheckpointError when it is not a regular file's."""
        self.path: Final = path
        self._descriptor: Final = descriptor
        self._closing: Final = weakref.finalize(self, os.close, descriptor)
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise CheckpointError(f"{path.name} is not a regular file")
        self.size: Final = status.st_size  # bytes
        self._changed: Final = status.st_mtime_ns

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens `path`. Raises OSError when there is no such file, CheckpointError when it is no file."""
        return cls(path, os.open(path, _FLAGS))

    @classmethod
    def open_in(cls, folder: int, path: Path) -> Self:
        """Opens the file of `path`'s name in the folder of the descriptor `folder`.

        A link is followed only as Hugging Face's cache lays them: `snapshots/REVISION/NAME` links to
        `../../blobs/HASH`. Raises OSError when there is no such file, CheckpointError for any other link.
        """
        try:
            descriptor = os.open(path.name, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            target = os.readlink(path.name, dir_fd=folder)
            if not _CACHED.fullmatch(target):
                raise CheckpointError(
                    f"{path.name} is a link that leads out of the model's folder"
                ) from error
            descriptor = os.open(target, _FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        return cls(path, descriptor)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset` on. Raises CheckpointError when there are fewer."""
        if offset + length > self.size:  # before anything is allocated
            raise CheckpointError(f"{self.path.name} ends too early; download it again")
        data = bytearray(length)
        self.read_into(offset, memoryview(data))
        return bytes(data)

    def read_into(self, offset: int, buffer: memoryview) -> None:
        """Fills `buffer` with the bytes from `offset` on. Raises CheckpointError when there are fewer."""
        self._check()
        done = 0
        try:
            while done < len(buffer):
                if not (count := os.preadv(self._descriptor, [buffer[done:]], offset + done)):
                    raise CheckpointError(f"{self.path.name} ends too early; download it again")
                done += count
        except OSError as error:
            raise CheckpointError(f"cannot read {self.path.name}: {error.strerror or error}") from error
        self._check()

    def sha256(self) -> str:
        """SHA-256 of the whole file, lower-case hexadecimal."""
        digest = hashlib.sha256()
        buffer = memoryview(bytearray(min(_CHUNK, self.size)))
        for offset in range(0, self.size, _CHUNK):
            part = buffer[: min(_CHUNK, self.size - offset)]
            self.read_into(offset, part)
            digest.update(part)
        return digest.hexdigest()

    def close(self) -> None:
        """Closes the file; afterwards every read raises CheckpointError."""
        self._closing()

    def _check(self) -> None:
        if not self._closing.alive:
            raise CheckpointError(f"{self.path.name} is closed already")
        status = os.fstat(self._descriptor)
        if (status.st_size, status.st_mtime_ns) != (self.size, self._changed):
            raise CheckpointError(f"{self.path.name} was changed while it was being read; start again")
