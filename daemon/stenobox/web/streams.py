"""Answers that stay open (event streams), and what ends them from the outside."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator

from aiohttp import hdrs, web

STALLED_S = 30.0
"""A reader that takes nothing for this long is gone; a page connects again if it is not."""


def event_stream() -> web.StreamResponse:
    """An answer of server-sent events (HTML Living Standard, section 9.2), not begun."""
    response = web.StreamResponse()
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    # nginx would collect events in its buffer otherwise.
    response.headers["X-Accel-Buffering"] = "no"
    return response


class OpenStreams:
    """Every open stream waits on an event of its own, so that it ends when its user's access does."""

    def __init__(self) -> None:
        self._by_user: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        self._closed = False

    def __len__(self) -> int:
        return sum(len(streams) for streams in self._by_user.values())

    @property
    def closed(self) -> bool:
        """Whether the process stops."""
        return self._closed

    @contextlib.contextmanager
    def opened(self, user_id: int) -> Iterator[asyncio.Event]:
        """Yields an event that is set when the stream has to end."""
        ended = asyncio.Event()
        if self._closed:
            ended.set()
        self._by_user[user_id].add(ended)
        try:
            yield ended
        finally:
            self._by_user[user_id].discard(ended)
            if not self._by_user[user_id]:
                del self._by_user[user_id]

    def end_of(self, user_id: int) -> None:
        """The user lost access, or signed out."""
        for ended in tuple(self._by_user.get(user_id, ())):
            ended.set()

    def end_all(self) -> None:
        """The process stops: every stream ends, and new ones end at once."""
        self._closed = True
        for user_id in tuple(self._by_user):
            self.end_of(user_id)
