"""Jobs and what they gave."""

from __future__ import annotations

from typing import Final, Literal

from stenobox import errors as e
from stenobox.exports import FORMATS
from stenobox.types import JobState
from stenobox.web import answers as a
from stenobox.web import schemas as s
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared
from stenobox.web.operations.exports import OPTION_PARAMETERS

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/jobs"): Operation(
        "jobs",
        "Jobs, the newest first; for administrators everybody's",
        {200: Answer("A page of them.", a.JobPage)},
        parameters=(
            Parameter("state", JobState, "Only these"),
            shared.TAG,
            shared.LIMIT,
            shared.CURSOR,
            shared.TRASHED,
            shared.SHARED,
        ),
    ),
    ("GET", "/api/jobs/{id}"): Operation("jobs", "One job", {200: shared.JOB}),
    ("DELETE", "/api/jobs/{id}"): Operation(
        "jobs",
        "Put a job in the trash, with its transcript and, if no other job uses it, its recording",
        {204: shared.NOTHING},
        parameters=(shared.PERMANENT,),
        refusals=(e.StateConflict,),
    ),
    ("POST", "/api/jobs/{id}/restore"): Operation(
        "jobs", "Take a job out of the trash, with its recording", {200: shared.JOB}
    ),
    ("GET", "/api/jobs/{id}/segments"): Operation(
        "jobs", "The lines so far of a job that runs", {200: Answer("The lines.", a.Lines)}
    ),
    ("POST", "/api/jobs/{id}/cancel"): Operation(
        "jobs", "Stop a job", {200: shared.JOB}, refusals=(e.StateConflict,)
    ),
    ("POST", "/api/jobs/{id}/retry"): Operation(
        "jobs", "Have a job done again", {200: shared.JOB}, refusals=(e.StateConflict, e.AudioRemoved)
    ),
    ("POST", "/api/jobs/{id}/priority"): Operation(
        "jobs",
        "Change how soon a job is done",
        {200: shared.JOB},
        body=Body(kind=s.PriorityChange),
        refusals=(e.StateConflict,),
    ),
    ("GET", "/api/jobs/{id}/transcript"): Operation(
        "jobs",
        "The transcript of a job that is done, in its current version",
        {
            200: Answer(
                "In the format that was asked for.",
                a.Transcript,
                headers={"ETag": "Names the version, for `If-Match`"},
                media_types=tuple(form.media_type for name, form in FORMATS.items() if name != "json"),
            )
        },
        parameters=(
            Parameter("format", Literal[tuple(FORMATS)], "`json` otherwise"),
            Parameter("download", Literal["1"], "As an attachment, named like the recording"),
            *OPTION_PARAMETERS,
        ),
        refusals=(e.StateConflict,),
    ),
    ("GET", "/api/events"): Operation(
        "jobs",
        "What changes, as server-sent events: `job`, `segments`, `transcript`, `deleted`, `reload`",
        {200: Answer("Events, without an end.", media_types=("text/event-stream",))},
    ),
    ("GET", "/api/admin/jobs/stats"): Operation(
        "jobs", "How many jobs are in which state", {200: Answer("The counts.", a.JobStats)}
    ),
}
