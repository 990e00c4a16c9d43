"""Jobs: look at them, and change their course. New ones come through `uploads.py`."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stenobox.errors import InvalidRequest
from stenobox.library import tags
from stenobox.types import JobState, Priority
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import JOBS, READS, TRASH, identity_of
from stenobox.web.query import flag, limit_of
from stenobox.web.schemas import PriorityChange
from stenobox.worker.checkpoint import lines


async def list_jobs(request: web.Request) -> web.Response:
    """Query: `state`, `tag`, `limit`, `cursor`; `trashed=1`: those in the trash; `shared=1`: of others."""
    tag = request.query.get("tag")
    page = await request.app[JOBS].list(
        identity_of(request),
        state=_state(request.query.get("state")),
        limit=limit_of(request),
        cursor=request.query.get("cursor"),
        trashed=flag(request, "trashed"),
        shared=flag(request, "shared"),
        tag=None if tag is None else tags.key_of(tags.clean(tag)),
    )
    return json_response(answers.JobPage([render.job(job) for job in page.jobs], page.next))


async def get_job(request: web.Request) -> web.Response:
    job = await request.app[JOBS].get(request.match_info["id"], identity_of(request))
    return json_response(render.job(job))


async def heard(request: web.Request) -> web.Response:
    """The lines so far of a job that runs, for whoever comes in the middle; empty once it is over."""
    identity, jobs = identity_of(request), request.app[JOBS]
    job = await jobs.get(request.match_info["id"], identity)
    saved = await jobs.checkpoint(job.id, identity)
    if saved is not None:
        await request.app[READS].note(identity, "transcript", f"job:{job.id}", job.owner_id, download=False)
    return json_response({"segments": await asyncio.to_thread(lines, saved)})


async def delete_job(request: web.Request) -> web.Response:
    """Into the trash; with `permanent=1`, what is in the trash for good."""
    trash = request.app[TRASH]
    delete = trash.erase_job if flag(request, "permanent") else trash.put_job
    await delete(request.match_info["id"], identity_of(request))
    return web.Response(status=204)


async def restore_job(request: web.Request) -> web.Response:
    """Out of the trash, with its recording."""
    job = await request.app[TRASH].restore_job(request.match_info["id"], identity_of(request))
    return json_response(render.job(job))


async def cancel_job(request: web.Request) -> web.Response:
    job = await request.app[JOBS].cancel(request.match_info["id"], identity_of(request))
    return json_response(render.job(job))


async def retry_job(request: web.Request) -> web.Response:
    job = await request.app[JOBS].retry(request.match_info["id"], identity_of(request))
    return json_response(render.job(job))


async def set_priority(request: web.Request) -> web.Response:
    body = await read_json(request, PriorityChange)
    priority = Priority[body.priority.upper()]
    job = await request.app[JOBS].set_priority(request.match_info["id"], identity_of(request), priority)
    return json_response(render.job(job))


async def stats(request: web.Request) -> web.Response:
    return json_response(await request.app[JOBS].stats())


def _state(text: str | None) -> JobState | None:
    try:
        return None if text is None else JobState(text)
    except ValueError:
        states = ", ".join(JobState)
        raise InvalidRequest(problem=f"The state of a job is one of: {states}.") from None
