"""`GET /api/jobs/{id}/transcript`: the text in the format that was asked for."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from stenobox.errors import InvalidRequest
from stenobox.exports import FORMATS, render
from stenobox.web.disposition import attachment
from stenobox.web.keys import JOBS, READS, TRANSCRIPTS, identity_of


async def transcript(request: web.Request) -> web.Response:
    """Query: `format` (json), `download=1` for an attachment named like the recording."""
    kind = request.query.get("format", "json")
    if kind not in FORMATS:
        raise InvalidRequest(problem=f"The format is one of: {', '.join(FORMATS)}.")
    identity = identity_of(request)
    job_id = request.match_info["id"]
    found = await request.app[TRANSCRIPTS].get(job_id, identity)
    job = await request.app[JOBS].get(job_id, identity)
    download = request.query.get("download") == "1"
    await request.app[READS].note(identity, "transcript", f"job:{job_id}", job.owner_id, download=download)
    # In a thread: ten hours of speech are some megabytes of text.
    body, media_type, extension = await asyncio.to_thread(render, found, kind)
    # RFC 8259: JSON has no charset parameter; of text/* a browser would guess it.
    charset = "" if media_type == "application/json" else "; charset=utf-8"
    headers = {hdrs.CONTENT_TYPE: media_type + charset}
    if download:
        headers[hdrs.CONTENT_DISPOSITION] = attachment(job.filename, extension)
    return web.Response(body=body, headers=headers)
