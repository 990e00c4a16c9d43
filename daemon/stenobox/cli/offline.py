"""Transcribing files in this process: what `stenobox transcribe` does after its call was understood."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from stenobox.audio.decode import decode, open_samples
from stenobox.audio.limits import AudioLimits
from stenobox.config import Settings
from stenobox.errors import EngineFailed, StenoboxError
from stenobox.exports import render
from stenobox.files import write_durable
from stenobox.joboptions import language_of
from stenobox.models import ModelInfo, ModelStore
from stenobox.paths import Layout
from stenobox.types import JobOptions, Transcript
from stenobox.worker.channels import Part
from stenobox.worker.engine import Engine, EngineTrouble, LoadedModel
from stenobox.worker.result import engine_options, transcript_of, wrong_option
from whisper_onnx import OptionsError

READABLE = 0o666  # less the umask: a person's own transcripts follow their own rules


@dataclass(frozen=True, slots=True)
class Request:
    """`targets`: each recording and where its transcript goes, None for stdout."""

    targets: Mapping[Path, Path | None]
    format: str
    model: str | None
    language: str | None
    task: str
    channels: str = "mix"
    words: bool = False


async def transcribe_files(settings: Settings, request: Request, out: IO[bytes], err: TextIO) -> int:
    """Transcribe all files, several side by side; returns how many failed, each with one line on `err`.

    Raises what makes the whole call pointless: NoModel, UnknownModel, UnknownLanguage, ModelError.
    """
    models = ModelStore(settings, Layout(settings.data))
    info = await asyncio.to_thread(models.find, request.model)
    options = JobOptions(
        model=info.name,
        language=language_of(info, request.language),
        task=request.task,
        channels=request.channels,
        words=request.words,
    )
    engine_options(options)
    async with Engine(models, settings.models.slots) as engine:
        await engine.warm(info.name)
        with (
            tempfile.TemporaryDirectory(prefix="stenobox-") as scratch,
            tqdm(
                total=0.0,
                unit="s",
                desc="transcribing",
                file=err,
                disable=None,  # no bar where there is no terminal
                bar_format="{desc} {percentage:3.0f}% |{bar}| {n:.0f}/{total:.0f} s [{elapsed}<{remaining}]",
            ) as bar,
        ):
            run = _Run(
                engine,
                info,
                options,
                limits=AudioLimits.of(settings.audio),
                scratch=Path(scratch),
                bar=bar,
                err=err,
            )
            return await run.all(request, out, settings.queue.concurrency)


class _Run:
    """One call of the command."""

    def __init__(
        self,
        engine: Engine,
        info: ModelInfo,
        options: JobOptions,
        *,
        limits: AudioLimits,
        scratch: Path,
        bar: tqdm[None],
        err: TextIO,
    ) -> None:
        self._engine = engine
        self._info = info
        self._options = options
        self._limits = limits
        self._scratch = scratch
        self._bar = bar
        self._err = err

    async def all(self, request: Request, out: IO[bytes], side_by_side: int) -> int:
        """Results are delivered in the order of the call, so that stdout has them in that order too."""
        room = asyncio.Semaphore(side_by_side)
        failed = 0
        async with asyncio.TaskGroup() as group:
            tasks = [
                (file, target, group.create_task(self._attempt(room, number, file)))
                for number, (file, target) in enumerate(request.targets.items())
            ]
            for file, target, task in tasks:
                result = await task
                if isinstance(result, Transcript):
                    problem = await asyncio.to_thread(_deliver, result, file, request.format, target, out)
                else:
                    problem = result
                if problem is not None:
                    failed += 1
                    self._say(f"stenobox: {file}: {problem}")
        return failed

    async def _attempt(self, room: asyncio.Semaphore, number: int, file: Path) -> Transcript | str:
        """The transcript, or why there is none."""
        async with room:
            samples = self._scratch / f"{number}.f32"
            try:
                return await self._transcribe(file, samples)
            except OSError as error:
                return f"{error.strerror}."
            except StenoboxError as error:
                return error.detail
            finally:
                await asyncio.to_thread(samples.unlink, missing_ok=True)

    async def _transcribe(self, file: Path, samples: Path) -> Transcript:
        started = time.monotonic()
        split = self._options.channels == "split"
        parts: list[Part] = []
        channels = 1
        while len(parts) < channels:
            channel = len(parts) + 1 if split else 0
            decoded = await decode(file, samples, self._limits, channel=channel)
            channels = decoded.channels if split else 1
            if not parts:
                for warning in decoded.warnings:
                    self._say(f"stenobox: {file}: {warning}")
                self._bar.total += decoded.seconds * channels
                self._bar.refresh()
            part, loaded = await self._heard(await asyncio.to_thread(open_samples, samples))
            parts.append(part)
        return transcript_of(
            "",
            parts,
            model=loaded,
            options=self._options,
            audio_sha256=await asyncio.to_thread(_sha256, file),
            work_seconds=time.monotonic() - started,
            now=time.time(),
        )

    async def _heard(self, audio: NDArray[np.float32]) -> tuple[Part, LoadedModel | None]:
        """What is in (n,) samples at 16 kHz."""
        ticket = self._engine.transcribe(
            self._info.name, self._info.sha256, audio, engine_options(self._options), None
        )
        try:
            position = 0.0
            async for news in ticket:
                self._bar.update(news[-1].position - position)
                position = news[-1].position
            if ticket.result is None:
                raise RuntimeError("the engine ended without a result")
            return Part.of(ticket.result), ticket.loaded
        except EngineTrouble as trouble:
            if isinstance(trouble.cause, StenoboxError):
                raise trouble.cause from None
            if isinstance(trouble.cause, OptionsError):
                raise wrong_option(trouble.cause, self._options) from None
            raise EngineFailed from trouble
        finally:
            ticket.cancel()

    def _say(self, line: str) -> None:
        """A line beside the bar, not through it."""
        self._bar.write(line, file=self._err)


def _deliver(
    transcript: Transcript, file: Path, format: str, target: Path | None, out: IO[bytes]
) -> str | None:
    """Write the transcript where it goes; returns what is wrong with that place, if anything."""
    content = render(transcript, format, title=file.stem).content
    if target is None:
        out.write(content)
        out.flush()
        return None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_durable(target, content, mode=READABLE)
    except StenoboxError as error:
        return error.detail
    except OSError as error:
        return f"{target} cannot be written: {error.strerror}."
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
