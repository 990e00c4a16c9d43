"""What keeps `search_docs` in step where the triggers of the schema cannot: they keep the rest.

A transcript is found in the transaction that saves it, and gone from the index in the one that removes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from stenobox.db import Transaction
from stenobox.search import scripts

OWNER = "\ue000"
LANGUAGE = "\ue001"
TAG = "\ue002"
READER = "\ue003"
"""What the tokens of `scope` begin with. Words of a search never hold characters of the private use area."""

_SCOPE = """
char(57344) || jobs.owner_id || ' ' || char(57345) || transcripts.language || COALESCE((
    SELECT group_concat(' ' || char(57346) || tag_id, '') FROM recording_tags
    WHERE recording_id = jobs.recording_id), '') || COALESCE((
    SELECT group_concat(' ' || char(57347) || user_id, '') FROM shares
    WHERE recording_id = jobs.recording_id AND user_id IS NOT NULL), '')
"""

_TAGS = """
COALESCE((
    SELECT group_concat(tags.name, char(10)) FROM recording_tags JOIN tags ON tags.id = tag_id
    WHERE recording_id = jobs.recording_id), '')
"""

# The lines of a transcript come after its row, so that a trigger on the row would be too early.
ADD = f"""
INSERT INTO search_docs (id, job_id, recording_id, owner_id, created_at, version, scope, title, tags)
SELECT jobs.seq, jobs.id, jobs.recording_id, jobs.owner_id, jobs.created_at, 1, {_SCOPE},
    COALESCE(recordings.given_title, recordings.file_title, recordings.filename), {_TAGS}
FROM jobs JOIN transcripts ON transcripts.job_id = jobs.id
    JOIN recordings ON recordings.id = jobs.recording_id
WHERE jobs.id = ? AND jobs.trashed_at IS NULL
"""  # noqa: S608 - all parts are constants, here and below

# Once for all tags that change together: each change of a row indexes its text again.
RESCOPE = f"""
UPDATE search_docs SET (scope, tags) = (
    SELECT {_SCOPE}, {_TAGS} FROM jobs JOIN transcripts ON transcripts.job_id = jobs.id
    WHERE jobs.seq = search_docs.id)
WHERE recording_id = ?
"""  # noqa: S608


SPREAD = "INSERT INTO search_bodies (job_id, version, body) VALUES (?, ?, ?)"

DROP_SPREAD = "DELETE FROM search_bodies WHERE job_id = ? AND version < ?"


async def add(tx: Transaction, job_id: str, texts: Sequence[str]) -> None:
    """Have a transcript found, once its lines are saved; in the same transaction. `texts` are its lines."""
    await prepare(tx, job_id, 1, texts)
    await tx.execute(ADD, (job_id,))


async def prepare(tx: Transaction, job_id: str, version: int, texts: Sequence[str]) -> None:
    """Before a version is saved, in the same transaction: what the index reads in place of its text."""
    body = await asyncio.to_thread(_spread, texts)
    if body is not None:
        await tx.execute(SPREAD, (job_id, version, body))


async def tidy(tx: Transaction, job_id: str, version: int) -> None:
    """After a version was saved: what the index read of those before it is not needed any more."""
    await tx.execute(DROP_SPREAD, (job_id, version))


async def rescope(tx: Transaction, recording_id: str) -> None:
    """After the tags of a recording changed, or with whom it is shared by itself; in the same transaction."""
    await tx.execute(RESCOPE, (recording_id,))


def _spread(texts: Sequence[str]) -> str | None:
    """The lines as one text; None if the index can read them as they are."""
    body = "\n".join(text.replace("\n", " ") for text in texts)
    return scripts.spread(body) if scripts.is_dense(body) else None
