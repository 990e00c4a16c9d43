"""What goes by itself: recordings and their audio when their days are over, and what was in the trash for
long enough.

Age counts from when the bytes last came in. A recording's own days go before those of the settings. Nothing
goes while a job waits or runs. The days hold in the trash too: what should be gone by a date is gone.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from stenobox.audit import Action, record
from stenobox.config import DAY, LibrarySettings
from stenobox.db import Database, Transaction
from stenobox.jobs import Jobs
from stenobox.library import tags
from stenobox.recordings import Recordings

BATCH = 20
"""Rows in one transaction, each with all lines of its transcripts: other writers wait meanwhile."""

_IDLE = """
NOT EXISTS (SELECT 1 FROM jobs WHERE recording_id = recordings.id AND state IN ('queued', 'running'))
"""

OVER = f"""
SELECT id, owner_id, sha256 FROM recordings
WHERE COALESCE(transcript_days, :days) > 0
  AND stored_at <= :now - COALESCE(transcript_days, :days) * :day AND {_IDLE}
LIMIT :batch
"""  # noqa: S608 - all parts are constants, here and below

AUDIO_OVER = f"""
SELECT id, owner_id, sha256 FROM recordings
WHERE audio_removed_at IS NULL AND COALESCE(audio_days, :days) > 0
  AND stored_at <= :now - COALESCE(audio_days, :days) * :day AND {_IDLE}
LIMIT :batch
"""  # noqa: S608

TRASH_OVER = (
    "SELECT id, owner_id, sha256 FROM recordings WHERE trashed_at <= :now - :days * :day LIMIT :batch"
)

# Of recordings that others of their jobs keep out of the trash.
TRASHED_JOBS_OVER = """
DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE trashed_at <= :now - :days * :day LIMIT :batch)
RETURNING id, recording_id
"""

REMOVE_AUDIO = "UPDATE recordings SET audio_removed_at = :now, revision = revision + 1 WHERE id = :id"

JOBS_OF = "SELECT id FROM jobs WHERE recording_id = ? AND trashed_at IS NULL"

DELETE = "DELETE FROM recordings WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Cleared:
    """How many recordings went after their days, lost only their audio, and were emptied from the trash."""

    recordings: int
    audio: int
    trash: int

    def __bool__(self) -> bool:
        return bool(self.recordings or self.audio or self.trash)


class Retention:
    """`apply` it now and then."""

    def __init__(
        self,
        settings: LibrarySettings,
        db: Database,
        jobs: Jobs,
        recordings: Recordings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._db = db
        self._jobs = jobs
        self._recordings = recordings
        self._clock = clock

    async def apply(self) -> Cleared:
        """Remove what is over now. Each batch commits its rows, then discards their bytes; bytes that an
        earlier time could not discard go at the end.
        """
        over = await self._all(OVER, self._settings.transcript_days, self._expire)
        audio = await self._all(AUDIO_OVER, self._settings.audio_days, self._remove_audio)
        trash = await self._all(TRASH_OVER, self._settings.trash_days, self._erase)
        gone = BATCH
        while gone == BATCH:
            async with self._db.write() as tx:
                rows = await tx.fetch_all(TRASHED_JOBS_OVER, self._values(self._settings.trash_days))
                for row in rows:
                    await record(tx, Action.JOB_ERASED, f"job:{row['id']}", recording=row["recording_id"])
            gone = len(rows)
        for orphan in await self._recordings.orphans():
            await self._recordings.discard(orphan.name)
        return Cleared(over, audio, trash)

    async def _all(
        self, statement: str, days: int, remove: Callable[[Transaction, sqlite3.Row], Awaitable[None]]
    ) -> int:
        removed = 0
        while True:
            async with self._db.write() as tx:
                rows = await tx.fetch_all(statement, self._values(days))
                for row in rows:
                    await remove(tx, row)
                if rows:
                    await tx.execute(tags.DROP_UNUSED)
            for sha256 in {row["sha256"] for row in rows}:
                await self._recordings.discard(sha256)
            removed += len(rows)
            if len(rows) < BATCH:
                return removed

    async def _expire(self, tx: Transaction, row: sqlite3.Row) -> None:
        await record(tx, Action.RECORDING_EXPIRED, f"recording:{row['id']}", owner=row["owner_id"])
        await self._delete(tx, row)

    async def _erase(self, tx: Transaction, row: sqlite3.Row) -> None:
        await record(tx, Action.RECORDING_ERASED, f"recording:{row['id']}", owner=row["owner_id"])
        await self._delete(tx, row)

    async def _delete(self, tx: Transaction, row: sqlite3.Row) -> None:
        for job in await tx.fetch_all(JOBS_OF, (row["id"],)):
            await self._jobs.tell_gone(tx, row["owner_id"], recording_id=row["id"], job_id=job["id"])
        await tx.execute(DELETE, (row["id"],))

    async def _remove_audio(self, tx: Transaction, row: sqlite3.Row) -> None:
        await tx.execute(REMOVE_AUDIO, {"id": row["id"], "now": self._clock()})
        await record(tx, Action.AUDIO_EXPIRED, f"recording:{row['id']}", owner=row["owner_id"])
        await self._jobs.tell(tx, row["id"])

    def _values(self, days: int) -> dict[str, float]:
        return {"days": days, "day": DAY, "now": self._clock(), "batch": BATCH}
