"""Corrections of a transcript: a new version, the list of them, what changed, and the way back."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import hdrs, web

from stenobox.editing.lines import MAX_CHARACTERS, MAX_LINES, Line
from stenobox.errors import NotFound
from stenobox.exports import render
from stenobox.types import Transcript
from stenobox.web import texts_shapes as shapes
from stenobox.web.bodies import json_response, read_json
from stenobox.web.expect import invite_body
from stenobox.web.keys import JOBS, READS, VERSIONS, identity_of
from stenobox.web.preconditions import expected_number, tag_of

MAX_BODY: Final = 2 * MAX_CHARACTERS + 100 * MAX_LINES
"""Bytes of the largest transcript as JSON: two a character, most languages included, and its times."""


async def correct(request: web.Request) -> web.Response:
    """PUT: all lines of the new version. With If-Match only if nobody was quicker."""
    job_id, identity, expected = request.match_info["id"], identity_of(request), expected_number(request)
    # Before megabytes are sent for nothing.
    await request.app[VERSIONS].current(job_id, identity, expected=expected)
    invite_body(request)
    body = await read_json(request, shapes.CorrectedTranscript, limit=MAX_BODY)
    lines = await asyncio.to_thread(
        lambda: [Line(line.start, line.end, line.text, line.channel) for line in body.segments]
    )
    made = await request.app[VERSIONS].add(job_id, identity, lines, expected=expected)
    return await _current(made)


async def versions(request: web.Request) -> web.Response:
    found = await request.app[VERSIONS].list(request.match_info["id"], identity_of(request))
    return json_response(shapes.VersionList([shapes.version(each) for each in found]))


async def version(request: web.Request) -> web.Response:
    job_id, identity = request.match_info["id"], identity_of(request)
    job = await request.app[JOBS].get(job_id, identity)
    await request.app[READS].note(identity, "transcript", f"job:{job_id}", job.owner_id, download=False)
    found, transcript = await request.app[VERSIONS].get(job_id, _number(request.match_info["n"]), identity)
    return json_response(await asyncio.to_thread(shapes.version_text, found, transcript))


async def diff(request: web.Request) -> web.Response:
    """Query: `against`, the older version; the one before otherwise."""
    new = _number(request.match_info["n"])
    old = _number(request.query.get("against", str(max(1, new - 1))))
    found = await request.app[VERSIONS].compare(request.match_info["id"], old, new, identity_of(request))
    return json_response(await asyncio.to_thread(shapes.difference_of, new, old, found))


async def restore(request: web.Request) -> web.Response:
    """A new version that says what an older one said."""
    made = await request.app[VERSIONS].restore(
        request.match_info["id"],
        _number(request.match_info["n"]),
        identity_of(request),
        expected=expected_number(request),
    )
    return await _current(made)


async def _current(transcript: Transcript) -> web.Response:
    export = await asyncio.to_thread(render, transcript, "json")
    headers = {hdrs.CONTENT_TYPE: export.media_type, hdrs.ETAG: tag_of(transcript.version)}
    return web.Response(body=export.content, headers=headers)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise NotFound(what="version")
    return int(text)
