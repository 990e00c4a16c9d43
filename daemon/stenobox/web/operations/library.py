"""The library of recordings."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from stenobox import errors as e
from stenobox.library.waveforms import MAX_POINTS
from stenobox.web import answers as a
from stenobox.web import schemas as s
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared

_SOUND: Final = ("audio/*", "video/*", "application/octet-stream")

_RANGES: Final = {"Accept-Ranges": "`bytes`", "ETag": "Names these bytes for good"}

_REVISION: Final = {"ETag": "Names this state of the recording, for `If-Match`"}

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/recordings"): Operation(
        "library",
        "Recordings, the newest first; for administrators everybody's",
        {200: Answer("A page of them.", a.RecordingPage)},
        parameters=(
            Parameter("q", str, "Text in the title, whatever its case"),
            shared.TAG,
            Parameter("owner", str, "Only of this account; administrators alone may ask"),
            shared.LIMIT,
            shared.CURSOR,
            shared.TRASHED,
            shared.SHARED,
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
        {204: shared.NOTHING},
        parameters=(shared.PERMANENT,),
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
        refusals=(e.AudioRemoved, e.NotAudio, e.EmptyFile, e.DiskFull, *shared.AUDIO),
    ),
}
