"""Multipart forms with recordings in them, read as a stream.

A file goes to the disk in pieces as it arrives, in whatever order the form has its parts. Fields that come
first are checked before the file behind them is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from stenobox.errors import FileTooLarge, InvalidRequest
from stenobox.intake.direct import Received
from stenobox.types import Identity
from stenobox.web.disposition import form_names
from stenobox.web.keys import INTAKE, SETTINGS

CHUNK_BYTES = 256 * 2**10

FORM_OVERHEAD_BYTES = 2**20
"""What boundaries, headers and options may add to the bytes of a file."""

MAX_PARTS = 200

STALLED_S = 60.0

Fields = list[tuple[str, str]]
"""Names and values in the order of the form; a name may come several times."""


async def refuse_early(request: web.Request, identity: Identity) -> None:
    """What can be known of any form before the first byte of the body. Raises InvalidRequest, FileTooLarge,
    QuotaExceeded.
    """
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


async def read_form(
    request: web.Request, received: list[Received], check: Callable[[Fields], Awaitable[object]]
) -> Fields:
    """Read the form: parts named `file` into `received`, the rest into the result. `check` sees the fields so
    far before each file.

    Raises InvalidRequest for a broken form, and what the intake and `check` raise.
    """
    fields: Fields = []
    form = await _parsed(request.multipart())
    for _ in range(MAX_PARTS):
        part = await _parsed(form.next())
        if part is None:
            return fields
        name, filename = (None, None) if isinstance(part, MultipartReader) else _names(part)
        if name is None:
            raise InvalidRequest(problem="Every part of the form needs a name.")
        if name == "file":
            await check(fields)
            received.append(await request.app[INTAKE].receive(_pieces(part), filename or ""))
        else:
            fields.append((name, await _parsed(part.text())))
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
