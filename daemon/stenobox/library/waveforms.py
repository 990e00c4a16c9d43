"""Waveforms: measured once in the sandbox, kept beside the bytes, made coarser as they are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from stenobox.audio.peaks import Peaks, read_peaks
from stenobox.audio.protocol import SAMPLE_RATE
from stenobox.errors import AudioRemoved, DiskFull, NotFound
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.types import Recording

MAX_POINTS = 4_096
AT_ONCE = 2
"""Recordings that are measured at the same time: each is decoded from beginning to end, in a process of its
own.
"""

Measure = Callable[[Path, Path], Awaitable[bytes]]
"""From a recording, with a scratch file, to what `peaks.read_peaks` reads; see `audio.waveform`."""


@dataclass(frozen=True, slots=True)
class Waveform:
    """`data`: lowest and highest in turn, -127 to 127, of each stretch of `samples_per_pixel` samples."""

    sample_rate: int
    samples_per_pixel: int
    length: int
    data: tuple[int, ...]


class Waveforms:
    """Waveforms of recordings that are there."""

    def __init__(self, layout: Layout, recordings: Recordings, measure: Measure) -> None:
        self._layout = layout
        self._recordings = recordings
        self._measure = measure
        self._measuring = asyncio.Semaphore(AT_ONCE)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def get(self, recording: Recording, points: int) -> Waveform:
        """At most `points` (1 to MAX_POINTS) stretches. The first time takes as long as decoding does.

        Raises AudioRemoved, NotFound when it was deleted meanwhile, and what `audio.waveform` raises.
        """
        if recording.audio_removed_at is not None:
            raise AudioRemoved
        lock = self._locks.setdefault(recording.sha256, asyncio.Lock())
        async with lock:  # Who comes second finds it kept.
            data = await asyncio.to_thread(_kept, self._layout.peaks_file(recording.sha256))
            if data is None:
                data = await self._made(recording)
        return await asyncio.to_thread(_waveform, data, points)

    async def _made(self, recording: Recording) -> bytes:
        scratch = self._layout.scratch / f"{secrets.token_hex(16)}.peaks"
        async with self._measuring:
            try:
                data = await self._measure(self._recordings.path(recording), scratch)
            except FileNotFoundError:
                raise NotFound(what="recording") from None
        # It can be made again; what counts is the answer.
        with contextlib.suppress(DiskFull):
            await self._recordings.keep_waveform(recording.sha256, data)
        return data


def _kept(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
        read_peaks(data)
    except (FileNotFoundError, ValueError):
        return None
    return data


def _waveform(data: bytes, points: int) -> Waveform:
    peaks: Peaks = read_peaks(data).coarser(points)
    return Waveform(SAMPLE_RATE, peaks.stretch, len(peaks.pairs), tuple(peaks.pairs.ravel().tolist()))
