"""Metrics in Prometheus' format, parsed by Prometheus' own client."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from stenobox.monitor import metrics as module
from stenobox.monitor.collectors import DiskCollector, InboxCollector, QueueCollector, WorkerCollector
from stenobox.monitor.gpu import GpuCollector
from stenobox.monitor.host import HostCollector
from stenobox.monitor.lag import LoopLag
from stenobox.monitor.metrics import Metrics
from stenobox.worker import Outcome
from storing import opened_store


async def scrape(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample as (name, label values...) -> value."""
    body, content_type = await metrics.exposition()
    assert content_type.startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


@dataclass
class Loaded:
    name: str = "demo"
    provider: str = "cpu"


@dataclass
class Status:
    alive: bool = True
    running: int = 2
    loaded: tuple[Loaded, ...] = (Loaded(),)
    problem: str = ""


@dataclass
class StandingWorker:
    """A worker's status, without a worker: what matters here is how it is told."""

    status: Status = field(default_factory=Status)


async def test_every_metric_bears_our_name() -> None:
    metrics = Metrics()
    metrics.request_ended("GET", "/livez", 200, 0.01)
    metrics.attempt_ended(Outcome.DONE, 3.0)
    names = {key[0] for key in await scrape(metrics)}
    assert names
    assert all(name.startswith("stenobox_") for name in names)


async def test_requests_are_counted_by_route_and_status() -> None:
    metrics = Metrics()
    metrics.request_ended("GET", "/api/jobs/{id}", 200, 0.01)
    metrics.request_ended("GET", "/api/jobs/{id}", 404, 0.02)
    metrics.request_ended("GET", "/api/jobs/{id}", 404, 0.03)
    seen = await scrape(metrics)
    assert seen["stenobox_http_requests_total", "GET", "/api/jobs/{id}", "404"] == 2
    assert seen["stenobox_http_request_seconds_count", "/api/jobs/{id}"] == 3
    assert seen["stenobox_http_request_seconds_sum", "/api/jobs/{id}"] == pytest.approx(0.06)


async def test_attempts_and_audio_add_up() -> None:
    metrics = Metrics()
    metrics.attempt_ended(Outcome.DONE, 3.0)
    metrics.attempt_ended(Outcome.FAILED, 1.0)
    metrics.audio_decoded(60.0)
    metrics.audio_transcribed(25.0)
    metrics.audio_transcribed(35.0)
    seen = await scrape(metrics)
    assert seen["stenobox_attempts_total", "done"] == 1
    assert seen["stenobox_attempts_total", "failed"] == 1
    assert seen["stenobox_audio_decoded_seconds_total",] == 60.0
    assert seen["stenobox_audio_transcribed_seconds_total",] == 60.0


async def test_each_collector_reports_its_duration_and_success() -> None:
    class Broken:
        subject = "broken"

        async def collect(self) -> None:
            raise OSError("gone")

    metrics = Metrics()
    metrics.attach(HostCollector(metrics.registry), Broken())
    seen = await scrape(metrics)
    assert seen["stenobox_collector_success", "host"] == 1
    assert seen["stenobox_collector_success", "broken"] == 0
    assert seen["stenobox_collector_duration_seconds", "broken"] >= 0
    assert seen["stenobox_host_memory_total_bytes",] > 0


async def test_a_collector_that_hangs_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging:
        subject = "hanging"

        async def collect(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "COLLECT_SECONDS", 0.05)
    metrics = Metrics()
    metrics.attach(Hanging(), HostCollector(metrics.registry))
    seen = await scrape(metrics)
    assert seen["stenobox_collector_success", "hanging"] == 0
    assert seen["stenobox_collector_success", "host"] == 1


async def test_the_queue_is_counted_by_state(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as storage:
        ada = await storage.user("ada")
        await storage.job(ada)
        await storage.job(ada)
        await storage.jobs.claim(60.0)
        metrics = Metrics()
        metrics.attach(QueueCollector(metrics.registry, storage.jobs))
        seen = await scrape(metrics)
    assert seen["stenobox_jobs", "queued"] == 1
    assert seen["stenobox_jobs", "running"] == 1
    assert seen["stenobox_jobs", "done"] == 0
    assert seen["stenobox_queue_oldest_seconds",] >= 0


async def test_the_worker_and_its_models_are_told_as_they_are_now() -> None:
    metrics, worker = Metrics(), StandingWorker()
    metrics.attach(WorkerCollector(metrics.registry, worker))
    seen = await scrape(metrics)
    assert seen["stenobox_worker_alive",] == 1
    assert seen["stenobox_worker_running_jobs",] == 2
    assert seen["stenobox_model_loaded", "demo", "cpu"] == 1
    worker.status = Status(alive=False, running=0, loaded=())
    seen = await scrape(metrics)
    assert seen["stenobox_worker_alive",] == 0
    assert ("stenobox_model_loaded", "demo", "cpu") not in seen


async def test_what_lies_in_the_inboxes_is_told_by_their_names() -> None:
    inbox = SimpleNamespace(name="office", problem="", waiting=3, counts={"job": 2})
    metrics = Metrics()
    metrics.attach(InboxCollector(metrics.registry, [inbox]))
    await scrape(metrics)
    inbox.counts["job"] = 5
    inbox.problem = "it is away"
    seen = await scrape(metrics)
    assert seen["stenobox_inbox_files_total", "office", "job"] == 5
    assert seen["stenobox_inbox_files_total", "office", "refused"] == 0
    assert seen["stenobox_inbox_waiting_files", "office"] == 3
    assert seen["stenobox_inbox_usable", "office"] == 0


async def test_the_disk_is_the_one_that_holds_the_data(tmp_path: Path) -> None:
    metrics = Metrics()
    metrics.attach(DiskCollector(metrics.registry, tmp_path))
    seen = await scrape(metrics)
    status = os.statvfs(tmp_path)
    assert seen["stenobox_disk_size_bytes",] == status.f_blocks * status.f_frsize
    assert 0 < seen["stenobox_disk_free_bytes",] <= seen["stenobox_disk_size_bytes",]


async def test_a_loop_that_was_held_up_shows_in_the_lag() -> None:
    import time

    metrics = Metrics()
    task = asyncio.create_task(LoopLag(metrics.registry).run())
    await asyncio.sleep(0.01)
    held_until = time.perf_counter() + 0.15
    while time.perf_counter() < held_until:  # computing without giving the loop a turn
        pass
    await asyncio.sleep(0.1)
    task.cancel()
    seen = await scrape(metrics)
    late = (
        seen["stenobox_event_loop_lag_seconds_count",]
        - seen["stenobox_event_loop_lag_seconds_bucket", "0.05"]
    )
    assert late >= 1


async def test_all_collectors_share_one_registry(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as storage:
        metrics = Metrics()
        metrics.attach(
            QueueCollector(metrics.registry, storage.jobs),
            WorkerCollector(metrics.registry, StandingWorker()),
            DiskCollector(metrics.registry, tmp_path),
            HostCollector(metrics.registry),
            GpuCollector(metrics.registry),
        )
        seen = await scrape(metrics)
    subjects = {key[1] for key in seen if key[0] == "stenobox_collector_success"}
    assert subjects == {"queue", "worker", "disk", "host", "gpu"}
    assert all(seen["stenobox_collector_success", subject] == 1 for subject in subjects)
