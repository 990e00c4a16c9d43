"""The worker on the real queue, the real decoder and the real engine."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from making_audio import speech, tone, wav
from stenobox.config import AudioSettings, ModelsSettings, QueueSettings, Settings
from stenobox.db import Database
from stenobox.errors import DiskFull, NotFound, StateConflict
from stenobox.events import EventHub
from stenobox.jobs import Jobs
from stenobox.models import ModelStore
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.transcripts import Transcripts
from stenobox.types import Event, Identity, Job, JobOptions, JobState, Priority, Role, Transcript, User
from stenobox.worker import Outcome, Worker

OWNER = Identity(User(1, "ada", Role.ADMIN, False, 0.0), via="key")
ADA = """
INSERT OR IGNORE INTO users (id, name, password_hash, role, created_at) VALUES (1, 'ada', 'x', 'admin', 0)
"""
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
THINGS = ("black computer", "table", "message", "plan", "week", "yellow chair")
PLACES = ("on the right", "quiet", "open at seven", "here")
WORDS = "The black computer is on the right. "


@dataclass
class Box:
    """The parts of the daemon that a worker needs, over a data folder of its own."""

    settings: Settings
    layout: Layout
    db: Database
    events: EventHub
    recordings: Recordings
    jobs: Jobs
    models: ModelStore

    def worker(self, **changes: object) -> Worker:
        return Worker(
            settings=replace(self.settings, **changes),
            jobs=self.jobs,
            recordings=self.recordings,
            models=self.models,
            layout=self.layout,
            events=self.events,
        )

    async def submit(self, source: Path, options: JobOptions | None = None) -> Job:
        """What the intake does with an accepted file."""
        data = await asyncio.to_thread(source.read_bytes)
        digest = hashlib.sha256(data).hexdigest()
        incoming = self.layout.incoming / digest
        await asyncio.to_thread(incoming.write_bytes, data)
        async with self.db.write() as tx:
            await self.recordings.publish(tx, incoming, digest)
            recording = await self.recordings.ingest(
                tx, 1, sha256=digest, size=len(data), filename=source.name, duration=None
            )
            return await self.jobs.create(
                tx,
                1,
                recording_id=recording.id,
                options=options or JobOptions(model="demo", language="en"),
                priority=Priority.NORMAL,
            )

    async def until(self, job: Job, *states: JobState) -> Job:
        """Wait until the job is in one of these states, by default any final one."""
        async with asyncio.timeout(120):
            while True:
                now = await self.jobs.get(job.id, OWNER)
                if now.state in states if states else now.state.final:
                    return now
                await asyncio.sleep(0.02)

    async def transcript(self, job: Job) -> Transcript:
        return await Transcripts(self.db).get(job.id, OWNER)


@contextlib.asynccontextmanager
async def box_in(folder: Path, demo_bundle: Path, **queue: object) -> AsyncIterator[Box]:
    settings = Settings(
        data=folder,
        models=ModelsSettings(path=(demo_bundle,), threads=1, slots=2),
        audio=AudioSettings(max_hours=4.0),
        queue=replace(QueueSettings(concurrency=2), **queue),
    )
    layout = Layout(folder)
    layout.create()
    db = await Database.open(layout.database)
    try:
        async with db.write() as tx:
            await tx.execute(ADA)
        events = EventHub()
        recordings = Recordings(db, layout)
        jobs = Jobs(db, events, max_attempts=settings.queue.max_attempts)
        yield Box(settings, layout, db, events, recordings, jobs, ModelStore(settings, layout))
    finally:
        await db.close()


@pytest.fixture
async def box(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    async with box_in(tmp_path / "data", demo_bundle) as box:
        yield box


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    """A worker that runs inside the block and is stopped cleanly at its end."""
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return speech(tmp_path_factory.mktemp("speech") / "short.wav", WORDS)


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some windows of speech with pauses; no sentence twice, since repetition has the engine try again."""
    folder = tmp_path_factory.mktemp("speech")
    path = folder / "long.flac"
    parts: list[np.ndarray] = []
    for number in range(24):
        numbers = " ".join(DIGITS[(number * 7 + place * place) % 10] for place in range(5))
        text = f"The {THINGS[number % 6]} is {PLACES[number % 4]}. {numbers}."
        samples, rate = soundfile.read(speech(folder / "part.wav", text), dtype="float32")
        parts += [samples, np.zeros(rate // 2, np.float32)]
    soundfile.write(path, np.concatenate(parts), rate)
    return path


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def scratch(box: Box) -> list[str]:
    return [path.name for path in box.layout.scratch.iterdir()]


async def test_a_job_becomes_the_transcript_that_the_engine_gives(
    box: Box, short: Path, demo_bundle: Path
) -> None:
    job = await box.submit(short)
    async with working(box.worker()):
        done = await box.until(job)
    assert (done.state, done.progress, done.attempt, done.error) == (JobState.DONE, 1.0, 1, None)
    transcript = await box.transcript(job)
    assert transcript.language == "en"
    assert transcript.text
    assert [segment.text for segment in transcript.segments]
    assert all(0 <= s.start < s.end <= transcript.duration + 0.5 for s in transcript.segments)
    assert transcript.duration == pytest.approx(soundfile.info(short).duration, abs=0.01)
    made_by = transcript.provenance
    assert made_by.model == "demo"
    assert made_by.model_sha256 == sha256_of(demo_bundle / "model.toml")
    assert made_by.audio_sha256 == sha256_of(short)
    assert (made_by.provider, made_by.options["language"]) == ("cpu", "en")
    assert made_by.realtime_factor > 0
    assert scratch(box) == []


async def test_the_length_that_decoding_finds_is_recorded(box: Box, short: Path) -> None:
    job = await box.submit(short)
    async with working(box.worker()):
        done = await box.until(job)
    assert done.duration == pytest.approx(soundfile.info(short).duration, abs=0.01)


async def test_windows_are_shown_in_order_and_add_up_to_the_transcript(box: Box, long: Path) -> None:
    with box.events.subscribe(OWNER) as events:
        job = await box.submit(long)
        async with working(box.worker()):
            await box.until(job)
        seen: list[Event] = []
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(0.05):
                    seen.append(await anext(events))
    parts = [event.data for event in seen if event.kind == "segments"]
    assert len(parts) >= 2
    assert {part["job_id"] for part in parts} == {job.id}
    positions = [part["position"] for part in parts]
    assert positions == sorted(positions)
    shown = [(s["id"], s["start"], s["end"], s["text"]) for part in parts for s in part["segments"]]
    transcript = await box.transcript(job)
    assert shown == [(s.id, s.start, s.end, s.text) for s in transcript.segments]
    fractions = [event.data["job"].progress for event in seen if event.kind == "job"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


async def test_jobs_run_together_and_give_what_each_gives_alone(
    box: Box, short: Path, tmp_path: Path
) -> None:
    other = speech(tmp_path / "other.wav", "Eight five nine seven two seven four.")
    one, two = await box.submit(short), await box.submit(other)
    async with working(box.worker()):
        await box.until(one)
        await box.until(two)
    async with box_in(tmp_path / "alone", box.settings.models.path[0]) as alone:
        job = await alone.submit(other)
        async with working(alone.worker()):
            await alone.until(job)
        assert (await alone.transcript(job)).segments == (await box.transcript(two)).segments


async def test_silence_gives_an_empty_transcript_and_no_failure(box: Box, tmp_path: Path) -> None:
    silence = wav(tmp_path / "silence.flac", np.zeros(16_000 * 180, np.float32))
    job = await box.submit(silence)
    async with working(box.worker()):
        done = await box.until(job)
    assert done.state is JobState.DONE
    transcript = await box.transcript(job)
    assert (transcript.text, transcript.segments, transcript.duration) == ("", (), 180.0)


async def test_a_clean_stop_gives_the_job_back_and_the_next_start_goes_on_from_there(
    tmp_path: Path, demo_bundle: Path, long: Path
) -> None:
    async with box_in(tmp_path / "data", demo_bundle) as box:
        with box.events.subscribe(OWNER) as events:
            job = await box.submit(long)
            async with working(box.worker()):
                await first_segments(events)
            stopped = await box.jobs.get(job.id, OWNER)
        assert stopped.state is JobState.QUEUED
        assert 0.0 < stopped.progress < 1.0
        assert scratch(box) == []
    async with box_in(tmp_path / "data", demo_bundle) as box:
        with box.events.subscribe(OWNER) as events:
            async with working(box.worker()):
                first = await first_segments(events)
                done = await box.until(job)
        transcript = await box.transcript(job)
        # It did not begin again: what is shown first comes after what was already done.
        assert first["position"] / first["duration"] > stopped.progress
        assert done.state is JobState.DONE
        assert done.error is None
    async with box_in(tmp_path / "whole", demo_bundle) as box:
        again = await box.submit(long)
        async with working(box.worker()):
            await box.until(again)
        assert (await box.transcript(again)).segments == transcript.segments


async def first_segments(events: AsyncIterator[Event]) -> dict[str, float]:
    async with asyncio.timeout(60):
        async for event in events:
            if event.kind == "segments":
                return event.data
    raise AssertionError("the events ended")


async def test_a_checkpoint_of_another_model_or_other_options_is_not_used(box: Box, short: Path) -> None:
    job = await box.submit(short)
    lease = await box.jobs.claim(60.0)
    assert lease is not None
    strange = {
        "version": 1,
        "model_sha256": "0" * 64,
        "options": {},
        "work_seconds": 1.0,
        "state": {"seek": 9},
    }
    await box.jobs.progress(lease, 0.9, strange)
    await box.jobs.release(lease)
    async with working(box.worker()):
        done = await box.until(job)
    assert done.state is JobState.DONE
    assert (await box.transcript(job)).text


async def test_a_checkpoint_that_the_engine_cannot_read_starts_the_job_over(
    box: Box, short: Path, demo_bundle: Path
) -> None:
    job = await box.submit(short)
    lease = await box.jobs.claim(60.0)
    assert lease is not None
    sha256 = sha256_of(demo_bundle / "model.toml")
    options = {"model": "demo", "language": "en", "task": "transcribe", "prompt": None}
    damaged = {
        "version": 1,
        "model_sha256": sha256,
        "options": options,
        "work_seconds": 1.0,
        "state": {"version": 0},
    }
    await box.jobs.progress(lease, 0.9, damaged)
    await box.jobs.release(lease)
    async with working(box.worker()):
        done = await box.until(job)
    assert done.state is JobState.DONE
    assert (await box.transcript(job)).text


async def test_a_cancelled_job_stops_at_once_and_leaves_nothing(box: Box, long: Path, short: Path) -> None:
    worker = box.worker(queue=QueueSettings(concurrency=1))
    with box.events.subscribe(OWNER) as events:
        job = await box.submit(long)
        async with working(worker):
            await first_segments(events)
            await box.jobs.cancel(job.id, OWNER)
            next_job = await box.submit(short)
            done = await box.until(next_job)  # its place is free although the long one was not finished
            assert scratch(box) == []
    assert done.state is JobState.DONE
    assert (await box.jobs.get(job.id, OWNER)).state is JobState.CANCELLED
    with pytest.raises(StateConflict):
        await box.transcript(job)


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
