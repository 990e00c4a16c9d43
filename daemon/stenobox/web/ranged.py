"""One file as an answer, whole or a part of it (RFC 9110, sections 13 and 14).

Not the framework's FileResponse: that makes its own ETag from the file's time, looks at If-Range only when it
is a date, answers HEAD with a part, and refuses ranges that the standard says to ignore.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from aiohttp import hdrs, web

from stenobox.errors import NotFound
from stenobox.shielding import finish

_ONE_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER = 18


async def send_file(
    request: web.Request, path: Path, etag: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    """The file at `path`, whose bytes `etag` (without quotes) names for good. Raises NotFound."""
    # Closed on the loop, which takes no time: a thread might be cancelled before it begins.
    with contextlib.ExitStack() as held:
        try:
            file, size = await finish(asyncio.to_thread(_open, path, held))
        except FileNotFoundError:
            raise NotFound(what="recording") from None
        return await _send(request, file, size, f'"{etag}"', headers)


def _open(path: Path, held: contextlib.ExitStack) -> tuple[BinaryIO, int]:
    """The file, which `held` closes, and its size."""
    file = held.enter_context(path.open("rb"))
    return file, os.fstat(file.fileno()).st_size


async def _send(
    request: web.Request, file: BinaryIO, size: int, etag: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    fixed = {**headers, hdrs.ETAG: etag, hdrs.ACCEPT_RANGES: "bytes"}
    if not matches(request.headers.get(hdrs.IF_MATCH, "*"), etag, weakly=False):
        return web.Response(status=412, headers=fixed)
    if hdrs.IF_NONE_MATCH in request.headers and matches(
        request.headers[hdrs.IF_NONE_MATCH], etag, weakly=True
    ):
        return web.Response(status=304, headers=fixed)
    first, last, status = 0, size - 1, 200
    if request.method == hdrs.METH_GET and _may_be_part(request, etag):
        part = range_of(request.headers.get(hdrs.RANGE, ""), size)
        if part is not None:
            first, last, status = *part, 206
            if first > last:
                return web.Response(status=416, headers=fixed | {hdrs.CONTENT_RANGE: f"bytes */{size}"})
            fixed[hdrs.CONTENT_RANGE] = f"bytes {first}-{last}/{size}"
    response = web.StreamResponse(status=status, headers=fixed)
    response.content_length = last - first + 1
    await response.prepare(request)
    # A reader that went away is no fault of ours.
    with contextlib.suppress(ConnectionError):
        if request.method != hdrs.METH_HEAD and last >= first and request.transport is not None:
            loop = asyncio.get_running_loop()
            await loop.sendfile(request.transport, file, first, last - first + 1)
        await response.write_eof()
    return response


def range_of(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of the part that `Range` asks for; first > last when there is nothing there.

    None for a header that is to be ignored: another unit, several ranges (each sender of them takes the whole
    too), nonsense.
    """
    match = _ONE_RANGE.fullmatch(header)
    if match is None or max(map(len, match.groups())) > _LONGEST_NUMBER:
        return None
    first, last = match.groups()
    if not first:
        return None if not last else (max(0, size - int(last)), size - 1)
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last), size - 1) if last else size - 1


def _may_be_part(request: web.Request, etag: str) -> bool:
    """If-Range: only if what the caller has is of this file. A date is never exact enough to tell."""
    condition = request.headers.get("If-Range")
    return condition is None or condition.strip() == etag


def matches(header: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of entity tags, as in If-Match, names `etag` (with its quotes)."""
    tags = [tag.strip() for tag in header.split(",")]
    if weakly:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or etag in tags
