"""Rows of the queue as values, and the cursor of a listing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import msgspec

from stenobox.types import Job, JobOptions, JobState, Right


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first; `next` is the cursor of the page after this one, None on the last."""

    jobs: tuple[Job, ...]
    next: str | None


def encode_options(options: JobOptions) -> str:
    return msgspec.json.encode(options).decode()


def job_of(row: sqlite3.Row) -> Job:
    """A row of `statements.COLUMNS` as a Job."""
    return Job(
        id=row["id"],
        recording_id=row["recording_id"],
        owner_id=row["owner_id"],
        state=JobState(row["state"]),
        priority=row["priority"],
        options=msgspec.json.decode(row["options"], type=JobOptions),
        attempt=row["attempt"],
        progress=row["progress"],
        error=row["error"],
        error_detail=row["error_detail"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        filename=row["filename"],
        duration=row["duration"],
        title=row["title"],
        tags=tuple(sorted(msgspec.json.decode(row["tags"], type=list[str]), key=str.casefold)),
        audio_removed_at=row["audio_removed_at"],
        trashed_at=row["trashed_at"],
        owner=row["owner"],
        right=Right(row["rights"]),
    )


def page_of(rows: list[sqlite3.Row], limit: int) -> Page:
    """Rows that were asked for with `limit` + 1: the one too many only tells that there is a next page."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page(tuple(job_of(row) for row in shown), str(shown[-1]["seq"]) if more else None)
