"""`POST /v1/audio/transcriptions` and `/v1/audio/translations`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal

from aiohttp import web

from stenobox.errors import InvalidField, InvalidRequest, StenoboxError
from stenobox.idempotency import key_of
from stenobox.intake.direct import Received
from stenobox.joboptions import Order, order_of
from stenobox.types import Event, Identity, Job
from stenobox.web import problems
from stenobox.web.expect import invite_body
from stenobox.web.forms import Fields, read_form, refuse_early
from stenobox.web.keys import INTAKE, MODELS, ONCE_INTAKE, TRANSCRIPTS, identity_of
from stenobox.web.openai.fields import Wish, wish_of
from stenobox.web.openai.following import abandon, follow
from stenobox.web.openai.problems import error_of
from stenobox.web.openai.rendering import TEXT, body_of
from stenobox.web.openai.streaming import Stream
from stenobox.web.repeats import IDEMPOTENCY_KEY

Task = Literal["transcribe", "translate"]


async def transcribe(request: web.Request) -> web.StreamResponse:
    return await _answer(request, "transcribe")


async def translate(request: web.Request) -> web.StreamResponse:
    return await _answer(request, "translate")


async def _answer(request: web.Request, task: Task) -> web.StreamResponse:
    identity = identity_of(request)
    wish, job = await _job(request, identity, task)
    if wish.stream:
        return await _streamed(request, identity, wish, job)
    async with contextlib.aclosing(follow(request, job.id, identity)) as events:
        async for _ in events:
            pass
    transcript = await request.app[TRANSCRIPTS].get(job.id, identity)
    body, media_type = await asyncio.to_thread(body_of, transcript, wish, task)
    charset = "utf-8" if media_type == TEXT else None
    return web.Response(body=body, content_type=media_type, charset=charset)


async def _job(request: web.Request, identity: Identity, task: Task) -> tuple[Wish, Job]:
    """Read the form and put its recording in line."""
    await refuse_early(request, identity)
    key = key_of(request.headers.get(IDEMPOTENCY_KEY))
    invite_body(request)
    received: list[Received] = []

    async def check(fields: Fields) -> None:
        if received:
            raise InvalidField(param="file", problem="One request takes one file.")
        await _order(request, wish_of(fields, task, complete=False))

    try:
        wish = wish_of(await read_form(request, received, check), task)
        order = await _order(request, wish)
        if not received:
            raise InvalidField(param="file", problem="The form has no file.")
        return wish, await request.app[ONCE_INTAKE].accept(identity, received[0], order, key=key)
    finally:
        for left in received:
            await request.app[INTAKE].discard(left)


async def _order(request: web.Request, wish: Wish) -> Order:
    try:
        return await asyncio.to_thread(order_of, request.app[MODELS], wish.order)
    except InvalidRequest as error:
        if wish.order["task"] == "translate":
            # The one thing that the fields' own checks cannot know of: a model for English alone.
            raise InvalidField(param="model", problem=error.detail) from error
        raise


async def _streamed(request: web.Request, identity: Identity, wish: Wish, job: Job) -> web.StreamResponse:
    stream = await Stream.begin(request, speakers=wish.response_format == "diarized_json")
    try:
        try:
            async with contextlib.aclosing(follow(request, job.id, identity)) as events:
                async for event in events:
                    await _show(stream, event)
            await stream.done(await request.app[TRANSCRIPTS].get(job.id, identity))
        except StenoboxError as error:
            await stream.fail(error_of(problems.problem_of(error), error))
    except (ConnectionResetError, TimeoutError):
        # Writing tells of a reader who has gone before looking at the connection does.
        await abandon(request, job.id, identity)
    return stream.response


async def _show(stream: Stream, event: Event | None) -> None:
    if event is None:
        await stream.beat()
    elif event.kind == "segments":
        await stream.heard(event.data["segments"], event.data["texts"])
