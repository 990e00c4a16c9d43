"""How fast the box was: from what it did, within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, Histogram

from stenobox.jobs import recent as module
from stenobox.jobs.recent import recent
from stenobox.monitor.figures import Figures
from stenobox.monitor.metrics import Metrics
from stenobox.monitor.performance import Performance, Spread, spread
from stenobox.types import Identity
from storing import Store, transcript_of

HOUR = 3_600.0


async def done(store: Store, owner: Identity, content: str, factor: float, model: str = "demo") -> None:
    """A recording of 12.5 seconds that waited for two."""
    await store.job(owner, content=content)
    store.clock.now += 2
    lease = await store.jobs.claim(60)
    assert lease is not None
    made = transcript_of(lease.job)
    provenance = replace(made.provenance, model=model, realtime_factor=factor)
    await store.jobs.complete(lease, replace(made, provenance=provenance))


def test_a_spread_is_of_values_that_there_were() -> None:
    assert spread([]) == Spread(0, None, None)
    assert spread([7.0]) == Spread(1, 7.0, 7.0)
    assert spread(float(number) for number in range(10, 0, -1)) == Spread(10, 5.0, 9.0)


async def test_the_last_hour_and_the_last_day_are_told_by_model(store: Store, ann: Identity) -> None:
    await done(store, ann, "old", 9.0)
    store.clock.now += 23 * HOUR
    await done(store, ann, "a", 0.5)
    await done(store, ann, "b", 0.25, model="large")
    report = await Performance(store.db, Metrics(), (), store.clock).report()
    assert (report.hour.jobs, report.day.jobs) == (2, 3)
    assert report.hour.audio_seconds == 25.0
    assert report.hour.work_seconds == 0.75 * 12.5
    assert [(each.model, each.factor.median) for each in report.hour.models] == [
        ("demo", 0.5),
        ("large", 0.25),
    ]
    assert report.day.models[0].factor == Spread(2, 0.5, 9.0)
    assert report.waits == Spread(3, 2.0, 2.0)
    assert report.complete
    store.clock.now += 25 * HOUR
    later = await Performance(store.db, Metrics(), (), store.clock).report()
    assert (later.day.jobs, later.waits.count, later.day.models) == (0, 0, [])


async def test_a_job_that_runs_counts_as_one_that_waited(store: Store, ann: Identity) -> None:
    await store.job(ann)
    store.clock.now += 40
    await store.jobs.claim(60)
    found = await recent(store.db, 0.0)
    assert (found.done, found.waits) == ([], [40.0])


async def test_a_later_attempt_is_no_wait_of_the_queue(store: Store, ann: Identity) -> None:
    await store.job(ann)
    lease = await store.jobs.claim(60)
    assert lease is not None
    await store.jobs.release(lease)
    store.clock.now += 1_000
    await store.jobs.claim(60)
    assert (await recent(store.db, 0.0)).waits == []


async def test_no_more_than_the_newest_jobs_are_looked_at(
    store: Store, ann: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_JOBS", 2)
    for number in range(3):
        await done(store, ann, str(number), 1.0 + number)
    found = await recent(store.db, 0.0)
    assert [work.factor for work in found.done] == [3.0, 2.0]
    assert not found.complete


async def test_the_queries_go_by_index(store: Store) -> None:
    """The text of transcripts is behind their provenance: whatever else grows, no table is read through."""
    for statement in (module.DONE, module.RUNNING):
        async with store.db.read() as reader:
            plan = await reader.fetch_all(f"EXPLAIN QUERY PLAN {statement}", {"since": 0.0, "limit": 1})
        steps = [row["detail"] for row in plan]
        assert any("USING INDEX jobs_of_state" in step for step in steps)
        assert not [step for step in steps if step.startswith(("SCAN jobs", "SCAN transcripts", "USE TEMP"))]


def test_a_quantile_lies_where_prometheus_puts_it() -> None:
    registry = CollectorRegistry()
    seconds = Histogram("a_seconds", "-", ("route",), buckets=(1.0, 2.0, 4.0), registry=registry)
    assert Figures.of(registry).quantile("a_seconds", 0.5) is None
    for value in (0.5, 1.5, 1.6, 3.0):
        seconds.labels("/a").observe(value)
    figures = Figures.of(registry)
    assert figures.quantile("a_seconds", 0.5) == 1.5
    assert figures.quantile("a_seconds", 1.0) == 4.0
    seconds.labels("/b").observe(100.0)
    figures = Figures.of(registry)
    assert (
        figures.quantile("a_seconds", 0.99) == 4.0
    )  # all that is known of the last bucket is where it begins
    assert figures.quantile("a_seconds", 1.0, "route", {"/b"}) == 4.0
    assert figures.quantile("a_seconds", 0.5, "route", {"/a", "/b"}) is None


async def test_streams_that_do_not_end_say_nothing_of_how_fast_answers_are(store: Store) -> None:
    metrics = Metrics()
    metrics.request_ended("GET", "/api/events", 200, 5_000.0)
    metrics.request_ended("GET", "/api/jobs", 200, 0.001)
    requests = (await Performance(store.db, metrics, ("/api/events",), store.clock).report()).requests
    assert requests.count == 2
    assert requests.p99 is not None
    assert requests.p99 <= 0.005


async def test_figures_of_a_machine_that_nobody_asked_are_none_and_not_zero(store: Store) -> None:
    report = await Performance(store.db, Metrics(), (), store.clock).report()
    assert (report.host.load1, report.host.disk_free, report.gpus) == (None, None, [])
