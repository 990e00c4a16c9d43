"""Exports of several jobs, their deletion, and the options of exports in a query."""

from __future__ import annotations

import contextlib

import msgspec
from aiohttp import hdrs, web

from stenobox.errors import InvalidRequest
from stenobox.exports import OPTIONS, ExportOptions, check
from stenobox.exports.bundle import gather
from stenobox.web.bodies import json_response, read_json
from stenobox.web.disposition import attachment
from stenobox.web.export_shapes import ExportOrder, JobProblem, JobsDeleted, JobsToDelete
from stenobox.web.keys import JOBS, TRANSCRIPTS, TRASH, identity_of

PROBLEMS_HEADER = "Stenobox-Problems"


def options_of(request: web.Request) -> ExportOptions:
    """The options that the query gives. Raises InvalidRequest, naming one that cannot be used."""
    given = {name: request.query[name] for name in OPTIONS if name in request.query}
    try:
        return msgspec.convert(given, ExportOptions, strict=False)
    except msgspec.ValidationError as error:
        # The words of msgspec name types and bounds, never what was sent.
        expected, _, name = str(error).partition(" - at `$.")
        raise InvalidRequest(problem=f"{name.rstrip('`')} cannot be used: {expected}.") from error


async def export(request: web.Request) -> web.StreamResponse:
    """A zip file, sent while it is made."""
    order = await read_json(request, ExportOrder)
    check(order.formats, order.options)
    identity = identity_of(request)
    bundle = await gather(request.app[JOBS], order.jobs, identity)
    response = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: "application/zip",
            hdrs.CONTENT_DISPOSITION: attachment("transcripts.zip", "zip"),
            PROBLEMS_HEADER: str(len(bundle.problems)),
        }
    )
    await response.prepare(request)
    pieces = bundle.pieces(request.app[TRANSCRIPTS], identity, order.formats, order.options)
    # A reader that went away is no fault of ours.
    with contextlib.suppress(ConnectionError):
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                await response.write(piece)
        await response.write_eof()
    return response


async def delete_jobs(request: web.Request) -> web.Response:
    """Into the trash, as far as they can be deleted."""
    order = await read_json(request, JobsToDelete)
    deleted, problems = await request.app[TRASH].put_jobs(order.jobs, identity_of(request))
    told = [JobProblem(job_id, error.code, error.detail) for job_id, error in problems.items()]
    return json_response(JobsDeleted(deleted, told))
