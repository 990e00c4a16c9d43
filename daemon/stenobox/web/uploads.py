"""`POST /api/jobs`: a multipart form with options and one or more files, each of which becomes a job."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stenobox.errors import BadInput, InvalidRequest, StenoboxError
from stenobox.idempotency import key_of
from stenobox.intake.direct import Received
from stenobox.joboptions import Order, order_of
from stenobox.types import Identity, Job
from stenobox.web import answers, render
from stenobox.web.bodies import json_response
from stenobox.web.expect import invite_body
from stenobox.web.forms import Fields, read_form, refuse_early
from stenobox.web.keys import INTAKE, MODELS, ONCE_INTAKE, identity_of
from stenobox.web.repeats import IDEMPOTENCY_KEY


async def create_jobs(request: web.Request) -> web.Response:
    identity = identity_of(request)
    await refuse_early(request, identity)
    key = key_of(request.headers.get(IDEMPOTENCY_KEY))
    await _order(request, [])
    invite_body(request)
    intake = request.app[INTAKE]
    received: list[Received] = []

    async def check(fields: Fields) -> None:
        await _order(request, fields)

    try:
        order = await _order(request, await read_form(request, received, check))
        if not received:
            raise InvalidRequest(problem="The form has no part named 'file'.")
        jobs, problems = await _accept_all(request, identity, received, order, key)
    finally:
        for left in received:
            await intake.discard(left)
    if len(jobs) == 1 and not problems:
        return json_response(render.job(jobs[0]), 201)
    return json_response(answers.JobsMade([render.job(job) for job in jobs], problems), 201)


async def _order(request: web.Request, fields: Fields) -> Order:
    for name, _ in fields:
        if [other for other, _ in fields].count(name) > 1:
            raise InvalidRequest(problem=f"The field {name[:40]!r} is there twice.")
    return await asyncio.to_thread(order_of, request.app[MODELS], dict(fields))


async def _accept_all(
    request: web.Request, identity: Identity, received: list[Received], order: Order, key: str | None
) -> tuple[list[Job], list[answers.FileProblem]]:
    """Make a job of each file. One bad file among several is a problem of its own and spoils no other.

    Raises what is wrong with the only file, or with all (the first).
    """
    jobs: list[Job] = []
    problems: list[answers.FileProblem] = []
    first: StenoboxError | None = None
    for part, item in enumerate(received):
        try:
            jobs.append(await request.app[ONCE_INTAKE].accept(identity, item, order, key=key, part=part))
        except StenoboxError as error:
            if not isinstance(error, BadInput) and not jobs:
                raise
            first = first or error
            problems.append(answers.FileProblem(item.filename, error.code, error.detail))
    if first is not None and not jobs:
        raise first
    return jobs, problems
