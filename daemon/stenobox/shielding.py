"""Work that must not be abandoned half-way when the task that waits for it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def finish(awaitable: Awaitable[T]) -> T:
    """Wait until `awaitable` is over, even when cancelled meanwhile; a cancellation is passed on afterwards.

    asyncio.shield alone is not enough where order matters: it lets the waiter go on while the work still
    runs, and a file would be removed under a thread that writes to it, or a connection reused in mid-COMMIT.
    """
    work = asyncio.ensure_future(awaitable)
    interrupted = False
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        if not work.cancelled():
            work.exception()  # Marks it as seen: the cancellation is what the caller is told.
        raise asyncio.CancelledError
    return work.result()
