"""What the box worked on lately, for whoever asks why it is slow.

Bounded whatever the size of the library: the newest MAX_JOBS jobs that are done and those that run, found by
the index of states. Numbers of jobs grow with time, so what was done within a day is among them on all but
the busiest boxes; a job that waited behind MAX_JOBS later ones is left out, and `complete` tells when the day
may hold more. The provenance stands behind the text of a transcript, so a row costs the pages of that text:
some megabytes for MAX_JOBS talks of half an hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stenobox.db import Database

MAX_JOBS: Final = 1_000

_COLUMNS = """
SELECT jobs.attempt, jobs.created_at, jobs.started_at, jobs.finished_at, transcripts.duration,
    json_extract(transcripts.provenance, '$.model') AS model,
    json_extract(transcripts.provenance, '$.realtime_factor') AS factor
FROM jobs INDEXED BY jobs_of_state LEFT JOIN transcripts ON transcripts.job_id = jobs.id
"""

DONE = f"""
SELECT * FROM ({_COLUMNS} WHERE jobs.state = 'done' ORDER BY jobs.seq DESC LIMIT :limit)
WHERE finished_at >= :since
"""  # noqa: S608 - all parts are constants

RUNNING = f"{_COLUMNS} WHERE jobs.state = 'running' ORDER BY jobs.seq DESC LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Work:
    """A job that was done: `audio_seconds` long, at work for `factor` times that by `model`."""

    model: str
    finished_at: float
    audio_seconds: float
    factor: float


@dataclass(frozen=True, slots=True)
class Recent:
    """`waits`: seconds from coming in to the first attempt, of jobs that needed one. If not `complete`, there
    may have been more than was looked at.
    """

    done: Sequence[Work]
    waits: Sequence[float]
    complete: bool


async def recent(db: Database, since: float) -> Recent:
    """What was done since then (Unix seconds), and what runs."""
    values = {"since": since, "limit": MAX_JOBS}
    async with db.read() as reader:
        done = await reader.fetch_all(DONE, values)
        running = await reader.fetch_all(RUNNING, {"limit": MAX_JOBS})
    # A later attempt waited for something else, too.
    waits = [
        max(0.0, row["started_at"] - row["created_at"]) for row in (*done, *running) if row["attempt"] == 1
    ]
    return Recent(
        done=[Work(row["model"], row["finished_at"], row["duration"], row["factor"]) for row in done],
        waits=waits,
        complete=len(done) < MAX_JOBS,
    )
