"""Corrections of transcripts, and the search over all of them."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from stenobox import errors as e
from stenobox.search.finding import MAX_PAGE
from stenobox.web import answers as a
from stenobox.web import glossary as g
from stenobox.web import texts_shapes as t
from stenobox.web.described import Answer, Body, Operation, Parameter
from stenobox.web.operations import shared

_MATCH: Final = Parameter("If-Match", str, "`ETag` of what was read: refused if it changed", "header")
_WORDS: Final = Answer("The words.", g.Words, headers={"ETag": "Names this state, for `If-Match`"})
_CURRENT: Final = Answer(
    "The transcript as it is now.", a.Transcript, headers={"ETag": "Names the version, for `If-Match`"}
)

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("PUT", "/api/jobs/{id}/transcript"): Operation(
        "texts",
        "Correct a transcript: a new version with these lines; the older ones stay",
        {200: _CURRENT},
        parameters=(_MATCH,),
        body=Body(kind=t.CorrectedTranscript),
        refusals=(e.StateConflict, e.ChangedMeanwhile, e.TooManyVersions),
    ),
    ("GET", "/api/jobs/{id}/transcript/versions"): Operation(
        "texts",
        "The versions of a transcript, the model's first",
        {200: Answer("The versions.", t.VersionList)},
        refusals=(e.StateConflict,),
    ),
    ("GET", "/api/jobs/{id}/transcript/versions/{n}"): Operation(
        "texts",
        "One version of a transcript",
        {200: Answer("The version.", t.VersionText)},
        refusals=(e.StateConflict,),
    ),
    ("GET", "/api/jobs/{id}/transcript/versions/{n}/diff"): Operation(
        "texts",
        "What changed from another version to this one, word by word",
        {200: Answer("The stretches that differ.", t.Difference)},
        parameters=(Parameter("against", Annotated[int, Meta(ge=1)], "The other; the one before otherwise"),),
        refusals=(e.StateConflict,),
    ),
    ("POST", "/api/jobs/{id}/transcript/versions/{n}/restore"): Operation(
        "texts",
        "Go back to a version, by a new one that says the same",
        {200: _CURRENT},
        parameters=(_MATCH,),
        refusals=(e.StateConflict, e.ChangedMeanwhile, e.TooManyVersions),
    ),
    ("GET", "/api/search"): Operation(
        "texts",
        "Where something was said: in titles, tags and the current text of transcripts",
        {200: Answer("What fits best first.", t.SearchPage)},
        parameters=(
            Parameter(
                "q",
                str,
                'Words that are all there; `"a phrase"`, `begin*`, `-word` for what is not there',
                required=True,
            ),
            Parameter("from", str, "Only what came in on this day or after; a day or a moment in ISO 8601"),
            Parameter("to", str, "Only what came in on this day or before, or before this moment"),
            Parameter("language", str, "Only in this language, a code"),
            shared.TAG,
            Parameter("owner", str, "Only of this account; administrators alone may ask"),
            Parameter(
                "limit", Annotated[int, Meta(ge=0)], f"How many to a page, at most {MAX_PAGE}; 20 otherwise"
            ),
            shared.CURSOR,
        ),
        refusals=(e.BadQuery, e.Forbidden, e.NotFound),
    ),
    ("GET", "/api/glossary"): Operation(
        "texts", "One's own glossary: words that the model is told of before it listens", {200: _WORDS}
    ),
    ("PUT", "/api/glossary"): Operation(
        "texts",
        "Write one's own glossary; it counts for what is sent from then on",
        {200: _WORDS},
        parameters=(_MATCH,),
        body=Body(kind=g.NewWords),
        refusals=(e.ChangedMeanwhile,),
    ),
}
