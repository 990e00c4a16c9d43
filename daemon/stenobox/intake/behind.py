"""Writing in a thread while the next bytes are already being read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

from stenobox.shielding import finish

P = ParamSpec("P")


class WriteBehind:
    """Runs one piece of work at a time, most often a blocking call in some thread, behind its owner's back.

    At most one is under way, so its owner holds two blocks at most. What a call raises comes out of the
    next `start` or `end`. Whoever started anything has to `end` before touching what the calls work on, also
    after an error.
    """

    def __init__(self) -> None:
        self._work: asyncio.Task[object] | None = None

    async def start(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Wait for the call before, then begin this one. Raises what the one before raised."""
        await self.follow(asyncio.to_thread(call, *args, **kwargs))

    async def follow(self, work: Coroutine[Any, Any, object]) -> None:
        """The same for work that is not one blocking call."""
        try:
            await self.end()
        except BaseException:
            work.close()
            raise
        self._work = asyncio.create_task(work)

    async def end(self) -> None:
        """Return when nothing is under way, even when cancelled. Raises what the last call raised."""
        work, self._work = self._work, None
        if work is not None:
            await finish(work)
