"""SIGKILL at each step of accepting, claiming and completing, and at any other moment: the promises hold."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stenobox.errors import LeaseLost
from stenobox.types import Identity, JobState, Lease, Role
from storing import Store, opened_store, transcript_of

CHILD = Path(__file__).with_name("queue_child.py")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(CHILD.parents[1]), *sys.path])}

BEFORE_COMMIT = ("received", "published", "ingested", "created")
AFTER_COMMIT = ("accepted", "claimed", "kept", "saved", "done")


@dataclass
class Promises:
    """What the killed processes had said by then."""

    accepted: dict[str, str] = field(default_factory=dict)
    claimed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)

    def hear(self, output: str) -> None:
        for line in output.splitlines():
            word, job_id, value = line.split()
            if word == "accepted":
                self.accepted[job_id] = value
            elif word == "done":
                assert job_id not in self.done, "a job was committed twice"
                self.done[job_id] = int(value)
            elif word == "claimed":
                self.claimed[job_id] = int(value)
            else:
                assert int(value) == self.kept.get(job_id, 0) + 1 or job_id not in self.kept
                self.kept[job_id] = int(value)


def killed(data: Path, step: str, after_lines: int = 0) -> str:
    """Run the child until it is dead by SIGKILL; returns what it had said."""
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(data), step], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(after_lines)]
        if step == "never":
            child.kill()
        said.append(child.stdout.read())
    assert child.returncode == -signal.SIGKILL
    return "".join(said)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files_below(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def everything(store: Store, admin: Identity) -> dict[str, JobState]:
    found: dict[str, JobState] = {}
    cursor: str | None = None
    while True:
        page = await store.jobs.list(admin, limit=200, cursor=cursor)
        found |= {job.id: job.state for job in page.jobs}
        cursor = page.next
        if cursor is None:
            return found


async def check(store: Store, admin: Identity, promises: Promises) -> None:
    """The invariants, on the data as a fresh start finds and repairs it."""
    async with store.db.read() as reader:
        assert [tuple(row) for row in await reader.fetch_all("PRAGMA integrity_check")] == [("ok",)]
        assert await reader.fetch_all("PRAGMA foreign_key_check") == []
        transcripts = {row["job_id"] for row in await reader.fetch_all("SELECT job_id FROM transcripts")}
        named = {row["sha256"] for row in await reader.fetch_all("SELECT sha256 FROM recordings")}
    await store.intake().sweep()
    states = await everything(store, admin)

    assert set(promises.accepted) <= set(states), "an accepted upload is gone"
    for sha256 in promises.accepted.values():
        assert digest_of(store.layout.media_file(sha256)) == sha256, "an accepted upload is damaged"
    assert files_below(store.layout.media) == named
    assert files_below(store.layout.incoming) == set()
    assert transcripts == {job_id for job_id, state in states.items() if state is JobState.DONE}
    for job_id, attempt in promises.done.items():
        assert states[job_id] is JobState.DONE, "a finished job is not done any more"
        assert (await store.transcripts.get(job_id, admin)).text == f"by attempt {attempt}"


async def finish_all(store: Store, admin: Identity, promises: Promises) -> None:
    """Take back what was running, see that the dead attempts can write nothing, and finish every job once."""
    running = [
        job_id for job_id, state in (await everything(store, admin)).items() if state is JobState.RUNNING
    ]
    assert await store.jobs.recover() == len(running)
    for job_id in running:
        job = await store.jobs.get(job_id, admin)
        assert job.state is JobState.QUEUED
        with pytest.raises(LeaseLost):
            await store.jobs.complete(Lease(job, job.attempt, None), transcript_of(job, ["stale"]))
    while (lease := await store.jobs.claim(60.0)) is not None:
        job_id = lease.job.id
        assert job_id not in promises.done
        assert lease.attempt > promises.claimed.get(job_id, 0)
        position = lease.checkpoint["position"] if lease.checkpoint else 0
        assert position >= promises.kept.get(job_id, 0), "work that was kept is lost"
        if lease.attempt > 1:
            stale = Lease(lease.job, lease.attempt - 1, None)
            with pytest.raises(LeaseLost):
                await store.jobs.complete(stale, transcript_of(lease.job, ["stale"]))
        await store.jobs.complete(lease, transcript_of(lease.job, [f"by attempt {lease.attempt}"]))
        promises.done[job_id] = lease.attempt


@pytest.mark.parametrize("step", [*BEFORE_COMMIT, *AFTER_COMMIT])
async def test_a_kill_at_each_step_breaks_no_promise(tmp_path: Path, step: str) -> None:
    promises = Promises()
    promises.hear(await asyncio.to_thread(killed, tmp_path, step))
    async with opened_store(tmp_path, max_attempts=1_000) as store:
        admin = await store.user("root", Role.ADMIN)
        await check(store, admin, promises)
        states = list((await everything(store, admin)).values())
        expected = {"accepted": JobState.QUEUED, "done": JobState.DONE}.get(step, JobState.RUNNING)
        assert states == ([] if step in BEFORE_COMMIT else [expected])
        await finish_all(store, admin, promises)
        await check(store, admin, promises)


async def test_kills_at_any_moment_break_no_promise(tmp_path: Path) -> None:
    promises = Promises()
    choose = random.Random(7)
    for _ in range(8):
        lines = choose.randint(1, 40)
        promises.hear(await asyncio.to_thread(killed, tmp_path, "never", lines))
        async with opened_store(tmp_path, max_attempts=1_000) as store:
            admin = await store.user(f"root {len(promises.accepted)}", Role.ADMIN)
            await check(store, admin, promises)
    async with opened_store(tmp_path, max_attempts=1_000) as store:
        admin = await store.user("root", Role.ADMIN)
        await finish_all(store, admin, promises)
        await check(store, admin, promises)
        assert set((await everything(store, admin)).values()) == {JobState.DONE}
    assert len(promises.done) >= len(promises.accepted) > 8
