"""Collectors of our own parts: the queue, the worker, the disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from stenobox.jobs import Jobs
from stenobox.monitor.parts import InboxLike, WorkerLike


class QueueCollector:
    """Jobs by state, and how long the oldest waits."""

    subject = "queue"

    def __init__(self, registry: CollectorRegistry, jobs: Jobs) -> None:
        self._jobs = jobs
        self._states = Gauge("stenobox_jobs", "Jobs by state", ("state",), registry=registry)
        self._oldest = Gauge(
            "stenobox_queue_oldest_seconds",
            "Age of the oldest job that waits; 0 when none does",
            registry=registry,
        )

    async def collect(self) -> None:
        stats = await self._jobs.stats()
        for state, count in stats["states"].items():
            self._states.labels(state).set(count)
        self._oldest.set(stats["oldest_queued_seconds"] or 0.0)


class WorkerCollector:
    """Whether the worker lives, what it does, and which models it holds."""

    subject = "worker"

    def __init__(self, registry: CollectorRegistry, worker: WorkerLike) -> None:
        self._worker = worker
        self._alive = Gauge("stenobox_worker_alive", "Whether worker and engine answer", registry=registry)
        self._running = Gauge("stenobox_worker_running_jobs", "Jobs in work", registry=registry)
        self._loaded = Gauge(
            "stenobox_model_loaded", "Models in memory", ("model", "provider"), registry=registry
        )

    async def collect(self) -> None:
        status = self._worker.status
        self._alive.set(status.alive)
        self._running.set(status.running)
        self._loaded.clear()
        for model in status.loaded:
            self._loaded.labels(model.name, model.provider).set(1)


class InboxCollector:
    """What lies in the hot folders and what became of what lay there, by the name of the inbox."""

    subject = "inboxes"

    def __init__(self, registry: CollectorRegistry, inboxes: Sequence[InboxLike]) -> None:
        self._inboxes = inboxes
        self._usable = Gauge(
            "stenobox_inbox_usable", "Whether a hot folder can be read", ("inbox",), registry=registry
        )
        self._waiting = Gauge(
            "stenobox_inbox_waiting_files",
            "Files that were seen in a hot folder and not taken yet",
            ("inbox",),
            registry=registry,
        )
        self._files = Counter(
            "stenobox_inbox_files",
            "Files of a hot folder by what became of them: job, refused, given_back",
            ("inbox", "outcome"),
            registry=registry,
        )
        self._told: dict[tuple[str, str], int] = {}

    async def collect(self) -> None:
        for inbox in self._inboxes:
            self._usable.labels(inbox.name).set(not inbox.problem)
            self._waiting.labels(inbox.name).set(inbox.waiting)
            for outcome in ("job", "refused", "given_back"):
                count = inbox.counts.get(outcome, 0)
                self._files.labels(inbox.name, outcome).inc(count - self._told.get((inbox.name, outcome), 0))
                self._told[inbox.name, outcome] = count


class DiskCollector:
    """Room on the file system of the data folder."""

    subject = "disk"

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        self._folder = folder
        self._free = Gauge(
            "stenobox_disk_free_bytes", "Bytes that the daemon may still write", registry=registry
        )
        self._size = Gauge("stenobox_disk_size_bytes", "Size of the file system", registry=registry)

    async def collect(self) -> None:
        status = await asyncio.to_thread(os.statvfs, self._folder)
        self._free.set(status.f_bavail * status.f_frsize)
        self._size.set(status.f_blocks * status.f_frsize)
