"""What both roads for uploads in pieces read from a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from stenobox.errors import InvalidRequest
from stenobox.web.forms import CHUNK_BYTES, STALLED_S


async def body_of(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises InvalidRequest when it stalls, ConnectionError when it breaks off."""
    while True:
        try:
            async with asyncio.timeout(STALLED_S):
                piece = await request.content.read(CHUNK_BYTES)
        except TimeoutError as error:
            raise InvalidRequest(problem=f"No byte arrived for {STALLED_S:.0f} seconds.") from error
        if not piece:
            return
        yield piece


def whole_number(text: str | None, name: str) -> int:
    """A count of bytes as HTTP writes it. Raises InvalidRequest."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 18:
        raise InvalidRequest(problem=f"{name} is a whole number of bytes.")
    return int(text)
