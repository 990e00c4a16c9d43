"""Claims jobs, keeps their leases, and hears of cancellations."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from stenobox.audio.limits import AudioLimits
from stenobox.audio.spawning import Start, spawned
from stenobox.config import Settings
from stenobox.errors import LeaseLost, ModelError, StenoboxError, Unavailable
from stenobox.events import EventHub
from stenobox.jobs import Jobs
from stenobox.log import bound, get_logger
from stenobox.models import ModelStore
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.shielding import finish
from stenobox.types import Identity, Job, JobState, Lease, Role, User
from stenobox.worker.attempt import DISK_RETRY_SECONDS, Attempt, Tools
from stenobox.worker.engine import Engine, LoadedModel
from stenobox.worker.observer import NoObserver, Outcome, WorkerObserver

RENEWALS_PER_LEASE = 3
MISSING_MODEL_SECONDS = 30.0
STUCK_SECONDS = 300.0
"""An engine that has been in one step for so long will not come back: a hung driver, most likely."""

log = get_logger(__name__)

# The worker listens to everybody's jobs.
_EVERYBODY = Identity(User(id=0, name="worker", role=Role.ADMIN, disabled=False, created_at=0.0), via="local")


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """For health checks and metrics. `problem`: why the default model is not loaded; empty if it is."""

    alive: bool
    running: int
    loaded: tuple[LoadedModel, ...]
    problem: str


class Worker:
    """`await run()` in the application's TaskGroup: cancelling it is the clean stop, an exception is a fault
    of ours. `start`: how decoding children are started.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        jobs: Jobs,
        recordings: Recordings,
        models: ModelStore,
        layout: Layout,
        events: EventHub,
        observer: WorkerObserver | None = None,
        start: Start = spawned,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._models = models
        self._layout = layout
        self._events = events
        self._engine = Engine(models, settings.models.slots)
        self._tools = Tools(
            jobs=jobs,
            recordings=recordings,
            models=models,
            layout=layout,
            events=events,
            engine=self._engine,
            limits=AudioLimits.of(settings.audio),
            start=start,
            observer=observer or NoObserver(),
            clock=clock,
        )
        self._running: dict[asyncio.Task[Outcome], tuple[Attempt, Lease]] = {}
        self._room = asyncio.Semaphore(settings.queue.concurrency)
        self._working = False
        self._problem = "the model is being loaded."

    @property
    def status(self) -> WorkerStatus:
        loaded = self._engine.loaded
        return WorkerStatus(
            alive=self._working and self._engine.seconds_since_beat < STUCK_SECONDS,
            running=len(self._running),
            loaded=loaded,
            # A job may have loaded it meanwhile.
            problem="" if any(model.name == self._models.default for model in loaded) else self._problem,
        )

    async def run(self) -> None:
        """Take back what a dead process left running, then work until cancelled.

        On cancellation running jobs go back in line with their checkpoints; that comes first, and only then
        the engine's thread is waited for.
        """
        await asyncio.to_thread(_empty, self._layout.scratch)
        await self._patiently(self._jobs.recover)
        try:
            async with self._engine, asyncio.TaskGroup() as group:
                self._working = True
                group.create_task(self._engine.watch())
                group.create_task(self._warm())
                group.create_task(self._keep_leases())
                group.create_task(self._hear_cancellations())
                await self._claim(group)
        finally:
            self._working = False

    async def _warm(self) -> None:
        """Have the default model ready; when that fails the box says why, and stays up for the rest.

        A model that is not there yet is looked for again; one that is broken waits for a job that asks for
        it, since hashing it over and over would only heat the room.
        """
        while True:
            try:
                await self._engine.warm(None)
            except StenoboxError as error:
                self._problem = error.detail
                log.error("default_model_unusable", code=error.code)
                if isinstance(error, ModelError):
                    return
                await asyncio.sleep(MISSING_MODEL_SECONDS)
            else:
                self._problem = ""
                return

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        while True:
            await self._room.acquire()
            lease = await self._next()
            attempt = Attempt(self._tools, lease)
            task = group.create_task(attempt.run())
            self._running[task] = (attempt, lease)
            task.add_done_callback(self._ended)

    async def _next(self) -> Lease:
        """The next job, as soon as there is one. No lease is lost when this is cancelled in mid-claim."""
        while True:
            claim = asyncio.ensure_future(self._jobs.claim(self._settings.queue.lease_seconds))
            try:
                lease = await asyncio.shield(claim)
            except asyncio.CancelledError:
                with contextlib.suppress(StenoboxError):
                    taken = await finish(claim)
                    if taken is not None:
                        await finish(self._jobs.release(taken))
                raise
            except Unavailable:
                await asyncio.sleep(DISK_RETRY_SECONDS)
                continue
            if lease is not None:
                return lease
            await self._jobs.wait_for_work()

    def _ended(self, task: asyncio.Task[Outcome]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is None and task.result() is Outcome.RELEASED:
            # It was put off, so its like would be too: leave its place empty for a while.
            asyncio.get_running_loop().call_later(DISK_RETRY_SECONDS, self._room.release)
        else:
            self._room.release()

    async def _keep_leases(self) -> None:
        """Renew what runs, and take back what an attempt of ours lost hold of."""
        while True:
            await asyncio.sleep(self._settings.queue.lease_seconds / RENEWALS_PER_LEASE)
            await self._renew()
            with contextlib.suppress(Unavailable):
                await self._jobs.expire_leases()

    async def _renew(self) -> None:
        for attempt, lease in list(self._running.values()):
            try:
                await self._jobs.renew(lease)
            except LeaseLost:
                self._stop(attempt)
            except Unavailable:
                with bound(job=lease.job.id):
                    log.warning("lease_not_renewed")

    async def _hear_cancellations(self) -> None:
        """A person cancels: stop at once, without waiting for the next write to find the lease lost."""
        with self._events.subscribe(_EVERYBODY) as events:
            async for event in events:
                if event.kind == "reload":  # we were too slow and missed some: ask the table
                    await self._renew()
                elif event.kind == "job" and event.data["job"].state is JobState.CANCELLED:
                    self._cancelled(event.data["job"])

    def _cancelled(self, job: Job) -> None:
        for attempt, lease in list(self._running.values()):
            if lease.job.id == job.id and lease.attempt == job.attempt:
                self._stop(attempt)

    def _stop(self, attempt: Attempt) -> None:
        attempt.lost = True
        for task, (known, _) in self._running.items():
            if known is attempt:
                task.cancel()

    @staticmethod
    async def _patiently(action: Callable[[], Awaitable[object]]) -> None:
        """Do it, however long the disk is full."""
        while True:
            try:
                await action()
            except Unavailable:
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                return


def _empty(folder: Path) -> None:
    """Decoded samples of a dead process are of no use to this one."""
    leftovers: Iterable[Path] = folder.iterdir() if folder.is_dir() else ()
    for path in leftovers:
        if path.is_file() or path.is_symlink():
            path.unlink(missing_ok=True)
