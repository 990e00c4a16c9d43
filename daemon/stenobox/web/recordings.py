"""Recordings: the library over HTTP, and their bytes and waveforms for the player of the page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from aiohttp import hdrs, web

from stenobox.errors import AudioRemoved, Forbidden, InvalidRequest
from stenobox.library import Change, Entry, Filter
from stenobox.library.waveforms import MAX_POINTS
from stenobox.types import Recording
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.disposition import attachment
from stenobox.web.headers import SANDBOX
from stenobox.web.keys import LIBRARY, READS, RECORDINGS, TRASH, WAVEFORMS, identity_of
from stenobox.web.preconditions import expected_number
from stenobox.web.query import flag, limit_of, number_of
from stenobox.web.ranged import send_file
from stenobox.web.schemas import RecordingChange

SNIFFED_BYTES = 16

DEFAULT_POINTS = 1_000

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


async def list_recordings(request: web.Request) -> web.Response:
    """Query: `limit`, `cursor`, `q` (in the title), `tag`, `trashed=1`, `shared=1`; of administrators also
    `owner`.
    """
    identity = identity_of(request)
    owner = request.query.get("owner")
    if owner is not None and not identity.is_admin:
        raise Forbidden(role=identity.user.role)
    page = await request.app[LIBRARY].list(
        identity,
        Filter(
            request.query.get("q"),
            request.query.get("tag"),
            owner,
            trashed=flag(request, "trashed"),
            shared=flag(request, "shared"),
        ),
        limit_of(request),
        request.query.get("cursor"),
    )
    return json_response(answers.RecordingPage([render.entry(each) for each in page.entries], page.next))


async def recording(request: web.Request) -> web.Response:
    return _entry(await request.app[LIBRARY].get(request.match_info["id"], identity_of(request)))


async def change(request: web.Request) -> web.Response:
    """PATCH: `title`, `tags`, `audio_days`, `transcript_days`. With If-Match only if nobody was quicker."""
    body = await read_json(request, RecordingChange)
    named = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not msgspec.UNSET
    }
    tags = named.pop("tags", None)
    entry = await request.app[LIBRARY].change(
        request.match_info["id"], identity_of(request), Change(named, tags), revision=expected_number(request)
    )
    return _entry(entry)


async def delete(request: web.Request) -> web.Response:
    """Into the trash; with `permanent=1`, what is in the trash for good."""
    trash = request.app[TRASH]
    act = trash.erase_recording if flag(request, "permanent") else trash.put_recording
    await act(request.match_info["id"], identity_of(request))
    return web.Response(status=204)


async def restore(request: web.Request) -> web.Response:
    """Out of the trash, with the jobs that went together with it."""
    identity = identity_of(request)
    found = await request.app[TRASH].restore_recording(request.match_info["id"], identity)
    return _entry(await request.app[LIBRARY].get(found.id, identity))


async def audio(request: web.Request) -> web.StreamResponse:
    """The bytes as they were sent, whole or in part. `download=1`: as an attachment."""
    identity, download = identity_of(request), flag(request, "download")
    found = await request.app[RECORDINGS].get_for(request.match_info["id"], identity)
    if found.audio_removed_at is not None:
        raise AudioRemoved
    await request.app[READS].note(
        identity, "audio", f"recording:{found.id}", found.owner_id, download=download
    )
    return await send_audio(request, found, download=download)


async def send_audio(request: web.Request, found: Recording, *, download: bool) -> web.StreamResponse:
    """The bytes of a recording that the caller may hear."""
    path = request.app[RECORDINGS].path(found)
    headers = {
        hdrs.CONTENT_TYPE: media_type(await asyncio.to_thread(_head, path)),
        hdrs.CACHE_CONTROL: "private, no-cache",
        "Content-Security-Policy": SANDBOX,
    }
    if download:
        extension = found.filename.rpartition(".")[2] if "." in found.filename else "bin"
        headers[hdrs.CONTENT_DISPOSITION] = attachment(found.filename, extension)
    return await send_file(request, path, found.sha256, headers)


async def peaks(request: web.Request) -> web.Response:
    found = await request.app[RECORDINGS].get_for(request.match_info["id"], identity_of(request))
    return await send_peaks(request, found)


async def send_peaks(request: web.Request, found: Recording) -> web.Response:
    """The waveform in at most `points` stretches, in the form of BBC's audiowaveform (version 2)."""
    points = number_of(request, "points", DEFAULT_POINTS)
    if not 1 <= points <= MAX_POINTS:
        raise InvalidRequest(problem=f"points is between 1 and {MAX_POINTS}.")
    return json_response(render.waveform(await request.app[WAVEFORMS].get(found, points)))


def _entry(entry: Entry) -> web.Response:
    response = json_response(render.entry(entry))
    response.headers[hdrs.ETAG] = f'"{entry.recording.revision}"'
    return response


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
    """The first bytes; none of a file that is just going."""
    try:
        with path.open("rb") as file:
            return file.read(SNIFFED_BYTES)
    except FileNotFoundError:
        return b""
