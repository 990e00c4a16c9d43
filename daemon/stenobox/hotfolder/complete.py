"""Whether a copy into the folder has ended: neither a size that stays nor "closed" proves that.

Windows sets the size of a file first and writes it afterwards; a connection that breaks leaves a file of the
full size whose rest was never written; a copy by `cp -r` may be over before anybody watches the new folder.
What holds: nobody has the file open for writing (the kernel grants a lease only then; samba's own descriptor
counts), it has not changed for a while, and there is no hole where its end should be.

Source: fcntl(2), F_SETLEASE and F_SETSIG; lseek(2), SEEK_HOLE.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from stenobox.hotfolder.folders import Place, folder

__all__ = ["Look", "State", "look_at", "look_of", "state_of"]


@dataclass(frozen=True, slots=True)
class Look:
    """What tells one content of a file from another without reading it."""

    inode: int
    size: int
    modified_ns: int


class State(Enum):
    CLOSED = auto()  # nobody writes to it
    OPEN = auto()
    UNKNOWN = auto()  # the kernel does not tell: a share of another machine, or no right to ask
    CUT_OFF = auto()  # nobody writes to it, and its end was never written


def look_at(root: Path, place: Place) -> Look | None:
    """Of the file there now; None when there is none. Raises OSError for other trouble. Blocks."""
    try:
        with folder(root, place[:-1]) as parent:
            status = os.stat(place[-1], dir_fd=parent, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return look_of(status) if stat.S_ISREG(status.st_mode) else None


def look_of(status: os.stat_result) -> Look:
    return Look(status.st_ino, status.st_size, status.st_mtime_ns)


def state_of(descriptor: int) -> State:
    """Of a file that is open for reading here."""
    try:
        # A writer that comes in this moment is told by a signal, which by default ends a process: SIGURG
        # does not.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return State.OPEN if error.errno == errno.EAGAIN else State.UNKNOWN
    return State.CUT_OFF if _ends_in_a_hole(descriptor) else State.CLOSED


def _ends_in_a_hole(descriptor: int) -> bool:
    """Whether the last byte was never written. A file system that knows no holes answers no."""
    size = os.fstat(descriptor).st_size
    if size == 0:
        return False
    try:
        return os.lseek(descriptor, size - 1, os.SEEK_HOLE) < size
    except OSError:
        return False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
