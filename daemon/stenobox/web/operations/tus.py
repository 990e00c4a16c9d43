"""Sending recordings by tus 1.0.0."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from stenobox import errors as e
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared

_TUS: Final = Parameter("Tus-Resumable", Literal["1.0.0"], "Version of the protocol", "header", required=True)

_TUS_HEADERS: Final = {
    "Upload-Offset": "Bytes that are durable",
    "Upload-Expires": "When the upload is dropped if nothing more comes",
    "Stenobox-Job": "The job that the upload has become",
    "Tus-Resumable": "Version of the protocol",
}

_TUS_PATCH: Final = (
    _TUS,
    Parameter("Upload-Offset", Annotated[int, Meta(ge=0)], "Where the bytes go on", "header", required=True),
    Parameter("Upload-Length", Annotated[int, Meta(ge=0)], "The size, if it was deferred", "header"),
    Parameter("Upload-Checksum", str, "`sha1` or `sha256`, and the digest of the body in base64", "header"),
)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("OPTIONS", "/api/tus"): Operation(
        "tus",
        "What this server can do",
        {204: Answer("In headers.", headers={"Tus-Extension": "Extensions"})},
    ),
    ("POST", "/api/tus"): Operation(
        "tus",
        "Begin an upload, with its first bytes or all of them if there is a body",
        {201: Answer("Its address.", headers=_TUS_HEADERS | {"Location": "Address of the upload"})},
        parameters=(
            _TUS,
            Parameter("Upload-Length", Annotated[int, Meta(ge=0)], "Size of the file in bytes", "header"),
            Parameter("Upload-Defer-Length", Literal["1"], "The size comes later", "header"),
            Parameter("Upload-Metadata", str, "`filename` and the fields of a job, in base64", "header"),
            Parameter("Upload-Concat", str, "`partial`, or `final;` and addresses", "header"),
            Parameter(
                "Upload-Checksum", str, "`sha1` or `sha256`, and the body's digest in base64", "header"
            ),
        ),
        body=Body("application/offset+octet-stream", schema=shared.BYTES, required=False),
        refusals=(*shared.PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset, e.NotFound),
    ),
    ("POST", "/api/tus/{id}"): Operation(
        "tus",
        "Another method, for clients that have only POST",
        {200: Answer("As HEAD.", headers=_TUS_HEADERS), 204: Answer("As the method.", headers=_TUS_HEADERS)},
        parameters=(
            Parameter("X-HTTP-Method-Override", Literal["PATCH", "DELETE", "HEAD"], "The method", "header"),
            *_TUS_PATCH,
        ),
        body=Body("application/offset+octet-stream", schema=shared.BYTES, required=False),
        refusals=(*shared.PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset),
        others={405: "No such method."},
    ),
    ("HEAD", "/api/tus/{id}"): Operation(
        "tus",
        "Where to go on",
        {200: Answer("In headers.", headers=_TUS_HEADERS)},
        parameters=(_TUS,),
        refusals=(*shared.PIECES, e.UnsupportedTus),
    ),
    ("PATCH", "/api/tus/{id}"): Operation(
        "tus",
        "Send bytes from the offset on; the last ones make the job",
        {204: Answer("They are durable.", headers=_TUS_HEADERS)},
        parameters=_TUS_PATCH,
        body=Body("application/offset+octet-stream", schema=shared.BYTES),
        refusals=(*shared.PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset),
    ),
    ("DELETE", "/api/tus/{id}"): Operation(
        "tus",
        "Drop an upload; a job that it has become stays",
        {204: Answer("Dropped.", headers={"Tus-Resumable": "Version of the protocol"})},
        parameters=(_TUS,),
        refusals=(e.UnsupportedTus,),
    ),
}
