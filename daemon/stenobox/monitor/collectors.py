"""Collectors of our own parts: the queue, the worker, the disk."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge

from stenobox.jobs import Jobs
from stenobox.monitor.parts import WorkerLike


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
