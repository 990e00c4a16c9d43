"""What a technician asks when the box is slow: is it the engine, the queue, the requests, the machine?

It costs a scrape of the metrics and two queries of bounded size (`jobs/recent.py`); nothing is kept for it.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stenobox.config import DAY, HOUR
from stenobox.db import Database
from stenobox.jobs.recent import Work, recent
from stenobox.monitor.figures import Figures
from stenobox.monitor.gpu import FIGURES
from stenobox.monitor.metrics import Metrics

__all__ = ["Done", "Gpu", "Host", "ModelSpeed", "Performance", "Report", "Requests", "Spread"]

REQUEST_SECONDS: Final = "stenobox_http_request_seconds"
LAG_SECONDS: Final = "stenobox_event_loop_lag_seconds"


@dataclass(frozen=True, slots=True)
class Spread:
    """`count` values, their median, and what nine of ten are at most; None without any."""

    count: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class ModelSpeed:
    """Real-time factors of one model: work over length, so that less is faster."""

    model: str
    factor: Spread


@dataclass(frozen=True, slots=True)
class Done:
    """What was done in a stretch of time; work seconds of jobs side by side add up."""

    jobs: int
    audio_seconds: float
    work_seconds: float
    models: Sequence[ModelSpeed]


@dataclass(frozen=True, slots=True)
class Requests:
    """HTTP since the start; `p50` and `p99` in seconds, of answers that end."""

    count: int
    per_second: float
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Host:
    """Of the machine, as the collectors found it; None where one failed. `memory` and `disk` in bytes."""

    load1: float | None
    cpus: int | None
    memory_total: int | None
    memory_available: int | None
    disk_free: int | None
    disk_size: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """`figures` by the keys of `monitor.gpu.FIGURES`; one that the GPU does not tell is missing."""

    index: int
    healthy: bool
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """`complete`: whether all of the day was looked at. Times in seconds."""

    uptime: float
    hour: Done
    day: Done
    complete: bool
    waits: Spread
    lag_p99: float | None
    requests: Requests
    host: Host
    gpus: Sequence[Gpu]


class Performance:
    """`endless`: patterns of routes whose answers do not end. `clock` in Unix seconds."""

    def __init__(
        self,
        db: Database,
        metrics: Metrics,
        endless: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._metrics = metrics
        self._endless = frozenset(endless)
        self._clock = clock
        self._started = time.monotonic()

    async def report(self) -> Report:
        """All of it, now."""
        now = self._clock()
        lately = await recent(self._db, now - DAY)
        figures = await self._metrics.figures()
        uptime = time.monotonic() - self._started
        return Report(
            uptime=uptime,
            hour=_done(work for work in lately.done if work.finished_at >= now - HOUR),
            day=_done(lately.done),
            complete=lately.complete,
            waits=spread(lately.waits),
            lag_p99=figures.quantile(LAG_SECONDS, 0.99),
            requests=self._requests(figures, uptime),
            host=_host(figures),
            gpus=_gpus(figures),
        )

    def _requests(self, figures: Figures, uptime: float) -> Requests:
        count = int(figures.total("stenobox_http_requests_total"))
        return Requests(
            count=count,
            per_second=count / max(uptime, 1.0),
            p50=figures.quantile(REQUEST_SECONDS, 0.5, "route", self._endless),
            p99=figures.quantile(REQUEST_SECONDS, 0.99, "route", self._endless),
        )


def spread(values: Iterable[float]) -> Spread:
    """By nearest rank, so that each is a value that there was."""
    ordered = sorted(values)

    def rank(share: float) -> float | None:
        return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None

    return Spread(len(ordered), rank(0.5), rank(0.9))


def _done(works: Iterable[Work]) -> Done:
    found = list(works)
    factors: defaultdict[str, list[float]] = defaultdict(list)
    for work in found:
        factors[work.model].append(work.factor)
    return Done(
        jobs=len(found),
        audio_seconds=sum(work.audio_seconds for work in found),
        work_seconds=sum(work.audio_seconds * work.factor for work in found),
        models=[ModelSpeed(model, spread(values)) for model, values in sorted(factors.items())],
    )


def _host(figures: Figures) -> Host:
    load1 = _told(figures, "host", "stenobox_host_load1")
    cpus = _told(figures, "host", "stenobox_host_cpus")
    return Host(
        load1=load1,
        cpus=None if cpus is None else int(cpus),
        memory_total=_bytes(figures, "host", "stenobox_host_memory_total_bytes"),
        memory_available=_bytes(figures, "host", "stenobox_host_memory_available_bytes"),
        disk_free=_bytes(figures, "disk", "stenobox_disk_free_bytes"),
        disk_size=_bytes(figures, "disk", "stenobox_disk_size_bytes"),
    )


def _told(figures: Figures, collector: str, name: str) -> float | None:
    """None when the collector failed: its gauges are then those of an earlier time."""
    worked = figures.value("stenobox_collector_success", collector=collector)
    return figures.value(name) if worked else None


def _bytes(figures: Figures, collector: str, name: str) -> int | None:
    value = _told(figures, collector, name)
    return None if value is None else int(value)


def _gpus(figures: Figures) -> list[Gpu]:
    found = []
    for gpu in figures.labelled("stenobox_gpu_healthy", "gpu"):
        values = {key: figures.value(metric, gpu=gpu) for key, (metric, _, _) in FIGURES.items()}
        told = {key: value for key, value in values.items() if value is not None}
        found.append(Gpu(int(gpu), bool(figures.value("stenobox_gpu_healthy", gpu=gpu)), told))
    return found
