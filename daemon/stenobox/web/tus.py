"""`/api/tus`: resumable uploads as standard clients speak them (tus 1.0.0, https://tus.io/protocols).

Extensions: creation, creation-with-upload, creation-defer-length, expiration, checksum (sha1, sha256),
termination, concatenation. Upload-Metadata names the job's options as the form of `POST /api/jobs` does, and
every answer about an upload that has become a job names it in `Stenobox-Job`.

A client takes an offset that equals the length for success. So an upload that is complete and can never
become a job (it is no audio) is forgotten, and a HEAD on one that has not become its job yet makes it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from email.utils import formatdate
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from stenobox.errors import (
    AudioError,
    ChunkCorrupt,
    InvalidRequest,
    NotAudio,
    UnsupportedTus,
    UploadIncomplete,
    WrongOffset,
)
from stenobox.intake.upload import Part, Upload
from stenobox.joboptions import FIELDS, Order, order_of
from stenobox.types import Identity
from stenobox.web.expect import invite_body
from stenobox.web.keys import MODELS, PARTIALS, SETTINGS, identity_of
from stenobox.web.pieces import body_of, whole_number

PREFIX = "/api/tus"
VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation"
)
ALGORITHMS = ("sha1", "sha256")
OFFSET_BYTES = "application/offset+octet-stream"
MAX_PARTS = 100


async def mark(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: every answer here names the version, refusals too."""
    if request.path == PREFIX or request.path.startswith(f"{PREFIX}/"):
        response.headers["Tus-Resumable"] = VERSION
        if response.status == UnsupportedTus.status:
            response.headers["Tus-Version"] = VERSION


async def options(request: web.Request) -> web.Response:
    """What this server can do."""
    return web.Response(
        status=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(request.app[SETTINGS].uploads.max_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


async def create(request: web.Request) -> web.Response:
    """201 with the new upload's address; with a body, also its first bytes are taken."""
    _same_version(request)
    identity = identity_of(request)
    metadata = request.headers.get("Upload-Metadata", "")
    known = metadata_of(metadata)
    wishes = {name: known[name] for name in FIELDS if name in known}
    await _order(request, wishes)
    part, sources = await _parts_of(request, identity)
    upload = await request.app[PARTIALS].begin(
        identity,
        "tus",
        filename=known.get("filename") or known.get("name") or "",
        size=None if part == "final" else _length(request),
        wishes=wishes,
        metadata=metadata,
        part=part,
    )
    if part == "final":
        upload = await _join(request, identity, upload, sources)
    elif request.can_read_body:
        _offset_bytes(request)
        upload = await _take(request, identity, upload, 0)
    headers = _headers(upload) | {hdrs.LOCATION: f"{PREFIX}/{upload.id}"}
    return web.Response(status=201, headers=headers)


async def other_method(request: web.Request) -> web.Response:
    """POST with `X-HTTP-Method-Override`, for clients that cannot send PATCH or DELETE."""
    match request.headers.get("X-HTTP-Method-Override", "").upper():
        case "PATCH":
            return await patch(request)
        case "DELETE":
            return await terminate(request)
        case "HEAD":
            return await head(request)
    raise web.HTTPMethodNotAllowed("POST", ["DELETE", "HEAD", "PATCH"])


async def head(request: web.Request) -> web.Response:
    """Where to go on. A request that is still writing is told to stop, so that the answer stays true."""
    _same_version(request)
    upload = await request.app[PARTIALS].settle(await _upload(request))
    upload = await _finished(request, identity_of(request), upload)
    headers = _headers(upload) | {hdrs.CACHE_CONTROL: "no-store"}
    if upload.metadata:
        headers["Upload-Metadata"] = upload.metadata
    if upload.size is None:
        headers["Upload-Defer-Length"] = "1"
    else:
        headers["Upload-Length"] = str(upload.size)
    if upload.part != "whole":
        headers["Upload-Concat"] = upload.part
    return web.Response(status=200, headers=headers)


async def patch(request: web.Request) -> web.Response:
    """204 with the new offset; the last one makes the job."""
    _same_version(request)
    _offset_bytes(request)
    upload = await _upload(request)
    if upload.part == "final":
        raise web.HTTPForbidden
    offset = whole_number(request.headers.get("Upload-Offset"), "Upload-Offset")
    if upload.size is None and "Upload-Length" in request.headers:
        upload = await request.app[PARTIALS].declare(upload, _length(request) or 0)
    upload = await _take(request, identity_of(request), upload, offset)
    return web.Response(status=204, headers=_headers(upload))


async def terminate(request: web.Request) -> web.Response:
    """204, and the upload is gone. A job that it has become stays."""
    _same_version(request)
    await request.app[PARTIALS].drop(await _upload(request))
    return web.Response(status=204)


async def _take(request: web.Request, identity: Identity, upload: Upload, offset: int) -> Upload:
    partials = request.app[PARTIALS]
    check = _Checksum.of(request)
    if upload.job_id is None:
        upload = await partials.settle(upload)
    if offset != upload.offset:
        raise WrongOffset(offset=upload.offset)
    invite_body(request)
    if upload.job_id is None:
        upload = await partials.write(
            upload,
            offset,
            request.content_length,
            body_of(request),
            as_it_comes=check is None,
            check=check.update if check else None,
            verify=check.verify if check else None,
        )
    return await _finished(request, identity, upload)


async def _finished(request: web.Request, identity: Identity, upload: Upload) -> Upload:
    """The upload, as a job if it is complete. Forgets one that cannot become any."""
    if not upload.complete or upload.part == "partial" or upload.job_id is not None:
        return upload
    partials = request.app[PARTIALS]
    try:
        order = await _order(request, dict(upload.wishes))
        await partials.complete(identity, upload, order.options, order.priority)
    except (NotAudio, AudioError):
        await partials.drop(upload)
        raise
    return await partials.get(upload.id, identity, "tus")


async def _order(request: web.Request, wishes: dict[str, str]) -> Order:
    return await asyncio.to_thread(order_of, request.app[MODELS], wishes)


async def _parts_of(request: web.Request, identity: Identity) -> tuple[Part, list[Upload]]:
    """What Upload-Concat says: the kind, and for a final one its parts."""
    said = request.headers.get("Upload-Concat", "")
    if said in ("", "partial"):
        return ("partial", []) if said else ("whole", [])
    kind, _, addresses = said.partition(";")
    names = [urlsplit(address).path.rpartition("/")[2] for address in addresses.split()]
    if kind != "final" or not 0 < len(names) <= MAX_PARTS:
        raise InvalidRequest(
            problem=f"Upload-Concat is 'partial', or 'final;' and up to {MAX_PARTS} addresses."
        )
    partials = request.app[PARTIALS]
    sources = [await partials.get(name, identity, "tus") for name in names]
    if any(source.part != "partial" for source in sources):
        raise InvalidRequest(problem="Only partial uploads can be joined.")
    if gaps := [source.offset for source in sources if not source.complete]:
        raise UploadIncomplete(first=gaps[0])
    return "final", sources


async def _join(request: web.Request, identity: Identity, upload: Upload, sources: list[Upload]) -> Upload:
    partials = request.app[PARTIALS]
    try:
        upload = await partials.join(upload, sources)
        upload = await _finished(request, identity, upload)
    except BaseException:
        # Its parts are all there still: the client asks for the whole again.
        await partials.drop(upload)
        raise
    for source in {source.id: source for source in sources}.values():
        await partials.drop(source)
    return upload


async def _upload(request: web.Request) -> Upload:
    return await request.app[PARTIALS].get(request.match_info["id"], identity_of(request), "tus")


def _same_version(request: web.Request) -> None:
    if request.headers.get("Tus-Resumable") != VERSION:
        raise UnsupportedTus(version=VERSION)


def _offset_bytes(request: web.Request) -> None:
    if request.content_type != OFFSET_BYTES:
        raise web.HTTPUnsupportedMediaType


def _length(request: web.Request) -> int | None:
    if request.headers.get("Upload-Defer-Length") == "1" and "Upload-Length" not in request.headers:
        return None
    return whole_number(request.headers.get("Upload-Length"), "Upload-Length")


def _headers(upload: Upload) -> dict[str, str]:
    headers = {"Upload-Offset": str(upload.offset)}
    if upload.job_id is not None:
        headers["Stenobox-Job"] = upload.job_id
    else:
        headers["Upload-Expires"] = formatdate(upload.expires_at, usegmt=True)
    return headers


def metadata_of(header: str) -> dict[str, str]:
    """Upload-Metadata: keys, each with a value in base64, separated by commas. Raises InvalidRequest."""
    found: dict[str, str] = {}
    for pair in filter(None, (pair.strip() for pair in header.split(","))):
        name, _, value = pair.partition(" ")
        try:
            found[name] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise InvalidRequest(problem="Upload-Metadata holds values in base64.") from error
    return found


class _Checksum:
    """What Upload-Checksum announces, and what came."""

    def __init__(self, algorithm: str, expected: bytes) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False)
        self._expected = expected

    @classmethod
    def of(cls, request: web.Request) -> _Checksum | None:
        header = request.headers.get("Upload-Checksum")
        if header is None:
            return None
        algorithm, _, digest = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise InvalidRequest(problem=f"Upload-Checksum takes {' and '.join(ALGORITHMS)}.")
        try:
            return cls(algorithm, base64.b64decode(digest, validate=True))
        except binascii.Error as error:
            raise InvalidRequest(problem="Upload-Checksum holds its value in base64.") from error

    def update(self, piece: bytes) -> None:
        self._hash.update(piece)

    def verify(self) -> None:
        if not hmac.compare_digest(self._hash.digest(), self._expected):
            raise ChunkCorrupt
