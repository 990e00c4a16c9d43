"""The metrics, in a registry of our own, in Prometheus' text format.

Two kinds: counters that parts of the product feed while they work, and collectors that look at one subject
when Prometheus asks. Each collector reports how long it took and whether it worked; one that fails costs
its own metrics, not the scrape. No label ever holds a name of a person, a file or a recording.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from stenobox.log import get_logger
from stenobox.monitor.figures import Figures

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
COLLECT_SECONDS = 5.0  # a subject that takes longer has failed; Prometheus itself gives up after 10

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)
_ATTEMPT_BUCKETS = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)

log = get_logger(__name__)


class Collector(Protocol):
    """One subject. `collect` brings its gauges up to date; whatever it raises marks it as failed."""

    @property
    def subject(self) -> str:
        """A short name, the value of the label `collector`."""

    async def collect(self) -> None: ...


class Metrics:
    """Everything that is counted. Its methods are called on the event loop and never block."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(namespace="stenobox", registry=self.registry)
        self._collectors: list[Collector] = []
        self._requests = Counter(
            "stenobox_http_requests",
            "HTTP requests answered, by method, route and status",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "stenobox_http_request_seconds",
            "Time from a request's first byte to the end of its answer",
            ("route",),
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._attempts = Counter(
            "stenobox_attempts",
            "Attempts at jobs that ended, by outcome: done, failed, released, lost",
            ("outcome",),
            registry=self.registry,
        )
        self._attempt_seconds = Histogram(
            "stenobox_attempt_seconds",
            "Time from claiming a job to the end of the attempt",
            buckets=_ATTEMPT_BUCKETS,
            registry=self.registry,
        )
        self._decoded = Counter(
            "stenobox_audio_decoded_seconds", "Length of recordings decoded", registry=self.registry
        )
        self._transcribed = Counter(
            "stenobox_audio_transcribed_seconds",
            "Length of audio that the speech engine got through",
            registry=self.registry,
        )
        self._duration = Gauge(
            "stenobox_collector_duration_seconds",
            "Time that a collector took in this scrape",
            ("collector",),
            registry=self.registry,
        )
        self._success = Gauge(
            "stenobox_collector_success",
            "Whether a collector worked in this scrape",
            ("collector",),
            registry=self.registry,
        )

    # What parts of the product tell.

    def request_ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the pattern of the routing table, never the path that was asked for."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def attempt_ended(self, outcome: str, seconds: float) -> None:
        """See `worker.observer.WorkerObserver`."""
        self._attempts.labels(str(outcome)).inc()
        self._attempt_seconds.observe(seconds)

    def audio_decoded(self, seconds: float) -> None:
        """A recording of this length was decoded."""
        self._decoded.inc(seconds)

    def audio_transcribed(self, seconds: float) -> None:
        """The engine got this much further in some recording."""
        self._transcribed.inc(seconds)

    # What Prometheus asks.

    def attach(self, *collectors: Collector) -> None:
        """Have these looked at in every scrape."""
        self._collectors.extend(collectors)

    async def exposition(self) -> tuple[bytes, str]:
        """All metrics in Prometheus' text format 0.0.4, and its content type."""
        await self._collect_all()
        # The process collector reads files of /proc, so it does that in a thread.
        return await asyncio.to_thread(generate_latest, self.registry), CONTENT_TYPE

    async def figures(self) -> Figures:
        """The same as values, at the cost of a scrape."""
        await self._collect_all()
        return await asyncio.to_thread(Figures.of, self.registry)

    async def _collect_all(self) -> None:
        await asyncio.gather(*(self._collect(collector) for collector in self._collectors))

    async def _collect(self, collector: Collector) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(COLLECT_SECONDS):
                await collector.collect()
            worked = True
        except Exception as error:
            worked = False
            log.exception("collector_failed", error, collector=collector.subject)  # noqa: PLE1205  # an EventLogger
        self._duration.labels(collector.subject).set(time.perf_counter() - started)
        self._success.labels(collector.subject).set(worked)
