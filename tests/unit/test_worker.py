"""The worker on the real queue, the real decoder and the real engine."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from making_audio import speech, wav
from stenobox.config import QueueSettings
from stenobox.errors import StateConflict
from stenobox.types import Event, JobState
from working import OWNER, Box, box_in, first_segments, scratch, sha256_of, working


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
