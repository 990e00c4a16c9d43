"""Sharing, and what links lead to."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from stenobox import errors as e
from stenobox.web import share_shapes as s
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import jobs, library, shared

_MADE: Final = Answer("The share; of a link its path, shown this once.", s.ShareMade)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/api/people"): Operation(
        "sharing", "Names of the accounts with which one may share", {200: Answer("The names.", s.People)}
    ),
    ("GET", "/api/shares"): Operation(
        "sharing",
        "What one shares, for administrators everybody; with `recording` or `tag` with whom that is shared",
        {200: Answer("A page of them.", s.SharePage)},
        parameters=(
            Parameter("recording", str, "Only of the recording with this id"),
            Parameter("tag", str, "Only of this tag of one's own"),
            Parameter("received", Literal["0", "1"], "`1`: what others share with the caller instead"),
            shared.LIMIT,
            shared.CURSOR,
        ),
        refusals=(e.NotYours, e.NotFound),
    ),
    ("POST", "/api/shares"): Operation(
        "sharing",
        "Share a recording, or everything with a tag, with an account or by a link",
        {201: _MADE, 200: Answer("It was shared with that account before, and is changed.", s.ShareMade)},
        body=Body(kind=s.NewShare),
        refusals=(e.NotYours, e.NotFound, e.LinksOff, e.TooManyShares),
    ),
    ("DELETE", "/api/shares/{id}"): Operation(
        "sharing", "Take a share back, or leave what is shared with oneself", {204: shared.NOTHING}
    ),
    ("GET", "/api/links/{token}"): Operation(
        "sharing", "What a link leads to, for whoever has it", {200: Answer("It.", s.LinkContents)}
    ),
    ("GET", "/api/links/{token}/jobs/{id}/transcript"): replace(
        jobs.OPERATIONS["GET", "/api/jobs/{id}/transcript"],
        area="sharing",
        summary="A transcript that a link leads to",
    ),
    ("GET", "/api/links/{token}/recordings/{id}/audio"): replace(
        library.OPERATIONS["GET", "/api/recordings/{id}/audio"],
        area="sharing",
        summary="The audio that a link leads to",
    ),
    ("GET", "/api/links/{token}/recordings/{id}/peaks"): replace(
        library.OPERATIONS["GET", "/api/recordings/{id}/peaks"],
        area="sharing",
        summary="The waveform of what a link leads to",
    ),
}
