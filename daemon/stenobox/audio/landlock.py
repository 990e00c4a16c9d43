"""A Landlock domain without one exception: no path can be opened, no TCP port reached, no outsider signalled.

It overlaps with the seccomp filter on purpose. Landlock needs no table of system calls, so it also holds on
machines that the filter does not know; the filter also holds on kernels that were built without Landlock.

Source: landlock(7), include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct

_CREATE_RULESET = 444  # the same numbers on every machine
_RESTRICT_SELF = 446
_ASK_VERSION = 1

_FS_FIRST = (1 << 13) - 1  # execute, write, read, list, remove and make of every kind
_FS_REFER = 1 << 13  # since version 2
_FS_TRUNCATE = 1 << 14  # 3; concerns paths, not descriptors that are open already
_FS_IOCTL_DEV = 1 << 15  # 5
_NET_BIND_AND_CONNECT = 3  # 4
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 3  # 6


def lock_down(libc: ctypes.CDLL) -> bool:
    """Enter the domain with this thread, for good; no_new_privs must be set.

    Returns False where the kernel has no Landlock or refuses it.
    """
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return False
    attributes = ctypes.create_string_buffer(ruleset_of(version))
    # Less the zero that ctypes puts behind it: the kernel refuses sizes that it does not know.
    ruleset = libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes) - 1), 0)
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def ruleset_of(version: int) -> bytes:
    """struct landlock_ruleset_attr: all that a kernel of this version can handle."""
    files = _FS_FIRST
    files |= _FS_REFER if version >= 2 else 0
    files |= _FS_TRUNCATE if version >= 3 else 0
    files |= _FS_IOCTL_DEV if version >= 5 else 0
    fields = [files]
    if version >= 4:
        fields.append(_NET_BIND_AND_CONNECT)
    if version >= 6:
        fields.append(_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"={len(fields)}Q", *fields)
