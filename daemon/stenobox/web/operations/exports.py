"""Transcripts of several jobs at once, and the options of exports."""

from __future__ import annotations

from typing import Final, get_args

import msgspec
from msgspec import Meta, UnsetType

from stenobox import errors as e
from stenobox.exports import FORMATS, ExportOptions
from stenobox.exports.bundle import PROBLEMS
from stenobox.web import export_shapes as shapes
from stenobox.web.described import Answer, Body, Operation, Parameter


def _parameters() -> tuple[Parameter, ...]:
    """The options as parameters of a query, each with the formats that take it."""
    found = []
    for field in msgspec.structs.fields(ExportOptions):
        [kind] = [kind for kind in get_args(field.type) if kind is not UnsetType]
        meaning = next(meta.description for meta in kind.__metadata__ if isinstance(meta, Meta))
        names = ", ".join(f"`{name}`" for name, form in FORMATS.items() if field.name in form.options)
        found.append(Parameter(field.name, kind, f"{meaning}. For {names}; otherwise refused"))
    return tuple(found)


OPTION_PARAMETERS: Final = _parameters()

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/api/transcripts/export"): Operation(
        "jobs",
        "Transcripts of several jobs as one zip file, named after their recordings",
        {
            200: Answer(
                f"The zip file. `{PROBLEMS}` in it tells which jobs are missing and why; if all are, "
                "the request is refused.",
                media_types=("application/zip",),
                headers={"Stenobox-Problems": "How many jobs are missing"},
            )
        },
        body=Body(kind=shapes.ExportOrder),
        refusals=(e.NotFound, e.StateConflict),
    ),
    ("POST", "/api/jobs/delete"): Operation(
        "jobs",
        "Put several jobs in the trash, as `DELETE /api/jobs/{id}` does with one",
        {200: Answer("What became of each.", shapes.JobsDeleted)},
        body=Body(kind=shapes.JobsToDelete),
    ),
}
