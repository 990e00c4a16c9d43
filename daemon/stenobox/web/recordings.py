"""`GET /api/recordings/{id}`, and its bytes for the player of the page."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import hdrs, web

from stenobox.web import render
from stenobox.web.bodies import json_response
from stenobox.web.disposition import attachment
from stenobox.web.headers import SANDBOX
from stenobox.web.keys import RECORDINGS, identity_of

SNIFFED_BYTES = 16

WAV = "audio/wav"

SIGNATURES = (
    (WAV, 0, b"RIFF"),
    ("audio/flac", 0, b"fLaC"),
    ("audio/ogg", 0, b"OggS"),
    ("audio/mp4", 4, b"ftyp"),
    ("video/webm", 0, b"\x1a\x45\xdf\xa3"),
    ("audio/mpeg", 0, b"ID3"),
)
"""Type, offset, and the bytes that stand there."""


async def recording(request: web.Request) -> web.Response:
    found = await request.app[RECORDINGS].get_for(request.match_info["id"], identity_of(request))
    return json_response(render.recording(found))


async def audio(request: web.Request) -> web.StreamResponse:
    """The bytes as they were sent, with Range (RFC 9110, section 14). `download=1`: as an attachment."""
    recordings = request.app[RECORDINGS]
    found = await recordings.get_for(request.match_info["id"], identity_of(request))
    path = recordings.path(found)
    headers = {
        hdrs.CONTENT_TYPE: media_type(await asyncio.to_thread(_head, path)),
        hdrs.ACCEPT_RANGES: "bytes",
        hdrs.CACHE_CONTROL: "private, no-cache",
        "Content-Security-Policy": SANDBOX,
    }
    if request.query.get("download") == "1":
        extension = found.filename.rpartition(".")[2] if "." in found.filename else "bin"
        headers[hdrs.CONTENT_DISPOSITION] = attachment(found.filename, extension)
    return web.FileResponse(path, headers=headers)


def media_type(head: bytes) -> str:
    """The type by the first bytes (WHATWG MIME Sniffing, section 6.2); never one that a browser runs."""
    for kind, offset, magic in SIGNATURES:
        if head[offset : offset + len(magic)] == magic and (kind != WAV or head[8:12] == b"WAVE"):
            return kind
    if len(head) > 1 and head[0] == 0xFF:
        # A frame header without any container: 11 sync bits, then version and layer (ISO 11172-3, 13818-7).
        if head[1] & 0xF6 == 0xF0:
            return "audio/aac"
        if head[1] & 0xE0 == 0xE0:
            return "audio/mpeg"
    return "application/octet-stream"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(SNIFFED_BYTES)
