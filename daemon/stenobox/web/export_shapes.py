"""What exports and work on several jobs at once take and answer."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stenobox.exports import FORMATS, ExportOptions
from stenobox.exports.bundle import MAX_JOBS
from stenobox.web.answers import Said

JobIds = Annotated[
    list[Annotated[str, Meta(max_length=64)]],
    Meta(min_length=1, max_length=MAX_JOBS, description="Ids of jobs"),
]
FormatName = Annotated[str, Meta(extra_json_schema={"enum": list(FORMATS)})]


class ExportOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An option counts for those of the formats that it means something to, and is refused if for none."""

    jobs: JobIds
    formats: Annotated[list[FormatName], Meta(min_length=1, max_length=len(FORMATS))]
    options: ExportOptions = ExportOptions()


class JobsToDelete(msgspec.Struct, forbid_unknown_fields=True):
    """Jobs that go into the trash."""

    jobs: JobIds


class JobProblem(Said):
    """Why nothing was done with one of the jobs."""

    job: str
    code: Annotated[str, Meta(description="Stable, for scripts")]
    detail: Annotated[str, Meta(description="A sentence for people")]


class JobsDeleted(Said):
    """What became of each."""

    deleted: Annotated[list[str], Meta(description="Ids of those that are in the trash now")]
    problems: list[JobProblem]
