"""What each route takes and answers, for the OpenAPI document. A test holds it to the table of routes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from stenobox import errors as e
from stenobox.exports import FORMATS
from stenobox.joboptions import CHANNELS, TASKS
from stenobox.library.waveforms import MAX_POINTS
from stenobox.types import JobState
from stenobox.web import answers as a
from stenobox.web import schemas as s
from stenobox.web.described import Answer, Body, Operation, Parameter

_NOTHING: Final = Answer("Done.")
_JOB: Final = Answer("The job.", a.Job)
_ORDER: Final = (e.UnknownModel, e.UnknownLanguage, e.NoModel, e.ModelError)
_FILE: Final = (e.NotAudio, e.EmptyFile, e.FileTooLarge, e.QuotaExceeded, e.DiskFull, e.TooBusy)
_AUDIO: Final = (e.AudioError, e.UndecodableAudio, e.AudioTooLong, e.DecoderLimit, e.DecoderFailed)
_PIECES: Final = (
    *_ORDER,
    *_FILE,
    *_AUDIO,
    e.ChunkConflict,
    e.ChunkOutOfRange,
    e.UploadTaken,
    e.UploadIncomplete,
    e.HashMismatch,
)
_TRASHED: Final = Parameter("trashed", Literal["0", "1"], "`1`: those in the trash instead")
_LIMIT: Final = Parameter("limit", Annotated[int, Meta(ge=0)], "How many to a page; 50 otherwise")
_CURSOR: Final = Parameter("cursor", str, "`next` of the page before")
_TAG: Final = Parameter("tag", str, "Only with this tag, whatever its case")
_PERMANENT: Final = Parameter("permanent", Literal["0", "1"], "`1`: what is in the trash, for good")
_PASSWORDS: Final = (e.RateLimited, e.WrongCredentials)

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
            "description": "A JSON object: `prompt`, words to expect; `track`, which track of a film",
            "type": "string",
            "contentMediaType": "application/json",
        },
    },
}

_BYTES: Final = {"type": "string", "format": "binary"}

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

_SOUND: Final = ("audio/*", "video/*", "application/octet-stream")
_RANGES: Final = {"Accept-Ranges": "`bytes`", "ETag": "Names these bytes for good"}
_REVISION: Final = {"ETag": "Names this state of the recording, for `If-Match`"}

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    # Whether the box is alive
    ("GET", "/livez"): Operation(
        "machine", "Alive as long as the event loop turns", {200: Answer("Alive.", a.Status)}
    ),
    ("GET", "/readyz"): Operation(
        "machine",
        "Whether work can be taken and done",
        {200: Answer("Ready.", a.Status), 503: Answer("Not ready: which checks fail.", a.Status)},
    ),
    ("GET", "/metrics"): Operation(
        "machine",
        "Prometheus metrics: for API keys and administrators, or anyone with `metrics.public`",
        {200: Answer("Prometheus text.", media_types=("text/plain",))},
        refusals=(e.NotSignedIn,),
    ),
    ("GET", "/api/openapi.json"): Operation(
        "machine", "This document", {200: Answer("OpenAPI 3.1.", dict[str, Any])}
    ),
    ("GET", "/api/admin/health/system"): Operation(
        "machine", "Every check with its details", {200: Answer("The checks.", a.Health)}
    ),
    # Who is calling
    ("GET", "/api/setup"): Operation(
        "access",
        "Whether the box waits for its first account",
        {200: Answer("Whether it does.", a.SetupState)},
    ),
    ("POST", "/api/setup"): Operation(
        "access",
        "Make the first administrator, with the one-time link's token",
        {201: Answer("Made and signed in.", a.Account)},
        body=Body(kind=s.Setup),
        refusals=(e.SetupLinkInvalid, e.RateLimited, e.NameTaken),
    ),
    ("POST", "/api/auth/login"): Operation(
        "access",
        "Sign in; the session travels as a cookie",
        {200: Answer("Signed in.", a.Account)},
        body=Body(kind=s.Login),
        refusals=_PASSWORDS,
    ),
    ("POST", "/api/auth/logout"): Operation("access", "Sign out", {204: _NOTHING}),
    ("GET", "/api/auth/me"): Operation(
        "access", "Who is calling, and how much they keep", {200: Answer("The account.", a.OwnAccount)}
    ),
    ("POST", "/api/auth/password"): Operation(
        "access",
        "Change one's password; other sessions end",
        {204: _NOTHING},
        body=Body(kind=s.PasswordChange),
        refusals=(*_PASSWORDS, e.Forbidden),
    ),
    ("GET", "/api/keys"): Operation(
        "access",
        "One's own API keys; for administrators anybody's",
        {200: Answer("The keys, without what they open.", a.KeyList)},
        parameters=(Parameter("user", str, "Whose keys; administrators alone may ask"),),
        refusals=(e.Forbidden, e.NotFound),
    ),
    ("POST", "/api/keys"): Operation(
        "access",
        "Make an API key",
        {201: Answer("The key, shown this once.", a.KeyMade)},
        body=Body(kind=s.NewKey),
        refusals=(e.Forbidden, e.NotFound),
    ),
    ("DELETE", "/api/keys/{id}"): Operation("access", "Revoke an API key", {204: _NOTHING}),
    ("GET", "/api/users"): Operation("access", "Every account", {200: Answer("The accounts.", a.UserList)}),
    ("POST", "/api/users"): Operation(
        "access",
        "Make an account",
        {201: Answer("The account.", a.User)},
        body=Body(kind=s.NewUser),
        refusals=(e.NameTaken,),
    ),
    ("POST", "/api/users/{name}/password"): Operation(
        "access", "Give an account a new password", {204: _NOTHING}, body=Body(kind=s.PasswordReset)
    ),
    ("PATCH", "/api/users/{name}"): Operation(
        "access",
        "Change how much an account may keep",
        {200: Answer("The account.", a.User)},
        body=Body(kind=s.QuotaChange),
    ),
    ("DELETE", "/api/users/{name}"): Operation(
        "access",
        "Remove an account; one with recordings is disabled instead",
        {200: Answer("Which of the two.", a.Removal)},
        refusals=(e.LastAdmin,),
    ),
    # Sending recordings
    ("GET", "/api/models"): Operation(
        "sending", "Models and languages to choose from", {200: Answer("What there is.", a.Catalogue)}
    ),
    ("POST", "/api/jobs"): Operation(
        "sending",
        "Send recordings in one request",
        {201: Answer("The job; with several files, what became of each.", a.Job, a.JobsMade)},
        body=Body("multipart/form-data", schema=_FORM),
        refusals=(*_ORDER, *_FILE, *_AUDIO),
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
        body=Body("application/octet-stream", schema=_BYTES),
        refusals=(*_PIECES, e.EmptyChunk, e.ChunkTooLarge),
    ),
    ("POST", "/api/uploads/{id}/finalize"): Operation(
        "sending",
        "Make the job of a complete upload; the same one when asked again",
        {201: _JOB},
        body=Body(kind=s.Wishes, required=False),
        refusals=_PIECES,
    ),
    ("DELETE", "/api/uploads/{id}"): Operation(
        "sending", "Drop an upload; a job that it has become stays", {204: _NOTHING}
    ),
    # The same by tus 1.0.0
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
        body=Body("application/offset+octet-stream", schema=_BYTES, required=False),
        refusals=(*_PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset, e.NotFound),
    ),
    ("POST", "/api/tus/{id}"): Operation(
        "tus",
        "Another method, for clients that have only POST",
        {200: Answer("As HEAD.", headers=_TUS_HEADERS), 204: Answer("As the method.", headers=_TUS_HEADERS)},
        parameters=(
            Parameter("X-HTTP-Method-Override", Literal["PATCH", "DELETE", "HEAD"], "The method", "header"),
            *_TUS_PATCH,
        ),
        body=Body("application/offset+octet-stream", schema=_BYTES, required=False),
        refusals=(*_PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset),
        others={405: "No such method."},
    ),
    ("HEAD", "/api/tus/{id}"): Operation(
        "tus",
        "Where to go on",
        {200: Answer("In headers.", headers=_TUS_HEADERS)},
        parameters=(_TUS,),
        refusals=(*_PIECES, e.UnsupportedTus),
    ),
    ("PATCH", "/api/tus/{id}"): Operation(
        "tus",
        "Send bytes from the offset on; the last ones make the job",
        {204: Answer("They are durable.", headers=_TUS_HEADERS)},
        parameters=_TUS_PATCH,
        body=Body("application/offset+octet-stream", schema=_BYTES),
        refusals=(*_PIECES, e.UnsupportedTus, e.ChunkCorrupt, e.WrongOffset),
    ),
    ("DELETE", "/api/tus/{id}"): Operation(
        "tus",
        "Drop an upload; a job that it has become stays",
        {204: Answer("Dropped.", headers={"Tus-Resumable": "Version of the protocol"})},
        parameters=(_TUS,),
        refusals=(e.UnsupportedTus,),
    ),
    # Jobs and what they gave
    ("GET", "/api/jobs"): Operation(
        "jobs",
        "Jobs, the newest first; for administrators everybody's",
        {200: Answer("A page of them.", a.JobPage)},
        parameters=(
            Parameter("state", JobState, "Only these"),
            _TAG,
            _LIMIT,
            _CURSOR,
            _TRASHED,
        ),
    ),
    ("GET", "/api/jobs/{id}"): Operation("jobs", "One job", {200: _JOB}),
    ("DELETE", "/api/jobs/{id}"): Operation(
        "jobs",
        "Put a job in the trash, with its transcript and, if no other job uses it, its recording",
        {204: _NOTHING},
        parameters=(_PERMANENT,),
        refusals=(e.StateConflict,),
    ),
    ("POST", "/api/jobs/{id}/restore"): Operation(
        "jobs", "Take a job out of the trash, with its recording", {200: _JOB}
    ),
    ("GET", "/api/jobs/{id}/segments"): Operation(
        "jobs", "The lines so far of a job that runs", {200: Answer("The lines.", a.Lines)}
    ),
    ("POST", "/api/jobs/{id}/cancel"): Operation(
        "jobs", "Stop a job", {200: _JOB}, refusals=(e.StateConflict,)
    ),
    ("POST", "/api/jobs/{id}/retry"): Operation(
        "jobs", "Have a job done again", {200: _JOB}, refusals=(e.StateConflict, e.AudioRemoved)
    ),
    ("POST", "/api/jobs/{id}/priority"): Operation(
        "jobs",
        "Change how soon a job is done",
        {200: _JOB},
        body=Body(kind=s.PriorityChange),
        refusals=(e.StateConflict,),
    ),
    ("GET", "/api/jobs/{id}/transcript"): Operation(
        "jobs",
        "The transcript of a job that is done",
        {
            200: Answer(
                "In the format that was asked for.",
                a.Transcript,
                media_types=tuple(form.media_type for name, form in FORMATS.items() if name != "json"),
            )
        },
        parameters=(
            Parameter("format", Literal[tuple(FORMATS)], "`json` otherwise"),
            Parameter("download", Literal["1"], "As an attachment, named like the recording"),
        ),
        refusals=(e.StateConflict,),
    ),
    # The library
    ("GET", "/api/recordings"): Operation(
        "library",
        "Recordings, the newest first; for administrators everybody's",
        {200: Answer("A page of them.", a.RecordingPage)},
        parameters=(
            Parameter("q", str, "Text in the title, whatever its case"),
            _TAG,
            Parameter("owner", str, "Only of this account; administrators alone may ask"),
            _LIMIT,
            _CURSOR,
            _TRASHED,
        ),
        refusals=(e.Forbidden, e.NotFound),
    ),
    ("GET", "/api/recordings/{id}"): Operation(
        "library", "One recording", {200: Answer("The recording.", a.Recording, headers=_REVISION)}
    ),
    ("PATCH", "/api/recordings/{id}"): Operation(
        "library",
        "Change the title, the tags, or how long it is kept",
        {200: Answer("The recording.", a.Recording, headers=_REVISION)},
        parameters=(Parameter("If-Match", str, "`ETag` of what was read: refused if it changed", "header"),),
        body=Body(kind=s.RecordingChange),
        refusals=(e.ChangedMeanwhile,),
    ),
    ("DELETE", "/api/recordings/{id}"): Operation(
        "library",
        "Put a recording in the trash, with all its jobs",
        {204: _NOTHING},
        parameters=(_PERMANENT,),
        refusals=(e.StateConflict,),
    ),
    ("POST", "/api/recordings/{id}/restore"): Operation(
        "library",
        "Take a recording out of the trash, with the jobs that went together with it",
        {200: Answer("The recording.", a.Recording, headers=_REVISION)},
    ),
    ("GET", "/api/recordings/{id}/audio"): Operation(
        "library",
        "The bytes as they were sent",
        {
            200: Answer("All of them.", media_types=_SOUND, headers=_RANGES),
            206: Answer("The range.", media_types=_SOUND, headers=_RANGES | {"Content-Range": "Which bytes"}),
        },
        parameters=(
            Parameter("Range", str, "Which bytes, in one range (RFC 9110)", "header"),
            Parameter("If-Range", str, "`ETag` of what is there already", "header"),
            Parameter("download", Literal["0", "1"], "`1`: as an attachment"),
        ),
        refusals=(e.AudioRemoved,),
        others={304: "Not modified.", 412: "A precondition failed.", 416: "No such range."},
    ),
    ("GET", "/api/recordings/{id}/peaks"): Operation(
        "library",
        "The waveform, made at the first call",
        {200: Answer("The waveform.", a.Peaks)},
        parameters=(
            Parameter("points", Annotated[int, Meta(ge=1, le=MAX_POINTS)], "Most stretches; 1000 otherwise"),
        ),
        refusals=(e.AudioRemoved, e.NotAudio, e.EmptyFile, e.DiskFull, *_AUDIO),
    ),
    ("GET", "/api/events"): Operation(
        "jobs",
        "What changes, as server-sent events: `job`, `segments`, `deleted`, `reload`",
        {200: Answer("Events, without an end.", media_types=("text/event-stream",))},
    ),
    ("GET", "/api/admin/jobs/stats"): Operation(
        "jobs", "How many jobs are in which state", {200: Answer("The counts.", a.JobStats)}
    ),
}
