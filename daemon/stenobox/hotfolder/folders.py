"""Touches the files of an inbox, to which people have access who have none to the box.

Folders are opened one component at a time and without following a symbolic link, so that no name leads out of
the inbox; what is done to a file is done relative to its open folder. A file that is there already is never
replaced. New files get the folder's group and the rights that the folder gives, so that whoever can list them
can read them. All functions block.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from stenobox.files import disk_errors

__all__ = ["TEMPORARY", "Place", "folder", "move", "open_file", "remove", "sweep", "write_new"]

Place = tuple[str, ...]
"""Where a file is in its inbox: the names of folders, then its own, as os.fsdecode gives them."""

TEMPORARY = ".stenobox-"
"""What a file that is being written is called, until it has its name."""

_LEFT_OVER = re.compile(rf"{re.escape(TEMPORARY)}[0-9a-f]+\.tmp")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TRIES = 1_000


@contextlib.contextmanager
def folder(root: Path, parts: Place, *, create: bool = False) -> Iterator[int]:
    """A descriptor of a folder in the inbox. Raises OSError: FileNotFoundError, or ENOTDIR for a link."""
    descriptor = os.open(root, _FOLDER)
    try:
        for part in parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
            except FileNotFoundError:
                if not create:
                    raise
                inner = _made(part, descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def open_file(root: Path, place: Place) -> int:
    """A descriptor to read from. Raises OSError.

    O_NONBLOCK, so that a pipe that lies there holds nobody up.
    """
    with folder(root, place[:-1]) as parent:
        return os.open(place[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)


def write_new(root: Path, parts: Place, names: Iterator[str], content: bytes) -> None:
    """Write a file under the first of `names` that is free, whole or not at all, durably.

    A file of such a name that has this very content is the one that was to be written: a crash came between.
    Raises DiskFull, OSError.
    """
    with folder(root, parts, create=True) as parent:
        temporary = f"{TEMPORARY}{secrets.token_hex(8)}.tmp"
        try:
            _write(parent, temporary, content)
            for _ in range(_TRIES):
                name = next(names)
                held = _content(parent, name, len(content))
                if held == content:
                    return
                if held is None and _linked(parent, temporary, name):
                    break
            else:
                raise FileExistsError
            os.fsync(parent)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=parent)


def move(root: Path, place: Place, parts: Place, names: Iterator[str]) -> str:
    """Move a file into another folder of the inbox, under the first of `names` that is free; returns it.

    Raises OSError.
    """
    with folder(root, place[:-1]) as source, folder(root, parts, create=True) as target:
        for _ in range(_TRIES):
            name = next(names)
            if _content(target, name, 0) is not None:
                continue
            os.rename(place[-1], name, src_dir_fd=source, dst_dir_fd=target)
            os.fsync(target)
            os.fsync(source)
            return name
    raise FileExistsError


def remove(root: Path, place: Place) -> None:
    """Remove a file, durably. Raises OSError."""
    with folder(root, place[:-1]) as parent:
        os.unlink(place[-1], dir_fd=parent)
        os.fsync(parent)


def sweep(root: Path) -> int:
    """Remove files that were being written, or removed, when the power went; returns how many. Only while
    nothing is written to the inbox. Raises OSError for the inbox itself.
    """
    swept = 0
    os.close(os.open(root, _FOLDER))
    for _path, _folders, files, parent in os.fwalk(root, follow_symlinks=False):
        for name in filter(_LEFT_OVER.fullmatch, files):
            # Gone, or not ours to change: it is one of many then, and in nobody's way.
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=parent)
                swept += 1
    return swept


def _made(name: str, parent: int) -> int:
    with disk_errors(), contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    descriptor = os.open(name, _FOLDER, dir_fd=parent)
    try:
        _shared_as(parent, descriptor, 0o7777)
        os.fsync(parent)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(parent: int, name: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with disk_errors():
        descriptor = os.open(name, flags, 0o600, dir_fd=parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            _shared_as(parent, descriptor, 0o666)
            os.fsync(descriptor)


def _shared_as(parent: int, descriptor: int, rights: int) -> None:
    """Give what is new the parent's group and, of these rights, those that the parent has."""
    status = os.fstat(parent)
    with contextlib.suppress(OSError):  # a share that knows no owners and rights
        os.fchown(descriptor, -1, status.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & rights)


def _linked(parent: int, temporary: str, name: str) -> bool:
    """Give a finished file its name; False when the name was taken in this moment."""
    try:
        os.link(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except FileExistsError:
        return False
    except OSError:  # no hard links on this file system
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    return True


def _content(parent: int, name: str, limit: int) -> bytes | None:
    """Of a file, `limit` bytes and one; b"" of what is no file; None when there is nothing of that name."""
    try:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size != limit:
        return b"" if limit else b"?"
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(limit + 1)
