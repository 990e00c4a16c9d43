"""Transcripts: the text, its segments, and what made it. There is one if and only if its job is done."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import astuple

import msgspec

from stenobox.db import Database, Reader, Transaction
from stenobox.editing.lines import Kept, corrected
from stenobox.errors import NotFound, StateConflict
from stenobox.search import index
from stenobox.sharing.rights import demand
from stenobox.types import Identity, JobState, Provenance, Right, Segment, Transcript, Word

# Refused by a trigger unless the job is done already.
INSERT = """
INSERT INTO transcripts (job_id, language, duration, text, provenance, created_at)
VALUES (?, ?, ?, ?, ?, ?)
"""

INSERT_SEGMENT = """
INSERT INTO segments
    (job_id, id, start, "end", text, avg_logprob, no_speech_prob, compression_ratio, temperature, channel,
     words, seek, tokens)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

# One row for every job, with empty columns when it has no transcript: the two cases get different answers.
GET = """
SELECT jobs.owner_id, jobs.recording_id, jobs.state, t.language, t.duration, t.text, t.provenance,
    t.created_at,
    COALESCE((SELECT MAX(number) FROM transcript_versions WHERE job_id = jobs.id), 1) AS version
FROM jobs LEFT JOIN transcripts AS t ON t.job_id = jobs.id
WHERE jobs.id = ? AND jobs.trashed_at IS NULL
"""

GET_SEGMENTS = """
SELECT id, start, "end", text, avg_logprob, no_speech_prob, compression_ratio, temperature, channel,
       words, seek, tokens
FROM segments WHERE job_id = ? ORDER BY id
"""

GET_VERSION = "SELECT lines, text FROM transcript_versions WHERE job_id = ? AND number = ?"


async def save(tx: Transaction, transcript: Transcript) -> None:
    """Insert a transcript. The caller has set the job to `done` in the same transaction."""
    provenance = msgspec.json.encode(transcript.provenance).decode()
    await tx.execute(
        INSERT,
        (
            transcript.job_id,
            transcript.language,
            transcript.duration,
            transcript.text,
            provenance,
            transcript.created_at,
        ),
    )
    # In a thread: the words of ten hours are some 100,000.
    await tx.execute_many(INSERT_SEGMENT, await asyncio.to_thread(_rows, transcript))
    await index.add(tx, transcript.job_id, [segment.text for segment in transcript.segments])


async def visible(reader: Reader, job_id: str, identity: Identity, needed: Right = Right.READ) -> sqlite3.Row:
    """What is known of a transcript, without its lines: a row of GET, `version` being the current one.

    Raises NotFound (no such job, or not theirs to see), NotYours, or StateConflict (the job is not done).
    """
    row = await reader.fetch_one(GET, (job_id,))
    if row is None:
        raise NotFound(what="job")
    owner_id, recording_id = row["owner_id"], row["recording_id"]
    await demand(reader, identity, needed, owner_id=owner_id, recording_id=recording_id, what="job")
    if row["state"] != JobState.DONE:
        raise StateConflict(state=row["state"], action="read as a transcript")
    return row


def _rows(transcript: Transcript) -> list[tuple[object, ...]]:
    return [
        (
            transcript.job_id,
            segment.id,
            segment.start,
            segment.end,
            segment.text,
            segment.avg_logprob,
            segment.no_speech_prob,
            segment.compression_ratio,
            segment.temperature,
            segment.channel,
            None if segment.words is None else _json([astuple(word) for word in segment.words]),
            segment.seek,
            _json(segment.tokens),
        )
        for segment in transcript.segments
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class Transcripts:
    """Reads what `Jobs.complete` saved."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def save(self, tx: Transaction, transcript: Transcript) -> None:
        """See `save`."""
        await save(tx, transcript)

    async def get(self, job_id: str, identity: Identity, version: int | None = None) -> Transcript:
        """The transcript of a job that `identity` may see, in its current version or in the one that is
        named: 1 is the model's own.

        Raises NotFound (no such job or version, or not theirs) or StateConflict (the job is not done).
        """
        async with self._db.read() as reader:
            row = await visible(reader, job_id, identity)
            wanted = row["version"] if version is None else version
            segments = await reader.fetch_all(GET_SEGMENTS, (job_id,))
            made = await reader.fetch_one(GET_VERSION, (job_id, wanted)) if wanted > 1 else None
        if wanted < 1 or (wanted > 1 and made is None):
            raise NotFound(what="version")
        # In a thread: ten hours are ten thousand segments, some 50 ms of work.
        original = await asyncio.to_thread(_transcript, job_id, row, segments)
        if made is None:
            return original
        return await asyncio.to_thread(corrected, original, wanted, Kept(**dict(made)))


def _transcript(job_id: str, row: sqlite3.Row, segments: list[sqlite3.Row]) -> Transcript:
    return Transcript(
        job_id=job_id,
        language=row["language"],
        duration=row["duration"],
        text=row["text"],
        segments=tuple(map(_segment, segments)),
        provenance=msgspec.json.decode(row["provenance"], type=Provenance),
        created_at=row["created_at"],
    )


def _segment(row: sqlite3.Row) -> Segment:
    values = dict(row)
    words = values["words"]
    values["words"] = None if words is None else tuple(Word(*word) for word in msgspec.json.decode(words))
    values["tokens"] = msgspec.json.decode(values["tokens"], type=tuple[int, ...])
    return Segment(**values)
