"""The trash: what people delete can be taken out again, until its days are over.

People delete jobs, on the page; a recording goes into the trash with the last of its jobs that is not there
yet, and comes out with the first one. What is in the trash is out of sight: nothing finds it but the listing
of the trash, `restore` and `erase`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from stenobox.audit import Action, record
from stenobox.db import Database, Transaction
from stenobox.errors import NotFound, NotYours, StateConflict, StenoboxError
from stenobox.jobs import Jobs
from stenobox.jobs import statements as jobs_sql
from stenobox.jobs.page import job_of
from stenobox.jobs.queue import visible as visible_job
from stenobox.library import tags
from stenobox.recordings import Recordings
from stenobox.recordings import visible as visible_recording
from stenobox.types import Identity, Job, JobState, Recording, Right

AT_ONCE: Final = 50
"""Jobs that go into the trash in one transaction."""

# A job that waits is cancelled on its way.
TRASH_JOB = """
UPDATE jobs
SET trashed_at = :now, state = CASE state WHEN 'queued' THEN 'cancelled' ELSE state END,
    finished_at = CASE state WHEN 'queued' THEN :now ELSE finished_at END
WHERE id = :id AND trashed_at IS NULL AND state <> 'running'
"""

# With the last of its jobs.
TRASH_RECORDING = """
UPDATE recordings SET trashed_at = :now, revision = revision + 1
WHERE id = :recording_id AND trashed_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM jobs WHERE recording_id = :recording_id AND trashed_at IS NULL)
"""

RESTORE_JOB = "UPDATE jobs SET trashed_at = NULL WHERE id = ?"

RESTORE_RECORDING = """
UPDATE recordings SET trashed_at = NULL, revision = revision + 1 WHERE id = ? AND trashed_at IS NOT NULL
"""

# Those that went together with it; what was deleted before stays deleted.
RESTORE_JOBS = "UPDATE jobs SET trashed_at = NULL WHERE recording_id = ? AND trashed_at = ?"

ERASE_JOB = "DELETE FROM jobs WHERE id = ?"

ERASE_RECORDING = "DELETE FROM recordings WHERE id = ?"


class Trash:
    """What people do with it; `Retention` empties it."""

    def __init__(
        self, db: Database, jobs: Jobs, recordings: Recordings, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._jobs = jobs
        self._recordings = recordings
        self._clock = clock

    async def put_job(self, job_id: str, identity: Identity) -> None:
        """Delete a job with its transcript, and its recording when no other job uses that.

        A running job has to be cancelled first: StateConflict. Raises NotFound, NotYours.
        """
        async with self._db.write() as tx:
            await self._put_one(tx, job_id, identity)

    async def put_jobs(
        self, job_ids: Iterable[str], identity: Identity
    ) -> tuple[list[str], dict[str, StenoboxError]]:
        """Delete several jobs as `put_job` does; returns those that were, and why others were not, by job."""
        deleted: list[str] = []
        problems: dict[str, StenoboxError] = {}
        waiting = list(dict.fromkeys(job_ids))
        while waiting:
            # Some at a time, so that uploads and workers get their turn to write.
            turn, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
            gone: list[str] = []
            async with self._db.write() as tx:
                for job_id in turn:
                    try:
                        await self._put_one(tx, job_id, identity)
                        gone.append(job_id)
                    except (NotFound, NotYours, StateConflict) as error:
                        # Refused before anything was written.
                        problems[job_id] = error
            deleted += gone
        return deleted, problems

    async def put_recording(self, recording_id: str, identity: Identity) -> None:
        """Delete a recording with all its jobs. Raises NotFound, StateConflict when one of them runs."""
        async with self._db.write() as tx:
            recording = await visible_recording(tx, recording_id, identity, Right.OWN)
            now = self._clock()
            for row in await tx.fetch_all(jobs_sql.OF_RECORDING, (recording.id,)):
                await self._put(tx, job_of(row), now)
            await record(tx, Action.RECORDING_DELETED, f"recording:{recording.id}")

    async def restore_job(self, job_id: str, identity: Identity) -> Job:
        """Take a job out of the trash, with its recording. Raises NotFound."""
        async with self._db.write() as tx:
            job = await visible_job(tx, job_id, identity, Right.OWN, trashed=True)
            await tx.execute(RESTORE_JOB, (job.id,))
            await tx.execute(RESTORE_RECORDING, (job.recording_id,))
            await record(tx, Action.JOB_RESTORED, f"job:{job.id}", recording=job.recording_id)
            await self._jobs.tell(tx, job.recording_id)
            return await visible_job(tx, job_id, identity)

    async def restore_recording(self, recording_id: str, identity: Identity) -> Recording:
        """Take a recording out of the trash, with the jobs that went together with it. Raises NotFound."""
        async with self._db.write() as tx:
            recording = await visible_recording(tx, recording_id, identity, Right.OWN, trashed=True)
            await tx.execute(RESTORE_JOBS, (recording.id, recording.trashed_at))
            await tx.execute(RESTORE_RECORDING, (recording.id,))
            await record(tx, Action.RECORDING_RESTORED, f"recording:{recording.id}")
            await self._jobs.tell(tx, recording.id)
            return await visible_recording(tx, recording_id, identity)

    async def erase_job(self, job_id: str, identity: Identity) -> None:
        """Delete a job that is in the trash for good, and its recording with the last one.

        Raises NotFound.
        """
        async with self._db.write() as tx:
            job = await visible_job(tx, job_id, identity, Right.OWN, trashed=True)
            await tx.execute(ERASE_JOB, (job.id,))
            unused = await self._recordings.forget(tx, job.recording_id)
            await record(
                tx, Action.JOB_ERASED, f"job:{job.id}", recording=job.recording_id, whole=unused is not None
            )
            await tx.execute(tags.DROP_UNUSED)
        if unused is not None:
            await self._recordings.discard(unused)

    async def erase_recording(self, recording_id: str, identity: Identity) -> None:
        """Delete a recording that is in the trash for good, with its jobs. Raises NotFound."""
        async with self._db.write() as tx:
            recording = await visible_recording(tx, recording_id, identity, Right.OWN, trashed=True)
            await tx.execute(ERASE_RECORDING, (recording.id,))
            await record(tx, Action.RECORDING_ERASED, f"recording:{recording.id}", owner=recording.owner_id)
            await tx.execute(tags.DROP_UNUSED)
        await self._recordings.discard(recording.sha256)

    async def _put_one(self, tx: Transaction, job_id: str, identity: Identity) -> None:
        job = await visible_job(tx, job_id, identity, Right.OWN)
        await self._put(tx, job, self._clock())
        await record(tx, Action.JOB_DELETED, f"job:{job.id}", recording=job.recording_id)

    async def _put(self, tx: Transaction, job: Job, now: float) -> None:
        values = {"id": job.id, "recording_id": job.recording_id, "now": now}
        if job.state is JobState.RUNNING or not await tx.execute(TRASH_JOB, values):
            raise StateConflict(state=job.state, action="deleted; cancel it first")
        await tx.execute(jobs_sql.DROP_CHECKPOINT, values)
        await tx.execute(TRASH_RECORDING, values)
        await self._jobs.tell_gone(tx, job.owner_id, recording_id=job.recording_id, job_id=job.id)
