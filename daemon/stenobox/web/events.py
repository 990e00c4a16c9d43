"""`GET /api/events`: server-sent events (HTML Living Standard, section 9.2).

Event names: `job`, `segments`, `transcript`, `deleted`, `reload`; see `stenobox.events`. A comment each 15 s
shows that the box is alive. There are no event ids: who was away reads the lists again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable

import msgspec
from aiohttp import web

from stenobox.events import Subscription
from stenobox.types import Event, Identity, Right
from stenobox.web import render
from stenobox.web.identify import still_allowed
from stenobox.web.keys import EVENTS, STREAMS, identity_of
from stenobox.web.streams import STALLED_S, event_stream

HEARTBEAT_S = 15.0


async def events(request: web.Request) -> web.StreamResponse:
    identity = identity_of(request)
    response = event_stream()
    with (
        request.app[EVENTS].subscribe(identity) as subscription,
        request.app[STREAMS].opened(identity.user.id) as ended,
    ):
        await response.prepare(request)
        # A client that went away is no fault of ours.
        with contextlib.suppress(ConnectionResetError, TimeoutError):
            allowed = functools.partial(still_allowed, request)
            async with contextlib.aclosing(_frames(subscription, identity, ended, allowed)) as frames:
                async for frame in frames:
                    await asyncio.wait_for(response.write(frame), STALLED_S)
    return response


async def _frames(
    subscription: Subscription,
    identity: Identity,
    ended: asyncio.Event,
    allowed: Callable[[], Awaitable[bool]],
) -> AsyncGenerator[bytes, None]:
    """Frames to send until the subscription or the user's access ends. `ended` tells of an end that somebody
    made; `allowed` is asked from time to time, for keys and sessions that expire.
    """
    yield b": connected\n\n"
    clock = asyncio.get_running_loop().time
    due = clock() + HEARTBEAT_S
    end = asyncio.ensure_future(ended.wait())
    following = asyncio.ensure_future(anext(subscription))
    try:
        while True:
            await asyncio.wait({end, following}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                return
            if clock() >= due:
                if not await allowed():
                    return
                due = clock() + HEARTBEAT_S
            if not following.done():
                yield b": alive\n\n"
                continue
            try:
                event = following.result()
            except StopAsyncIteration:
                return
            following = asyncio.ensure_future(anext(subscription))
            yield frame_of(event, event.right_of(identity) or Right.READ)
    finally:
        end.cancel()
        following.cancel()


def frame_of(event: Event, right: Right = Right.OWN) -> bytes:
    """One event on the wire, for a reader with this right. JSON escapes line breaks, so the data is always
    one line.
    """
    return b"event: %s\ndata: %s\n\n" % (event.kind.encode(), msgspec.json.encode(render.event(event, right)))
