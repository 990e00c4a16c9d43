"""The decoding child gives up what it does not need, before it reads the first byte of a recording.

What holds everywhere: limits on address space, processor time, file size, descriptors and processes; no core
file; no new privileges; death together with the parent; and at least one of two walls, a seccomp filter
(`seccomp.py`) and a Landlock domain (`landlock.py`), of which Linux 5.13 and later has both. What is tried on
top and may be refused by the machine: a network namespace with no interface in it (a user namespace lets an
unprivileged process make one).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal

from stenobox.audio import landlock, protocol, seccomp

_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

MAX_DESCRIPTORS = 16
CPU_GRACE_SECONDS = 2  # between SIGXCPU, which tells the parent why, and SIGKILL


class NotConfined(Exception):
    """The machine grants neither a seccomp filter nor a Landlock domain."""


def confine(*, memory_bytes: int, cpu_seconds: int, file_bytes: int, parent: int) -> list[str]:
    """Apply every limit to this process, for good. Returns the walls around it: keys of `protocol.WALLS`.

    Everything that the process will need must be imported by now: it cannot open a file any more.

    Raises NotConfined, or OSError when a limit that must hold cannot be set.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    # First, because it needs rights that are given up below; a new user namespace also drops every capability
    # that a process started by root would still have over the machine.
    walls = [protocol.NETWORK] if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0 else []
    _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
    # After unshare: a change of credentials clears it (prctl(2)).
    _prctl(libc, _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise OSError("the parent is gone")
    _prctl(libc, _PR_SET_DUMPABLE, 0)
    with contextlib.suppress(OSError):
        os.nice(5)  # a person waits for the daemon's answers, not for the decoder
    lower_limits(memory_bytes=memory_bytes, cpu_seconds=cpu_seconds, file_bytes=file_bytes)
    # Last, since the filter refuses the calls above.
    if landlock.lock_down(libc):
        walls.append(protocol.LANDLOCK)
    if seccomp.lock_down(libc):
        walls.append(protocol.SECCOMP)
    if protocol.LANDLOCK not in walls and protocol.SECCOMP not in walls:
        raise NotConfined
    return walls


def lower_limits(*, memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """The limits alone. Raises OSError when one cannot be set."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, MAX_DESCRIPTORS)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + CPU_GRACE_SECONDS)


def _lower(what: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, never above the one that is already in force."""
    _, ceiling = resource.getrlimit(what)
    hard = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(what, (soft, hard))


def _prctl(libc: ctypes.CDLL, option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
