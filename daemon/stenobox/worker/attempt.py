"""One attempt of one job: decode, transcribe, keep the checkpoint, commit.

Ends in exactly one of: the transcript is committed; the failure is recorded; the job is given back; the lease
is lost and nothing is written. The scratch file is gone in every case.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stenobox.audio.decode import decode, open_samples
from stenobox.audio.limits import AudioLimits
from stenobox.audio.protocol import SAMPLE_RATE
from stenobox.audio.spawning import Start
from stenobox.errors import (
    DecoderFailed,
    EngineFailed,
    LeaseLost,
    StenoboxError,
    Unavailable,
)
from stenobox.events import EventHub
from stenobox.jobs import Jobs
from stenobox.log import bound, get_logger
from stenobox.models import ModelInfo, ModelStore
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.shielding import finish
from stenobox.types import Event, Lease, Recording, Right
from stenobox.worker import checkpoint
from stenobox.worker.channels import Part
from stenobox.worker.engine import Engine, EngineTrouble, Ticket
from stenobox.worker.observer import Outcome, WorkerObserver
from stenobox.worker.result import engine_options, transcript_of, wrong_option
from whisper_onnx import OptionsError, Progress, Transcription

DISK_RETRY_SECONDS = 5.0
NEW_LENGTH_SECONDS = 0.05  # a smaller difference to the recording's known length is not worth a write

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What every attempt works with."""

    jobs: Jobs
    recordings: Recordings
    models: ModelStore
    layout: Layout
    events: EventHub
    engine: Engine
    limits: AudioLimits
    start: Start
    observer: WorkerObserver
    clock: Callable[[], float]


class Attempt:
    """`run()` it once, in a task of its own; cancelling that task stops the work and gives the job back."""

    def __init__(self, tools: Tools, lease: Lease) -> None:
        self._tools = tools
        self._lease = lease
        self._scratch = tools.layout.scratch / f"{lease.job.id}.{lease.attempt}.f32"
        self._started = time.monotonic()
        self._spent_before = 0.0
        self._parts: list[Part] = []  # what was heard in the channels that are done
        self._channels = 1  # that are heard one by one
        self.lost = False  # set before cancelling, when the job is no longer ours to give back

    async def run(self) -> Outcome:
        """Returns how it ended. Raises only what is a fault of ours, and CancelledError when cancelled."""
        with bound(job=self._lease.job.id):
            return await self._run()

    async def _run(self) -> Outcome:
        outcome = Outcome.LOST
        try:
            outcome = await self._guarded()
        except asyncio.CancelledError:
            # When the engine died, this job may be what killed it: it stays "running", and the next start
            # counts the attempt.
            if not self.lost and not self._tools.engine.dead:
                outcome = Outcome.RELEASED
                await finish(self._give_back(patient=False))
            raise
        finally:
            await finish(asyncio.to_thread(self._scratch.unlink, missing_ok=True))
            self._tools.observer.attempt_ended(outcome, time.monotonic() - self._started)
            log.info("attempt_ended", attempt=self._lease.attempt, outcome=outcome.value)
        return outcome

    async def _guarded(self) -> Outcome:
        try:
            await self._work()
        except LeaseLost:
            return Outcome.LOST
        except Unavailable as error:
            # A full disk, or a model that is being replaced: true now, perhaps not later, and not the job's
            # fault.
            log.warning("attempt_put_off", code=error.code)
            await self._give_back(patient=True)
            return Outcome.RELEASED
        except StenoboxError as error:
            log.warning("attempt_failed", code=error.code)
            return await self._record(error)
        return Outcome.DONE

    async def _work(self) -> None:
        tools, job = self._tools, self._lease.job
        info = await asyncio.to_thread(tools.models.find, job.options.model)
        resume = checkpoint.unpack(self._lease.checkpoint, model_sha256=info.sha256, options=job.options)
        self._spent_before, self._parts = resume.work_seconds, list(resume.parts)
        recording = await tools.recordings.get(job.recording_id)
        state, over = resume.state, False
        while not over:
            samples = await self._samples(recording)
            try:
                ticket, result = await self._transcribe(info, samples, state)
            except OptionsError:
                # The engine does not know its own state again: an update of the program came in between.
                self._spent_before = 0.0
                ticket, result = await self._transcribe(info, samples, None)
            self._parts.append(Part.of(result))
            state, over = None, len(self._parts) >= self._channels
        transcript = transcript_of(
            job.id,
            self._parts,
            model=ticket.loaded,
            options=job.options,
            audio_sha256=recording.sha256,
            work_seconds=self._work_seconds(),
            now=tools.clock(),
        )
        await tools.jobs.complete(self._lease, transcript)

    async def _samples(self, recording: Recording) -> NDArray[np.float32]:
        """Of the channel whose turn it is, or the mean of all; also learns how many channels have one."""
        tools, options = self._tools, self._lease.job.options
        split = options.channels == "split"
        try:
            decoded = await decode(
                tools.recordings.path(recording),
                self._scratch,
                tools.limits,
                track=options.track,
                channel=len(self._parts) + 1 if split else 0,
                start=tools.start,
            )
        except OSError as error:
            raise DecoderFailed(error=f"the recording's file: {error.strerror}") from error
        self._channels = decoded.channels if split else 1
        tools.observer.audio_decoded(decoded.seconds)
        if recording.duration is None or abs(recording.duration - decoded.seconds) > NEW_LENGTH_SECONDS:
            await tools.recordings.set_duration(recording.id, decoded.seconds)
        return await asyncio.to_thread(open_samples, self._scratch)

    async def _transcribe(
        self, info: ModelInfo, samples: NDArray[np.float32], resume: dict[str, Any] | None
    ) -> tuple[Ticket, Transcription]:
        """Have the engine do it. Raises OptionsError only when it is `resume` that does not fit."""
        job = self._lease.job
        options = engine_options(job.options)
        ticket = self._tools.engine.transcribe(info.name, info.sha256, samples, options, resume)
        share = max(0.0, job.progress * self._channels - len(self._parts))
        done_before = 0.0 if resume is None else share * len(samples) / SAMPLE_RATE
        try:
            return ticket, await self._follow(ticket, done_before)
        finally:
            ticket.cancel()

    async def _follow(self, ticket: Ticket, position: float) -> Transcription:
        """Record and show each piece of progress; a slow disk joins several windows into one write."""
        try:
            async for news in ticket:
                readers = await self._note(ticket, news)
                # After the write: what a page shows survives a crash.
                self._show(news, readers)
                reached = news[-1].position
                self._tools.observer.audio_transcribed(max(0.0, reached - position))
                position = max(position, reached)
        except EngineTrouble as trouble:
            if isinstance(trouble.cause, OptionsError) and trouble.cause.field == "resume":
                raise trouble.cause from None
            raise self._named(trouble.cause) from trouble
        if ticket.result is None:
            raise RuntimeError("the engine ended without a result")
        return ticket.result

    async def _note(self, ticket: Ticket, news: list[Progress]) -> Mapping[int, Right]:
        """Record the progress; returns who reads along, beside the owner."""
        last, options = news[-1], self._lease.job.options
        saved = checkpoint.pack(
            last.state,
            parts=self._parts,
            model_sha256=ticket.sha256,
            options=options,
            work_seconds=self._work_seconds(),
        )
        heard = last.position / last.duration if last.duration > 0 else 1.0
        fraction = (len(self._parts) + heard) / self._channels
        return await self._tools.jobs.progress(self._lease, fraction, saved)

    def _named(self, error: Exception) -> StenoboxError:
        """The engine's exception in the product's words."""
        if isinstance(error, StenoboxError):  # the model could not be loaded
            return error
        if isinstance(error, OptionsError):
            return wrong_option(error, self._lease.job.options)
        log.exception("engine_failed", error)  # noqa: PLE1205  # an EventLogger
        return EngineFailed()

    def _show(self, news: list[Progress], readers: Mapping[int, Right]) -> None:
        job, last = self._lease.job, news[-1]
        before = sum(len(part.segments) for part in self._parts)
        channel = len(self._parts) if job.options.channels == "split" else None
        heard = [segment for progress in news for segment in progress.new_segments]
        data = {
            "job_id": job.id,
            "segments": [checkpoint.line(segment, before=before, channel=channel) for segment in heard],
            "texts": [segment.text for segment in heard],
            # Of all channels, one after the other.
            "position": len(self._parts) * last.duration + last.position,
            "duration": self._channels * last.duration,
        }
        self._tools.events.publish(Event("segments", job.owner_id, data, readers))

    def _work_seconds(self) -> float:
        """Time spent on this job: by this attempt, and by those whose checkpoint it carries on."""
        return self._spent_before + time.monotonic() - self._started

    async def _record(self, error: StenoboxError) -> Outcome:
        """Write the failure down, however long the disk is full."""
        while True:
            try:
                await self._tools.jobs.fail(self._lease, error)
            except LeaseLost:
                return Outcome.LOST
            except Unavailable:
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                return Outcome.FAILED

    async def _give_back(self, *, patient: bool) -> None:
        """Put the job back in line, unharmed. Not patient: one try, since the process is ending."""
        while True:
            try:
                await self._tools.jobs.release(self._lease)
            except LeaseLost:
                return
            except Unavailable:
                if not patient:
                    return  # the next start takes it back
                await asyncio.sleep(DISK_RETRY_SECONDS)
            else:
                return
