"""Many transcripts in one zip file, made while it is sent: one transcript is in memory at a time."""

from __future__ import annotations

import asyncio
import zipfile
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from zipstream import ZipStream

from stenobox.errors import NotFound, StateConflict, StenoboxError
from stenobox.exports import FORMATS, ExportOptions, render
from stenobox.exports.names import Stems, title_of
from stenobox.jobs import Jobs
from stenobox.transcripts import Transcripts
from stenobox.types import Identity, Job, JobState, Transcript

__all__ = ["MAX_JOBS", "PROBLEMS", "Bundle", "gather"]

MAX_JOBS: Final = 1_000
PROBLEMS: Final = "problems.json"
"""In the zip, if something could not be exported: `{"problems": [{"job", "code", "detail"}]}`."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What goes into the zip, and why some of what was asked for does not, by job."""

    jobs: tuple[Job, ...]
    problems: dict[str, StenoboxError] = field(default_factory=dict)

    async def pieces(
        self, transcripts: Transcripts, identity: Identity, formats: Sequence[str], options: ExportOptions
    ) -> AsyncGenerator[bytes, None]:
        """The zip file. What is deleted meanwhile becomes one more problem in it."""
        archive, stems = _Archive(), Stems(PROBLEMS.partition(".")[0])
        problems = dict(self.problems)
        for job in self.jobs:
            try:
                transcript = await transcripts.get(job.id, identity)
            except (NotFound, StateConflict) as error:
                problems[job.id] = error
                continue
            title = title_of(job)
            stem = stems.take(title)
            for name in dict.fromkeys(formats):
                # Of several formats each takes the options that mean something to it.
                yield await asyncio.to_thread(archive.write, stem, transcript, title, name, options)
        yield await asyncio.to_thread(archive.end, problems)


async def gather(jobs: Jobs, ids: Iterable[str], identity: Identity) -> Bundle:
    """Look at all jobs before the first byte is sent; one that is named twice counts once.

    Raises NotFound or StateConflict, the first one met, if none of them can be exported.
    """
    found: list[Job] = []
    problems: dict[str, StenoboxError] = {}
    for job_id in dict.fromkeys(ids):
        try:
            job = await jobs.get(job_id, identity)
            if job.state is not JobState.DONE:
                raise StateConflict(state=job.state, action="exported")
            found.append(job)
        except (NotFound, StateConflict) as error:
            problems[job_id] = error
    if not found:
        raise next(iter(problems.values()))
    return Bundle(tuple(found), problems)


class _Archive:
    """The zip, in pieces. Its methods block."""

    def __init__(self) -> None:
        self._zip = ZipStream(compress_type=zipfile.ZIP_DEFLATED)

    def write(
        self, stem: str, transcript: Transcript, title: str, format: str, options: ExportOptions
    ) -> bytes:
        content = render(transcript, format, options, title=title).content
        self._zip.add(content, f"{stem}.{FORMATS[format].extension}")
        return b"".join(self._zip.all_files())

    def end(self, problems: dict[str, StenoboxError]) -> bytes:
        if problems:
            told = [
                {"job": job_id, "code": error.code, "detail": error.detail}
                for job_id, error in problems.items()
            ]
            content = msgspec.json.format(msgspec.json.encode({"problems": told}), indent=2)
            self._zip.add(content, PROBLEMS)
        return b"".join(self._zip.finalize())
