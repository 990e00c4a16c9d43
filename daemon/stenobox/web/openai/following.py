"""Waits for a job whose result somebody waits for, and stops it when that somebody goes away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from aiohttp import web

from stenobox.errors import (
    EngineFailed,
    JobCancelled,
    JobFailed,
    NotFound,
    NotSignedIn,
    ShuttingDown,
    StateConflict,
)
from stenobox.types import Event, Identity, Job, JobState
from stenobox.web.keys import EVENTS, JOBS, STREAMS
from stenobox.web.repeats import IDEMPOTENCY_KEY

LOOK_SECONDS: Final = 1.0
"""How often a connection is looked at while nothing else happens."""


class ClientGone(ConnectionResetError):
    """Nobody waits for the answer any more."""


async def follow(request: web.Request, job_id: str, identity: Identity) -> AsyncGenerator[Event | None, None]:
    """The job's events until it is done; None every now and then while nothing happens.

    When the client is gone, or may not read any more, the job is cancelled, unless the request has a key with
    which it can be sent again. Raises ClientGone, NotSignedIn,
    JobCancelled, JobFailed, EngineFailed, ShuttingDown (then the job stays in line: the box goes on with it).
    """
    with (
        request.app[EVENTS].subscribe(identity) as events,
        request.app[STREAMS].opened(identity.user.id) as ended,
    ):
        job = await _job(request, job_id, identity)
        while not job.state.final:
            event: Event | None = None
            # Cancelling a wait for the next event loses none.
            with contextlib.suppress(TimeoutError):
                try:
                    event = await asyncio.wait_for(anext(events), LOOK_SECONDS)
                except StopAsyncIteration:
                    raise ShuttingDown from None
            await _refuse_the_absent(request, job_id, identity, ended)
            if event is not None and event.kind == "reload":
                job = await _job(request, job_id, identity)
            elif event is not None and event.kind == "deleted" and event.data["job_id"] == job_id:
                raise JobCancelled
            elif event is not None and event.kind == "job":
                job = event.data["job"] if event.data["job"].id == job_id else job
            elif event is None or event.data.get("job_id") == job_id:
                yield event
    if job.state is JobState.CANCELLED:
        raise JobCancelled
    if job.state is JobState.FAILED:
        raise JobFailed(problem=job.error_detail or "")
    if job.state is not JobState.DONE:
        raise EngineFailed


async def _job(request: web.Request, job_id: str, identity: Identity) -> Job:
    try:
        return await request.app[JOBS].get(job_id, identity)
    except NotFound:  # in the trash meanwhile
        raise JobCancelled from None


async def _refuse_the_absent(
    request: web.Request, job_id: str, identity: Identity, ended: asyncio.Event
) -> None:
    gone = request.transport is None or request.transport.is_closing()
    if not gone and not ended.is_set():
        return
    if ended.is_set() and request.app[STREAMS].closed:
        raise ShuttingDown
    await abandon(request, job_id, identity)
    raise ClientGone if gone else NotSignedIn


async def abandon(request: web.Request, job_id: str, identity: Identity) -> None:
    """Nobody waits any more: cancel the job, unless the request has a key with which it can be sent again."""
    if IDEMPOTENCY_KEY not in request.headers:
        with contextlib.suppress(NotFound, StateConflict):
            await request.app[JOBS].cancel(job_id, identity)
