"""The C library's heap: freed memory that the process gives back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["large_blocks_given_back"]

# mallopt(3) and malloc.h of glibc. Its own threshold rises to the size of what was freed, up to 32 MiB.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_LARGE: Final = 256 << 10
_USUAL: Final = 32 << 20


@contextmanager
def large_blocks_given_back() -> Iterator[None]:
    """Within it, memory of 256 KiB and more goes back to the system as soon as it is freed.

    For loading a model: its weights are allocated, repacked and freed one after the other, and glibc would
    keep a good part of that, in gaps between what stays. Afterwards freed memory is kept again, since a run's
    memory costs a page fault every 4 KiB if it is new each time. Does nothing without glibc.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TRIM_THRESHOLD, _LARGE)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_THRESHOLD, _USUAL)
        libc.mallopt(_TRIM_THRESHOLD, 2 * _USUAL)
        libc.malloc_trim(0)
