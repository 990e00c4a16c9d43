"""`GET /api/jobs/{id}/transcript`: the current version in the format that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from stenobox.exports import FORMATS, check, render
from stenobox.exports.names import safe_stem, title_of
from stenobox.types import Identity, Job
from stenobox.web.disposition import attachment
from stenobox.web.exporting import options_of
from stenobox.web.headers import SANDBOX
from stenobox.web.keys import JOBS, READS, TRANSCRIPTS, identity_of
from stenobox.web.preconditions import tag_of


async def transcript(request: web.Request) -> web.Response:
    """Query: `format` (json), `download=1` for an attachment named like the recording, options of exports."""
    identity, reads = identity_of(request), request.app[READS]

    async def note(job: Job, download: bool) -> None:
        await reads.note(identity, "transcript", f"job:{job.id}", job.owner_id, download=download)

    return await send_transcript(request, identity, note)


async def send_transcript(
    request: web.Request, identity: Identity, note: Callable[[Job, bool], Awaitable[None]]
) -> web.Response:
    """The transcript as the query asks for it, read as `identity`. `note(job, download)` is awaited before
    anything of it is given away.
    """
    kind = request.query.get("format", "json")
    options = options_of(request)
    check([kind], options)
    job_id = request.match_info["id"]
    found = await request.app[TRANSCRIPTS].get(job_id, identity)
    job = await request.app[JOBS].get(job_id, identity)
    download = request.query.get("download") == "1"
    await note(job, download)
    # In a thread: ten hours of speech are some megabytes of text.
    body, _, extension = await asyncio.to_thread(render, found, kind, options, title=title_of(job))
    headers: dict[str, str] = {
        hdrs.CONTENT_TYPE: FORMATS[kind].content_type,
        hdrs.ETAG: tag_of(found.version),
    }
    if kind == "html":
        # It may be looked at in place: with its own style, and as a page that can do nothing.
        headers["Content-Security-Policy"] = f"{SANDBOX}; style-src 'unsafe-inline'"
    if download:
        headers[hdrs.CONTENT_DISPOSITION] = attachment(f"{safe_stem(title_of(job))}.{extension}", extension)
    return web.Response(body=body, headers=headers)
