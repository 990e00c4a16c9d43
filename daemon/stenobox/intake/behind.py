"""Writing in a thread while the next bytes are already being read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec

from stenobox.shielding import finish

P = ParamSpec("P")


class WriteBehind:
    """Runs one blocking call at a time in some thread, in order, and lets its owner go on meanwhile.

    At most one call is under way, so its owner holds two blocks at most. What a call raises comes out of the
    next `start` or `end`. Whoever started anything has to `end` before touching what the calls work on, also
    after an error.
    """

    def __init__(self) -> None:
        self._work: asyncio.Task[object] | None = None

    async def start(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Wait for the call before, then begin this one. Raises what the one before raised."""
        await self.end()
        self._work = asyncio.create_task(asyncio.to_thread(call, *args, **kwargs))

    async def end(self) -> None:
        """Return when nothing is under way, even when cancelled. Raises what the last call raised."""
        work, self._work = self._work, None
        if work is not None:
            await finish(work)
