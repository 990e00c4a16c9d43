"""JSON bodies: small, typed, and refused with a sentence that names the field."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from stenobox.errors import InvalidRequest
from stenobox.jsontext import MAX_DEPTH, is_too_deep

T = TypeVar("T")

MAX_JSON_BYTES = 64 * 2**10


async def read_json(request: web.Request, kind: type[T], *, limit: int = MAX_JSON_BYTES) -> T:
    """The body as `kind`. Raises InvalidRequest; a body over `limit` bytes gets 413 from the framework.

    The content type is required: a form of another site can send text that happens to be JSON, but not this
    type.
    """
    if request.content_type != "application/json":
        raise InvalidRequest(problem="Send JSON with the header 'Content-Type: application/json'.")
    body = await request.clone(client_max_size=limit).read()
    try:
        # In a thread what would hold the loop up.
        if len(body) > MAX_JSON_BYTES:
            return await asyncio.to_thread(_decoded, body, kind)
        return _decoded(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # The words of msgspec name types and places, never the values that were sent.
        raise InvalidRequest(problem=f"The JSON body cannot be used: {error}.") from error


def _decoded(body: bytes, kind: type[T]) -> T:
    if is_too_deep(body):
        raise InvalidRequest(problem=f"The JSON body is nested more than {MAX_DEPTH} levels deep.")
    return msgspec.json.decode(body, type=kind)


def json_response(body: object, status: int = 200) -> web.Response:
    """An answer in JSON; `body` is what msgspec can encode."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
