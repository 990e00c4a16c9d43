"""Any order of what people and workers do to the queue, checked against a model that fits on a page."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stenobox.errors import EngineFailed, LeaseLost, StateConflict, UndecodableAudio
from stenobox.types import Identity, JobState, Lease, Priority, Role
from storing import Store, opened_store, transcript_of

MAX_ATTEMPTS = 2


@dataclass
class Expected:
    """What the model knows of a job. `holder` is the attempt that may write, None when nobody may."""

    state: JobState = JobState.QUEUED
    failures: int = 0
    attempts: int = 0
    holder: int | None = None


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.store: Store = self.run(
            self.stack.enter_async_context(opened_store(Path(self.folder.name), max_attempts=MAX_ATTEMPTS))
        )
        self.owners: list[Identity] = [self.run(self.store.user(name)) for name in ("ann", "bob")]
        self.admin: Identity = self.run(self.store.user("root", Role.ADMIN))
        self.jobs: dict[str, Expected] = {}
        self.leases: list[Lease] = []

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def lost(self, expected: Expected) -> None:
        expected.failures += 1
        expected.holder = None
        over = expected.failures >= MAX_ATTEMPTS
        expected.state = JobState.QUARANTINED if over else JobState.QUEUED

    @rule(owner=st.integers(0, 1), priority=st.sampled_from(list(Priority)))
    def create(self, owner: int, priority: Priority) -> None:
        job = self.run(self.store.job(self.owners[owner], priority))
        self.jobs[job.id] = Expected()

    @rule()
    def claim(self) -> None:
        lease = self.run(self.store.jobs.claim(60.0))
        waiting = [job for job in self.jobs.values() if job.state is JobState.QUEUED]
        assert (lease is None) == (not waiting)
        if lease is not None:
            expected = self.jobs[lease.job.id]
            assert expected.state is JobState.QUEUED
            expected.attempts += 1
            assert lease.attempt == expected.attempts
            expected.state, expected.holder = JobState.RUNNING, lease.attempt
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(
        data=st.data(), act=st.sampled_from(["complete", "fail", "give up", "release", "renew", "progress"])
    )
    def write(self, data: st.DataObject, act: str) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        expected = self.jobs.get(lease.job.id)
        jobs = self.store.jobs
        calls = {
            "complete": lambda: jobs.complete(lease, transcript_of(lease.job, [f"by {lease.attempt}"])),
            "fail": lambda: jobs.fail(lease, EngineFailed()),
            "give up": lambda: jobs.fail(lease, UndecodableAudio(problem="noise.")),
            "release": lambda: jobs.release(lease),
            "renew": lambda: jobs.renew(lease),
            "progress": lambda: jobs.progress(lease, 0.5, {"by": lease.attempt}),
        }
        if expected is None or expected.holder != lease.attempt:
            with pytest.raises(LeaseLost):
                self.run(calls[act]())
            return
        self.run(calls[act]())
        if act == "fail":
            self.lost(expected)
        elif act in ("complete", "give up", "release"):
            expected.holder = None
            states = {"complete": JobState.DONE, "give up": JobState.FAILED, "release": JobState.QUEUED}
            expected.state = states[act]

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), act=st.sampled_from(["cancel", "retry", "delete"]))
    def ask(self, data: st.DataObject, act: str) -> None:
        job_id = data.draw(st.sampled_from(list(self.jobs)))  # by age: their ids are random
        expected = self.jobs[job_id]
        over = expected.state in (JobState.FAILED, JobState.CANCELLED, JobState.QUARANTINED)
        allowed = {
            "cancel": not expected.state.final,
            "retry": over,
            "delete": expected.state is not JobState.RUNNING,
        }[act]
        trash, jobs = self.store.trash, self.store.jobs
        calls = {"cancel": jobs.cancel, "retry": jobs.retry, "delete": trash.put_job}
        call = calls[act](job_id, self.admin)
        if not allowed:
            with pytest.raises(StateConflict):
                self.run(call)
            return
        self.run(call)
        expected.holder = None
        if act == "delete":
            self.run(trash.erase_job(job_id, self.admin))
            del self.jobs[job_id]
        elif act == "cancel":
            expected.state = JobState.CANCELLED
        else:
            expected.state, expected.failures = JobState.QUEUED, 0

    @rule(how=st.sampled_from(["crash", "expiry"]))
    def take_back(self, how: str) -> None:
        if how == "expiry":
            self.store.clock.now += 61
        take = self.store.jobs.recover if how == "crash" else self.store.jobs.expire_leases
        running = [job for job in self.jobs.values() if job.state is JobState.RUNNING]
        assert self.run(take()) == len(running)
        for expected in running:
            self.lost(expected)

    @invariant()
    def the_rows_are_what_the_model_says(self) -> None:
        found = {job.id: job for job in self.run(self.store.jobs.list(self.admin, limit=200)).jobs}
        assert {job_id: job.state for job_id, job in found.items()} == {
            job_id: expected.state for job_id, expected in self.jobs.items()
        }

    @invariant()
    def a_transcript_exists_if_and_only_if_its_job_is_done(self) -> None:
        done = {job_id for job_id, expected in self.jobs.items() if expected.state is JobState.DONE}
        assert self.run(self.named("transcripts")) == done

    @invariant()
    def a_checkpoint_exists_only_for_a_job_that_may_go_on(self) -> None:
        live = {job_id for job_id, expected in self.jobs.items() if not expected.state.final}
        assert self.run(self.named("job_checkpoints")) <= live

    async def named(self, table: str) -> set[str]:
        async with self.store.db.read() as reader:
            return {row["job_id"] for row in await reader.fetch_all(f"SELECT job_id FROM {table}")}


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
