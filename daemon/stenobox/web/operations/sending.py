"""Sending recordings."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from stenobox import errors as e
from stenobox.joboptions import CHANNELS, TASKS
from stenobox.web import answers as a
from stenobox.web import schemas as s
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared

_FORM: Final = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "description": "A recording; several parts of this name make several jobs",
            "type": "string",
            "format": "binary",
        },
        "model": {"description": "Name of a model; the box's default otherwise", "type": "string"},
        "language": {"description": "Code or English name; found out otherwise", "type": "string"},
        "task": {"enum": list(TASKS), "default": TASKS[0]},
        "channels": {
            "description": "`split` gives each channel lines of its own, as for two sides of a call",
            "enum": list(CHANNELS),
            "default": CHANNELS[0],
        },
        "priority": {"enum": ["interactive", "normal", "batch"], "default": "normal"},
        "options": {
            "description": "A JSON object: `prompt`, text that could have come before; `hotwords`, words to "
            "expect; `words`, true for the times of words; `temperature`, 0 to 1; `track`, which track; "
            "`mode`, `batched` cuts at pauses and is faster; `vad`, what is a pause: `threshold`, "
            "`min_silence_ms`, `padding_ms`; `webhook`, id of one that is told when the job is over",
            "type": "string",
            "contentMediaType": "application/json",
        },
    },
}

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/models"): Operation(
        "sending", "Models and languages to choose from", {200: Answer("What there is.", a.Catalogue)}
    ),
    ("POST", "/api/jobs"): Operation(
        "sending",
        "Send recordings in one request",
        {201: Answer("The job; with several files, what became of each.", a.Job, a.JobsMade)},
        body=Body("multipart/form-data", schema=_FORM),
        refusals=(*shared.ORDER, *shared.FILE, *shared.AUDIO),
    ),
    ("POST", "/api/uploads/init"): Operation(
        "sending",
        "Begin an upload in pieces",
        {201: Answer("The upload.", a.Upload)},
        body=Body(kind=s.NewUpload),
        refusals=(e.FileTooLarge, e.QuotaExceeded, e.EmptyFile, e.DiskFull, e.TooBusy),
    ),
    ("GET", "/api/uploads/{id}"): Operation(
        "sending", "Which bytes are there", {200: Answer("The upload.", a.Upload)}
    ),
    ("PUT", "/api/uploads/{id}/chunk"): Operation(
        "sending",
        "Send a piece, in any order, as often as needed",
        {200: Answer("The piece is durable.", a.Upload)},
        parameters=(
            Parameter("offset", Annotated[int, Meta(ge=0)], "Where its first byte belongs", required=True),
        ),
        body=Body("application/octet-stream", schema=shared.BYTES),
        refusals=(*shared.PIECES, e.EmptyChunk, e.ChunkTooLarge),
    ),
    ("POST", "/api/uploads/{id}/finalize"): Operation(
        "sending",
        "Make the job of a complete upload; the same one when asked again",
        {201: shared.JOB},
        body=Body(kind=s.Wishes, required=False),
        refusals=shared.PIECES,
    ),
    ("DELETE", "/api/uploads/{id}"): Operation(
        "sending", "Drop an upload; a job that it has become stays", {204: shared.NOTHING}
    ),
}
