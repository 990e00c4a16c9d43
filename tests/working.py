"""A worker with all that it needs, over a data folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stenobox.config import AudioSettings, ModelsSettings, QueueSettings, Settings
from stenobox.db import Database
from stenobox.events import EventHub
from stenobox.jobs import Jobs
from stenobox.models import ModelStore
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.transcripts import Transcripts
from stenobox.types import Event, Identity, Job, JobOptions, JobState, Priority, Role, Transcript, User
from stenobox.worker import Worker

OWNER = Identity(User(1, "ada", Role.ADMIN, False, 0.0), via="key")
ADA = """
INSERT OR IGNORE INTO users (id, name, password_hash, role, created_at) VALUES (1, 'ada', 'x', 'admin', 0)
"""


@dataclass
class Box:
    """The parts of the daemon that a worker needs, over a data folder of its own."""

    settings: Settings
    layout: Layout
    db: Database
    events: EventHub
    recordings: Recordings
    jobs: Jobs
    models: ModelStore

    def worker(self, **changes: object) -> Worker:
        return Worker(
            settings=replace(self.settings, **changes),
            jobs=self.jobs,
            recordings=self.recordings,
            models=self.models,
            layout=self.layout,
            events=self.events,
        )

    async def submit(self, source: Path, options: JobOptions | None = None) -> Job:
        """What the intake does with an accepted file."""
        data = await asyncio.to_thread(source.read_bytes)
        digest = hashlib.sha256(data).hexdigest()
        incoming = self.layout.incoming / digest
        await asyncio.to_thread(incoming.write_bytes, data)
        async with self.db.write() as tx:
            await self.recordings.publish(tx, incoming, digest)
            recording = await self.recordings.ingest(
                tx, 1, sha256=digest, size=len(data), filename=source.name, duration=None
            )
            return await self.jobs.create(
                tx,
                1,
                recording_id=recording.id,
                options=options or JobOptions(model="demo", language="en"),
                priority=Priority.NORMAL,
            )

    async def until(self, job: Job, *states: JobState) -> Job:
        """Wait until the job is in one of these states, by default any final one."""
        async with asyncio.timeout(120):
            while True:
                now = await self.jobs.get(job.id, OWNER)
                if now.state in states if states else now.state.final:
                    return now
                await asyncio.sleep(0.02)

    async def transcript(self, job: Job) -> Transcript:
        return await Transcripts(self.db).get(job.id, OWNER)


@contextlib.asynccontextmanager
async def box_in(folder: Path, demo_bundle: Path, **queue: object) -> AsyncIterator[Box]:
    settings = Settings(
        data=folder,
        models=ModelsSettings(path=(demo_bundle,), threads=1, slots=2),
        audio=AudioSettings(max_hours=4.0),
        queue=replace(QueueSettings(concurrency=2), **queue),
    )
    layout = Layout(folder)
    layout.create()
    db = await Database.open(layout.database)
    try:
        async with db.write() as tx:
            await tx.execute(ADA)
        events = EventHub()
        recordings = Recordings(db, layout)
        jobs = Jobs(db, events, max_attempts=settings.queue.max_attempts)
        yield Box(settings, layout, db, events, recordings, jobs, ModelStore(settings, layout))
    finally:
        await db.close()


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """A worker that runs inside the block and is stopped cleanly at its end."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def scratch(box: Box) -> list[str]:
    return [path.name for path in box.layout.scratch.iterdir()]


async def first_segments(events: AsyncIterator[Event]) -> dict[str, float]:
    async with asyncio.timeout(60):
        async for event in events:
            if event.kind == "segments":
                return event.data
    raise AssertionError("the events ended")
