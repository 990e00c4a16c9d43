"""The worker when recordings, models, engines, disks and other workers fail it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import soundfile

from making_audio import tone, wav
from stenobox.config import QueueSettings
from stenobox.errors import DiskFull, NotFound, StateConflict
from stenobox.types import JobOptions, JobState
from stenobox.worker import Outcome, Worker
from working import OWNER, Box, box_in, eventually, first_segments, scratch, working


async def test_an_undecodable_recording_fails_for_good_with_its_code(box: Box, tmp_path: Path) -> None:
    source = wav(tmp_path / "a.wav", tone(1))
    data = bytearray(source.read_bytes())
    data[24:32] = bytes(8)  # 0 Hz
    source.write_bytes(data)
    job = await box.submit(source)
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.error, done.attempt) == (JobState.FAILED, "undecodable_audio", 1)
    assert done.error_detail
    assert scratch(box) == []


async def test_a_model_that_is_not_here_fails_the_job_with_its_name(box: Box, short: Path) -> None:
    job = await box.submit(short, JobOptions(model="large-v9"))
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.error) == (JobState.FAILED, "unknown_model")
    assert "large-v9" in (done.error_detail or "")


async def test_a_model_with_a_wrong_hash_is_never_run_and_the_worker_lives_on(
    tmp_path: Path, demo_bundle: Path, short: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(demo_bundle, broken)
    graph = broken / "decoder.onnx"
    data = bytearray(graph.read_bytes())
    data[-1] ^= 1
    graph.write_bytes(data)
    async with box_in(tmp_path / "data", broken, max_attempts=2) as box:
        job = await box.submit(short)
        worker = box.worker()
        async with working(worker) as task:
            done = await box.until(job)
            assert not task.done()
            assert worker.status.alive
            assert worker.status.loaded == ()
            assert "decoder.onnx" in worker.status.problem
    assert (done.state, done.error, done.attempt) == (JobState.QUARANTINED, "model_invalid", 2)


async def test_an_engine_that_fails_costs_an_attempt_and_the_next_gets_a_fresh_model(
    box: Box, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault is put into the real runtime: one encoder run raises, as a lost GPU makes it."""
    from whisper_onnx.runtime import Runtime

    encode, failures = Runtime.encode, iter([RuntimeError("device lost")])

    def failing(self: Runtime, *arguments: object) -> None:
        for failure in failures:
            raise failure
        encode(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Runtime, "encode", failing)
    job = await box.submit(short)
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.attempt) == (JobState.DONE, 2)


async def test_a_job_that_always_breaks_the_engine_is_quarantined(
    box: Box, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whisper_onnx.runtime import Runtime

    def failing(*_: object) -> None:
        raise RuntimeError("device lost")

    monkeypatch.setattr(Runtime, "encode", failing)
    job = await box.submit(short)
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.error, done.attempt) == (JobState.QUARANTINED, "engine_failed", 3)


async def test_a_fault_of_the_engine_thread_ends_the_worker_and_counts_the_attempt(
    box: Box, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whisper_onnx import Batcher

    def broken(self: Batcher) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(Batcher, "step", broken)
    job = await box.submit(long)
    with pytest.raises(ExceptionGroup) as caught:
        await box.worker().run()
    assert caught.group_contains(ZeroDivisionError)
    assert (await box.jobs.get(job.id, OWNER)).state is JobState.RUNNING
    assert await box.jobs.recover() == 1  # as the next start does


async def test_a_fault_of_the_worker_ends_it_and_gives_other_jobs_back(
    box: Box, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(box.jobs, "renew", broken)
    job = await box.submit(long)
    # Renewed every 0.05 s: the first one must come while the job runs, however fast the machine is.
    worker = box.worker(queue=QueueSettings(lease_seconds=0.15))
    with pytest.raises(ExceptionGroup) as caught:
        await worker.run()
    assert caught.group_contains(ZeroDivisionError)
    assert (await box.jobs.get(job.id, OWNER)).state is JobState.QUEUED
    assert not worker.status.alive


async def test_an_overtaken_attempt_writes_nothing(box: Box, long: Path) -> None:
    with box.events.subscribe(OWNER) as events:
        job = await box.submit(long)
        async with working(box.worker()):
            await first_segments(events)
            async with box.db.write() as tx:  # as if the lease had run out and another attempt had started
                await tx.execute("UPDATE jobs SET attempt = attempt + 1 WHERE id = ?", (job.id,))
            await eventually(lambda: not scratch(box))
            assert (await box.jobs.get(job.id, OWNER)).state is JobState.RUNNING
            with pytest.raises((StateConflict, NotFound)):
                await box.transcript(job)


async def test_what_a_dead_process_left_is_taken_up_and_swept(box: Box, short: Path) -> None:
    job = await box.submit(short)
    assert await box.jobs.claim(60.0) is not None
    (box.layout.scratch / "old.f32").write_bytes(b"x")
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.attempt) == (JobState.DONE, 2)
    assert scratch(box) == []


async def test_status_tells_when_the_default_model_is_ready(box: Box) -> None:
    worker = box.worker()
    assert not worker.status.alive
    async with working(worker):
        await eventually(lambda: not worker.status.problem)
        assert worker.status.alive
        assert [model.name for model in worker.status.loaded] == ["demo"]
    assert not worker.status.alive


async def test_a_model_that_is_installed_later_is_taken_up(
    tmp_path: Path, demo_bundle: Path, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stenobox.models.shipped_demo", lambda: None)
    monkeypatch.setattr("stenobox.worker.loop.MISSING_MODEL_SECONDS", 0.05)
    monkeypatch.setattr("stenobox.worker.loop.DISK_RETRY_SECONDS", 0.05)
    monkeypatch.setattr("stenobox.worker.attempt.DISK_RETRY_SECONDS", 0.05)
    shelf = tmp_path / "shelf"
    async with box_in(tmp_path / "data", shelf) as box:
        job = await box.submit(short)
        worker = box.worker()
        async with working(worker):
            await eventually(lambda: "No speech model" in worker.status.problem)
            assert not (await box.jobs.get(job.id, OWNER)).state.final  # it waits
            shutil.copytree(demo_bundle, shelf / ".copying")
            (shelf / ".copying").rename(shelf / "demo")
            done = await box.until(job)
            await eventually(lambda: not worker.status.problem)
    assert (done.state, done.error) == (JobState.DONE, None)


async def test_a_full_disk_puts_the_job_off_and_costs_no_attempt(
    box: Box, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up under a checkpoint, and under giving the job back; then there is room again."""
    monkeypatch.setattr("stenobox.worker.attempt.DISK_RETRY_SECONDS", 0.05)
    monkeypatch.setattr("stenobox.worker.loop.DISK_RETRY_SECONDS", 0.05)
    refusals = {"progress": 1, "release": 2, "claim": 1}

    def sometimes_full(name: str) -> None:
        real = getattr(box.jobs, name)

        async def call(*arguments: object) -> object:
            if refusals[name]:
                refusals[name] -= 1
                raise DiskFull
            return await real(*arguments)

        monkeypatch.setattr(box.jobs, name, call)

    for name in refusals:
        sometimes_full(name)
    job = await box.submit(short)
    async with working(box.worker()) as task:
        done = await box.until(job)
        assert not task.done()
    assert (done.state, done.error) == (JobState.DONE, None)
    assert set(refusals.values()) == {0}
    assert (await box.transcript(job)).text


async def test_every_end_of_an_attempt_is_counted(box: Box, short: Path, tmp_path: Path) -> None:
    class Counting:
        def __init__(self) -> None:
            self.ends: list[Outcome] = []
            self.decoded = self.transcribed = 0.0

        def attempt_ended(self, outcome: Outcome, seconds: float) -> None:
            assert seconds >= 0
            self.ends.append(outcome)

        def audio_decoded(self, seconds: float) -> None:
            self.decoded += seconds

        def audio_transcribed(self, seconds: float) -> None:
            self.transcribed += seconds

    counting = Counting()
    worker = Worker(
        settings=box.settings,
        jobs=box.jobs,
        recordings=box.recordings,
        models=box.models,
        layout=box.layout,
        events=box.events,
        observer=counting,
    )
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF" + bytes(100))
    jobs = [await box.submit(short), await box.submit(bad)]
    async with working(worker):
        for job in jobs:
            await box.until(job)
        await eventually(lambda: not worker.status.running)
    length = soundfile.info(short).duration
    assert sorted(counting.ends) == [Outcome.DONE, Outcome.FAILED]
    assert counting.decoded == pytest.approx(length, abs=0.01)
    assert counting.transcribed == pytest.approx(length, abs=0.05)
