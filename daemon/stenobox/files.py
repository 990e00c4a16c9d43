"""The only durable write of the product, and the lock that gives the data to one process.

A write is durable when the bytes and the directory entry that names them would survive a power cut. The order
is always: temporary file in the same file system, length check, fsync, close, rename, fsync of the folders. A
reader therefore sees the old content or the new one, never a part.

All functions here block: call them in a thread from the event loop.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import ParamSpec

from stenobox.errors import DataError, DataInUse, DiskFull

P = ParamSpec("P")

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Turn "no space left" and "quota exceeded" into DiskFull; other OSErrors pass unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DiskFull from error
        raise


def free_bytes(path: Path) -> int:
    """Bytes that this process may still write on the file system of `path` (without root's reserve)."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def fsync_dir(path: Path) -> None:
    """Make the entries of a folder durable: a rename is only kept once its folder is synced."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the bytes of a file durable. Raises DiskFull when delayed allocation finds no room."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with disk_errors():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begin_writeback(descriptor: int, offset: int, count: int) -> None:
    """Let the disk begin with dirty bytes now, so that the fsync at the end finds little left to do.

    Linux begins to write a dirty range when it is told that nobody will need it.
    """
    os.posix_fadvise(descriptor, offset, count, os.POSIX_FADV_DONTNEED)


def held(
    descriptors: contextlib.ExitStack, opened: Callable[P, int], *args: P.args, **kwargs: P.kwargs
) -> int:
    """A descriptor that `descriptors` closes also when whoever waits for it is cancelled meanwhile."""
    descriptor = opened(*args, **kwargs)
    descriptors.callback(os.close, descriptor)
    return descriptor


def make_dir(path: Path, mode: int = PRIVATE_FOLDER) -> None:
    """Create a folder and its missing parents durably; one that exists is left alone."""
    if path.is_dir():
        return
    if path.parent != path:
        make_dir(path.parent, mode)
    with disk_errors(), contextlib.suppress(FileExistsError):
        path.mkdir(mode)
    fsync_dir(path.parent)


def publish(temp: Path, final: Path) -> None:
    """Move a finished file to the name under which others look for it, durably.

    `final`'s folder is created when it is missing. A file that already has the name is replaced in one step.
    Raises DiskFull, or OSError when the two are on different file systems; `temp` is then still there.
    """
    fsync_file(temp)
    make_dir(final.parent)
    with disk_errors():
        temp.replace(final)
        fsync_dir(final.parent)
        if temp.parent != final.parent:
            fsync_dir(temp.parent)


def write_durable(
    path: Path, data: bytes, mode: int = PRIVATE_FILE, owner: tuple[int, int] | None = None
) -> None:
    """Replace the content of `path` so that a crash leaves either the old content or all of the new.

    `owner` (uid and gid) is whom root gives the file to. Raises DiskFull (nothing changed, no leftover) or
    OSError.
    """
    temp = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with disk_errors():
            descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if owner is not None:
                    os.fchown(descriptor, *owner)
            written = temp.stat().st_size
            if written != len(data):
                raise OSError(errno.EIO, f"{written} of {len(data)} bytes were written")
        publish(temp, path)
    except BaseException:
        temp.unlink(missing_ok=True)
        raise


class DataLock:
    """Exclusive ownership of a data folder, for as long as the process lives or until `release()`.

    flock(2) and not a file that exists or not: the kernel drops it with the process, however that ends. The
    descriptor is close-on-exec, so a decoding child does not inherit the ownership.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise DataInUse at once when another process (or another DataLock) holds it.

        Raises DataError when the lock file cannot be opened.
        """
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise DataError(problem=f"{self._path} cannot be opened: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise DataInUse(folder=self._path.parent, pid=holder) from error
        except BaseException:
            os.close(descriptor)
            raise
        # Only for the message that a second process shows; the lock itself is what counts.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the data back. Harmless when the lock is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DataLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
