"""`GET /api/jobs/{id}/transcript`: the current version in the format that was asked for."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from stenobox.errors import InvalidRequest
from stenobox.exports import FORMATS, render
from stenobox.web.disposition import attachment
from stenobox.web.keys import JOBS, TRANSCRIPTS, identity_of
from stenobox.web.preconditions import tag_of


async def transcript(request: web.Request) -> web.Response:
    """Query: `format` (json), `download=1` for an attachment named like the recording."""
    kind = request.query.get("format", "json")
    if kind not in FORMATS:
        raise InvalidRequest(problem=f"The format is one of: {', '.join(FORMATS)}.")
    identity = identity_of(request)
    job_id = request.match_info["id"]
    found = await request.app[TRANSCRIPTS].get(job_id, identity)
    # In a thread: ten hours of speech are some megabytes of text.
    body, media_type, extension = await asyncio.to_thread(render, found, kind)
    # RFC 8259: JSON has no charset parameter; of text/* a browser would guess it.
    charset = "" if media_type == "application/json" else "; charset=utf-8"
    headers = {hdrs.CONTENT_TYPE: media_type + charset, hdrs.ETAG: tag_of(found.version)}
    if request.query.get("download") == "1":
        job = await request.app[JOBS].get(job_id, identity)
        headers[hdrs.CONTENT_DISPOSITION] = attachment(job.filename, extension)
    return web.Response(body=body, headers=headers)
