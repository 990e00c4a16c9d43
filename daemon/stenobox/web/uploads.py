"""`POST /api/jobs`: a multipart form with options and one or more files, each of which becomes a job.

The body is read as a stream: a file goes to the disk in pieces as it arrives, in whatever order the form
has its parts. Options that come first are checked before the file behind them is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from stenobox.errors import BadInput, FileTooLarge, InvalidRequest, StenoboxError
from stenobox.intake.direct import Received
from stenobox.joboptions import Order, order_of
from stenobox.types import Identity, Job
from stenobox.web import answers, render
from stenobox.web.bodies import json_response
from stenobox.web.disposition import form_names
from stenobox.web.expect import invite_body
from stenobox.web.keys import INTAKE, MODELS, SETTINGS, identity_of

CHUNK_BYTES = 256 * 2**10

FORM_OVERHEAD_BYTES = 2**20
"""What boundaries, headers and options may add to the bytes of a file."""

MAX_PARTS = 200

STALLED_S = 60.0


async def create_jobs(request: web.Request) -> web.Response:
    identity = identity_of(request)
    await _refuse_early(request, identity)
    invite_body(request)
    intake = request.app[INTAKE]
    received: list[Received] = []
    try:
        fields = await _receive(request, received)
        order = await _order(request, fields)
        if not received:
            raise InvalidRequest(problem="The form has no part named 'file'.")
        jobs, problems = await _accept_all(request, identity, received, order)
    finally:
        for left in received:
            await intake.discard(left)
    if len(jobs) == 1 and not problems:
        return json_response(render.job(jobs[0]), 201)
    return json_response(answers.JobsMade([render.job(job) for job in jobs], problems), 201)


async def _refuse_early(request: web.Request, identity: Identity) -> None:
    """Everything that can be known before the first byte of the body."""
    if request.content_type != "multipart/form-data":
        raise InvalidRequest(problem="Send the file as multipart/form-data, in a part named 'file'.")
    limit = request.app[SETTINGS].uploads.max_bytes
    # A form may hold several files, but one that is this large holds none that is allowed beside others.
    if request.content_length is not None and request.content_length > limit + FORM_OVERHEAD_BYTES:
        raise FileTooLarge(limit=limit)
    if request.content_length is not None:
        # No more than what its files surely have.
        least = request.content_length - FORM_OVERHEAD_BYTES
        await request.app[INTAKE].refuse_early(identity.user.id, least)
    await _order(request, {})


async def _order(request: web.Request, fields: dict[str, str]) -> Order:
    return await asyncio.to_thread(order_of, request.app[MODELS], fields)


async def _receive(request: web.Request, received: list[Received]) -> dict[str, str]:
    """Read the form: files into `received`, the rest into the result. Raises InvalidRequest for a broken
    form.
    """
    fields: dict[str, str] = {}
    form = await _parsed(request.multipart())
    for _ in range(MAX_PARTS):
        part = await _parsed(form.next())
        if part is None:
            return fields
        name, filename = (None, None) if isinstance(part, MultipartReader) else _names(part)
        if name is None:
            raise InvalidRequest(problem="Every part of the form needs a name.")
        if name == "file":
            await _order(request, fields)
            received.append(await request.app[INTAKE].receive(_pieces(part), filename or ""))
        elif name in fields:
            raise InvalidRequest(problem=f"The field {name[:40]!r} is there twice.")
        else:
            fields[name] = await _parsed(part.text())
    raise InvalidRequest(problem=f"A form has at most {MAX_PARTS} parts.")


def _names(part: BodyPartReader) -> tuple[str | None, str | None]:
    return form_names(part.headers.get(hdrs.CONTENT_DISPOSITION, ""))


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await _parsed(part.read_chunk(CHUNK_BYTES)):
        yield piece


async def _parsed(reading: Any) -> Any:
    """Await a step of reading; what the parser does not understand becomes InvalidRequest."""
    try:
        async with asyncio.timeout(STALLED_S):
            return await reading
    except TimeoutError as error:
        raise InvalidRequest(problem=f"No byte arrived for {STALLED_S:.0f} seconds.") from error
    except (ValueError, RuntimeError, AssertionError, HttpProcessingError) as error:
        raise InvalidRequest(problem="The form is broken or incomplete.") from error


async def _accept_all(
    request: web.Request, identity: Identity, received: list[Received], order: Order
) -> tuple[list[Job], list[answers.FileProblem]]:
    """Make a job of each file. One bad file among several is a problem of its own and spoils no other.

    Raises what is wrong with the only file, or with all (the first).
    """
    jobs: list[Job] = []
    problems: list[answers.FileProblem] = []
    first: StenoboxError | None = None
    for item in received:
        try:
            jobs.append(await request.app[INTAKE].accept(identity, item, order.options, order.priority))
        except StenoboxError as error:
            if not isinstance(error, BadInput) and not jobs:
                raise
            first = first or error
            problems.append(answers.FileProblem(item.filename, error.code, error.detail))
    if first is not None and not jobs:
        raise first
    return jobs, problems
