"""Jobs: what people ask of the queue, and what workers do with it."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from stenobox import glossary, transcripts
from stenobox.db import Database, Reader, Transaction
from stenobox.errors import (
    AttemptLost,
    AudioError,
    AudioRemoved,
    BadInput,
    InvalidRequest,
    LeaseLost,
    NotFound,
    StateConflict,
    StenoboxError,
)
from stenobox.events import EventHub
from stenobox.jobs import statements as sql
from stenobox.jobs.page import Page, encode_options, job_of, page_of
from stenobox.notices.webhooks import link
from stenobox.paging import before, check_limit
from stenobox.sharing.rights import demand, readers_of
from stenobox.sharing.statements import HOW_MANY
from stenobox.types import Event, Identity, Job, JobOptions, JobState, Lease, Right, Transcript

MAX_PAGE = 200
MANY_SHARED = 1_000
"""From so many recordings on, those that others share are sought among all jobs."""
MAX_CHECKPOINT_BYTES = 16 * 2**20
"""A checkpoint holds the segments so far: some 100 bytes a second of speech, so ten hours are about 4 MB."""


class Jobs:
    """The queue. `clock` gives Unix seconds; leases are measured with it, the order of jobs is not."""

    def __init__(
        self,
        db: Database,
        events: EventHub,
        clock: Callable[[], float] = time.time,
        *,
        max_attempts: int = 3,
    ) -> None:
        self._db = db
        self._events = events
        self._clock = clock
        self._max_attempts = max_attempts
        self._work = asyncio.Event()

    # What people ask.

    async def create(
        self, tx: Transaction, owner_id: int, *, recording_id: str, options: JobOptions, priority: int
    ) -> Job:
        """Put a job in line, in the caller's transaction; workers and pages hear of it after its COMMIT. The
        words of the owner's glossary go into its options.

        Raises InvalidRequest for a webhook that the owner does not have.
        """
        options = await glossary.applied(tx, owner_id, options)
        values = {
            "id": secrets.token_hex(12),
            "recording_id": recording_id,
            "owner_id": owner_id,
            "priority": int(priority),
            "options": encode_options(options),
            "now": self._clock(),
        }
        await tx.execute(sql.CREATE, values)
        if options.webhook is not None:
            await link(tx, str(values["id"]), options.webhook, owner_id)
        return await self._changed(tx, str(values["id"]))

    async def get(self, job_id: str, identity: Identity) -> Job:
        """One job. Raises NotFound if there is none, if it is in the trash, and also if it is somebody else's
        and not shared with them (admins see all).
        """
        async with self._db.read() as reader:
            return await visible(reader, job_id, identity)

    async def checkpoint(self, job_id: str, identity: Identity) -> dict[str, Any] | None:
        """What a job that is not over has saved on its way; None when there is nothing. Raises NotFound."""
        async with self._db.read() as reader:
            await visible(reader, job_id, identity)
            saved = await reader.fetch_one(sql.CHECKPOINT, (job_id,))
        return None if saved is None else await asyncio.to_thread(msgspec.json.decode, saved["body"])

    async def list(
        self,
        identity: Identity,
        state: JobState | None = None,
        limit: int = 50,
        cursor: str | None = None,
        *,
        trashed: bool = False,
        shared: bool = False,
        tag: str | None = None,
    ) -> Page:
        """Own jobs (an admin: all), newest first, at most `limit` (1 to 200); with `trashed` those in the
        trash instead, with `shared` those that others share with them, with `tag` (a key of `library.tags`)
        those whose recording has it.

        Following `next` shows each job that existed at the first page exactly once, whatever is added
        meanwhile. Raises InvalidRequest for a limit out of range, a cursor that is not ours, or the trash of
        others.
        """
        check_limit(limit, MAX_PAGE)
        if trashed and shared:
            raise InvalidRequest(problem="What others share is never in your trash.")
        values = {
            "owner_id": identity.user.id,
            "reader_id": identity.user.id,
            "state": state.value if state else None,
            "before": before(cursor),
            "tag": tag,
            "limit": limit + 1,
        }
        async with self._db.read() as reader:
            statement = sql.listing(
                own=not (identity.is_admin or shared),
                state=state is not None,
                tag=tag is not None,
                trashed=trashed,
                shared=shared,
                many=shared and await _many_shared(reader, identity),
                owned=identity.is_admin,
            )
            return page_of(await reader.fetch_all(statement, values), limit)

    async def cancel(self, job_id: str, identity: Identity) -> Job:
        """Stop a job that waits or runs; its worker finds its lease lost. Raises NotFound, StateConflict."""
        return await self._ask(job_id, identity, sql.CANCEL, "cancelled", drop_checkpoint=True)

    async def retry(self, job_id: str, identity: Identity) -> Job:
        """Put a failed, cancelled or quarantined job in line again, from its beginning, with all attempts.

        Raises NotFound, StateConflict, AudioRemoved.
        """
        return await self._ask(job_id, identity, sql.RETRY, "retried", drop_checkpoint=True, needs_audio=True)

    async def set_priority(self, job_id: str, identity: Identity, priority: int) -> Job:
        """Change the place in line. Raises NotFound, StateConflict when the job is over."""
        return await self._ask(job_id, identity, sql.SET_PRIORITY, "given a priority", priority=int(priority))

    async def tell(self, tx: Transaction, recording_id: str) -> None:
        """Tell the pages, after COMMIT, how the jobs of a recording are now that it was changed."""
        readers = await readers_of(tx, recording_id)
        for row in await tx.fetch_all(sql.OF_RECORDING, (recording_id,)):
            event = Event("job", row["owner_id"], {"job": job_of(row)}, readers)
            tx.after_commit(functools.partial(self._events.publish, event))

    async def tell_gone(self, tx: Transaction, owner_id: int, *, recording_id: str, job_id: str) -> None:
        """Tell the pages, after COMMIT, that a job is not there any more: deleted, or in the trash. While its
        recording is still there, so that those with whom it was shared hear of it.
        """
        readers = await readers_of(tx, recording_id)
        event = Event("deleted", owner_id, {"job_id": job_id}, readers)
        tx.after_commit(functools.partial(self._events.publish, event))

    def tell_to_reload(self, tx: Transaction, user_ids: Iterable[int]) -> None:
        """Tell accounts, after COMMIT, that they may see other things than before."""
        for user_id in user_ids:
            tx.after_commit(functools.partial(self._events.reload, user_id))

    async def stats(self) -> dict[str, Any]:
        """`{"states": {state: count}, "oldest_queued_seconds": age or None}`, every state named."""
        async with self._db.read() as reader:
            rows = await reader.fetch_all(sql.COUNT_STATES)
            row = await reader.fetch_one(sql.OLDEST_QUEUED)
        counts = {row["state"]: row["jobs"] for row in rows}
        oldest = row["oldest"] if row else None
        return {
            "states": {state.value: counts.get(state.value, 0) for state in JobState},
            "oldest_queued_seconds": None if oldest is None else max(0.0, self._clock() - oldest),
        }

    # What workers do.

    async def claim(self, lease_seconds: float) -> Lease | None:
        """Take the next job, or None when no job waits. The lease holds `lease_seconds` unless it is
        renewed.
        """
        async with self._db.write() as tx:
            row = await tx.fetch_one(sql.CLAIM, {"now": self._clock(), "lease_seconds": lease_seconds})
            if row is None:
                return None
            await tx.execute(sql.TAKE_TURN, {"owner_id": row["owner_id"]})
            saved = await tx.fetch_one(sql.CHECKPOINT, (row["id"],))
            job = await self._changed(tx, row["id"])
        # In a thread: a long recording's checkpoint is some megabytes.
        checkpoint = await asyncio.to_thread(msgspec.json.decode, saved["body"]) if saved else None
        return Lease(job=job, attempt=job.attempt, checkpoint=checkpoint)

    async def renew(self, lease: Lease) -> None:
        """Hold the lease for as long again as at its claim, from now. Raises LeaseLost."""
        async with self._db.write() as tx:
            await _guarded(tx, lease, sql.RENEW, now=self._clock())

    async def progress(
        self, lease: Lease, fraction: float, checkpoint: dict[str, Any] | None = None
    ) -> Mapping[int, Right]:
        """Record the position (0 to 1) and, if given, what a later attempt needs to go on from there (JSON).
        Returns with whom the recording is shared now, as `readers` of an Event.

        Raises LeaseLost, or ValueError for a checkpoint over MAX_CHECKPOINT_BYTES.
        """
        body = None if checkpoint is None else await asyncio.to_thread(msgspec.json.encode, checkpoint)
        if body is not None and len(body) > MAX_CHECKPOINT_BYTES:
            raise ValueError(f"a checkpoint of {len(body)} bytes is over the limit of {MAX_CHECKPOINT_BYTES}")
        async with self._db.write() as tx:
            await _guarded(tx, lease, sql.PROGRESS, progress=min(max(fraction, 0.0), 1.0), now=self._clock())
            if body is not None:
                values = {"id": lease.job.id, "attempt": lease.attempt, "body": body.decode()}
                await tx.execute(sql.SAVE_CHECKPOINT, {**values, "now": self._clock()})
            _, readers = await self._told(tx, lease.job.id)
            return readers

    async def complete(self, lease: Lease, transcript: Transcript) -> Job:
        """Commit the result: transcript and state `done` in one transaction. Raises LeaseLost, DiskFull."""
        if transcript.job_id != lease.job.id:
            raise ValueError("the transcript belongs to another job")
        async with self._db.write() as tx:
            await _guarded(tx, lease, sql.COMPLETE, now=self._clock())
            await transcripts.save(tx, transcript)
            await tx.execute(sql.DROP_CHECKPOINT, {"id": lease.job.id})
            return await self._changed(tx, lease.job.id)

    async def fail(self, lease: Lease, error: StenoboxError) -> Job:
        """End this attempt with an error. Raises LeaseLost.

        Input that can never be transcribed (BadInput, AudioError) makes the job `failed`. Anything else is
        tried again from the checkpoint, and quarantined once max_attempts attempts have failed or crashed.
        """
        permanent = isinstance(error, BadInput | AudioError)
        async with self._db.write() as tx:
            if permanent:
                values = {"error": error.code, "detail": error.detail, "now": self._clock()}
                await _guarded(tx, lease, sql.FAIL, **values)
            else:
                await self._set_back(tx, lease, error)
            return await self._settled(tx, lease.job.id)

    async def release(self, lease: Lease) -> Job:
        """Give the job back unharmed at a clean stop: not counted, checkpoint kept. Raises LeaseLost."""
        async with self._db.write() as tx:
            await _guarded(tx, lease, sql.RELEASE)
            return await self._changed(tx, lease.job.id)

    async def recover(self) -> int:
        """At start, before any claim: take back what a dead process left running; returns how many jobs.

        Each counts as a crashed attempt, since the job may be what killed the process; checkpoints are kept.
        """
        async with self._db.write() as tx:
            return await self._take_back(tx, await tx.fetch_all(sql.RUNNING))

    async def expire_leases(self) -> int:
        """Take back running jobs whose lease ran out, each counted as a failure; returns how many."""
        async with self._db.write() as tx:
            return await self._take_back(tx, await tx.fetch_all(sql.EXPIRED, (self._clock(),)))

    async def wait_for_work(self) -> None:
        """Return as soon as a job may be waiting. For one caller: claim until None, then wait here."""
        await self._work.wait()
        self._work.clear()

    # Shared by both.

    async def _ask(
        self,
        job_id: str,
        identity: Identity,
        statement: str,
        action: str,
        *,
        drop_checkpoint: bool = False,
        needs_audio: bool = False,
        **values: object,
    ) -> Job:
        """Change a job for a person: it must be their own, and in a state that allows it."""
        async with self._db.write() as tx:
            job = await visible(tx, job_id, identity, Right.OWN)
            if needs_audio and job.audio_removed_at is not None:
                raise AudioRemoved
            if not await tx.execute(statement, {"id": job_id, "now": self._clock(), **values}):
                raise StateConflict(state=job.state, action=action)
            if drop_checkpoint:
                await tx.execute(sql.DROP_CHECKPOINT, {"id": job_id})
            return await self._changed(tx, job_id)

    async def _take_back(self, tx: Transaction, rows: Iterable[sqlite3.Row]) -> int:
        taken = 0
        for row in rows:
            job = job_of_required(await tx.fetch_one(sql.GET, (row["id"],)))
            lease = Lease(job=job, attempt=row["attempt"], checkpoint=None)
            await self._set_back(tx, lease, AttemptLost(attempts=row["failures"] + 1))
            await self._settled(tx, job.id)
            taken += 1
        return taken

    async def _set_back(self, tx: Transaction, lease: Lease, error: StenoboxError) -> None:
        values = {"error": error.code, "detail": error.detail, "now": self._clock()}
        await _guarded(tx, lease, sql.SET_BACK, max_attempts=self._max_attempts, **values)

    async def _settled(self, tx: Transaction, job_id: str) -> Job:
        job = await self._changed(tx, job_id)
        if job.state.final:
            await tx.execute(sql.DROP_CHECKPOINT, {"id": job_id})
        return job

    async def _changed(self, tx: Transaction, job_id: str) -> Job:
        """The job as it is now; after COMMIT it is told to the pages, and to the worker if it waits in
        line.
        """
        job, _ = await self._told(tx, job_id)
        return job

    async def _told(self, tx: Transaction, job_id: str) -> tuple[Job, Mapping[int, Right]]:
        """The same, and with whom its recording is shared."""
        job = job_of_required(await tx.fetch_one(sql.GET, (job_id,)))
        readers = await readers_of(tx, job.recording_id)

        def tell() -> None:
            self._events.publish(Event("job", job.owner_id, {"job": job}, readers))
            if job.state is JobState.QUEUED:
                self._work.set()

        tx.after_commit(tell)
        return job, readers


async def _guarded(tx: Transaction, lease: Lease, statement: str, **values: object) -> None:
    """Run a statement that ends in the guard (id, attempt, running). Raises LeaseLost when it hit no row."""
    if not await tx.execute(statement, {"id": lease.job.id, "attempt": lease.attempt, **values}):
        raise LeaseLost(job_id=lease.job.id, attempt=lease.attempt)


async def _many_shared(reader: Reader, identity: Identity) -> bool:
    row = await reader.fetch_one(HOW_MANY, {"reader_id": identity.user.id, "most": MANY_SHARED})
    return row is not None and row["n"] >= MANY_SHARED


async def visible(
    reader: Reader, job_id: str, identity: Identity, needed: Right = Right.READ, *, trashed: bool = False
) -> Job:
    """A job for a person, in the caller's transaction: one in the trash if `trashed`, else one that is not.
    Raises NotFound, NotYours.
    """
    row = await reader.fetch_one(sql.GET, (job_id,))
    if row is None or (row["trashed_at"] is not None) is not trashed:
        raise NotFound(what="job")
    owner_id, recording_id = row["owner_id"], row["recording_id"]
    right = await demand(
        reader, identity, needed, owner_id=owner_id, recording_id=recording_id, what="job", trashed=trashed
    )
    return dataclasses.replace(job_of(row), right=right)


def job_of_required(row: sqlite3.Row | None) -> Job:
    if row is None:
        raise RuntimeError("the job vanished inside its own transaction")
    return job_of(row)
