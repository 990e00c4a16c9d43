"""`/api/uploads`: a file in pieces of any size and order, each safe to repeat."""

from __future__ import annotations

import asyncio
import re

import msgspec
from aiohttp import web

from stenobox.errors import ChunkTooLarge, EmptyChunk, InvalidRequest
from stenobox.idempotency import Note
from stenobox.intake.upload import Upload
from stenobox.joboptions import order_of
from stenobox.moments import maybe
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.expect import invite_body
from stenobox.web.keys import JOBS, MODELS, PARTIALS, SETTINGS, identity_of
from stenobox.web.pieces import body_of, whole_number
from stenobox.web.repeats import once
from stenobox.web.schemas import NewUpload, Wishes

_SHA256 = re.compile("[0-9a-fA-F]{64}")


async def begin(request: web.Request) -> web.Response:
    """201 with the upload's id and the largest piece that is taken."""
    asked = await read_json(request, NewUpload)
    if asked.sha256 is not None and not _SHA256.fullmatch(asked.sha256):
        raise InvalidRequest(problem="A SHA-256 has 64 hexadecimal digits.")

    async def make(note: Note) -> Upload:
        return await request.app[PARTIALS].begin(
            identity_of(request),
            "chunked",
            filename=asked.filename,
            size=asked.size,
            sha256=asked.sha256.lower() if asked.sha256 else None,
            note=note,
        )

    async def again(upload_id: str) -> Upload:
        return await request.app[PARTIALS].get(upload_id, identity_of(request), "chunked")

    return json_response(_rendered(request, await once(request, asked, make, again)), 201)


async def state(request: web.Request) -> web.Response:
    """What is there, so that a client knows where to go on."""
    return json_response(_rendered(request, await _upload(request)))


async def put_chunk(request: web.Request) -> web.Response:
    """Raw bytes for `?offset=`; answered when they are durable."""
    upload = await _upload(request)
    offset = whole_number(request.query.get("offset"), "The parameter 'offset'")
    limit, length = request.app[SETTINGS].uploads.chunk_bytes, request.content_length
    if not length:
        raise EmptyChunk
    if length > limit:
        raise ChunkTooLarge(limit=limit)
    invite_body(request)
    stream = body_of(request)
    if upload.job_id is None:
        upload = await request.app[PARTIALS].write(upload, offset, length, stream, as_it_comes=False)
    else:  # A repeat that comes after the end: what it brings is there.
        async for _ in stream:
            pass
    return json_response(_rendered(request, upload))


async def finalize(request: web.Request) -> web.Response:
    """201 with the job; the same job when it is asked again."""
    upload = await _upload(request)
    wishes = await read_json(request, Wishes) if request.can_read_body else Wishes()
    fields = {name: value for name, value in msgspec.structs.asdict(wishes).items() if value is not None}
    if isinstance(wishes.options, dict):
        fields["options"] = msgspec.json.encode(wishes.options).decode()
    order = await asyncio.to_thread(order_of, request.app[MODELS], fields)
    identity = identity_of(request)
    job_id = await request.app[PARTIALS].complete(identity, upload, order.options, order.priority)
    return json_response(render.job(await request.app[JOBS].get(job_id, identity)), 201)


async def drop(request: web.Request) -> web.Response:
    """Forget the upload. A job that it has become stays."""
    await request.app[PARTIALS].drop(await _upload(request))
    return web.Response(status=204)


async def _upload(request: web.Request) -> Upload:
    return await request.app[PARTIALS].get(request.match_info["id"], identity_of(request), "chunked")


def _rendered(request: web.Request, upload: Upload) -> answers.Upload:
    # The bytes of one that has become a job are gone from here, and all of them were received.
    whole = upload.size if upload.job_id is not None else None
    return answers.Upload(
        id=upload.id,
        filename=upload.filename,
        size=upload.size,
        received=upload.received if whole is None else whole,
        ranges=[list(part) for part in (upload.ranges if whole is None else ((0, whole),))],
        chunk_size=request.app[SETTINGS].uploads.chunk_bytes,
        expires_at=maybe(upload.expires_at),
        job_id=upload.job_id,
    )
