"""A recording of any format -> a scratch file of raw samples, in the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stenobox.audio import protocol
from stenobox.audio.limits import AudioLimits
from stenobox.audio.sandbox import Done, ask_child
from stenobox.audio.spawning import Start, spawned
from stenobox.errors import UndecodableAudio
from stenobox.shielding import finish


@dataclass(frozen=True, slots=True)
class Decoded:
    """How much sound there is, and what is missing from it (sentences for the person who sent it). `channels`
    that the recording has, whichever of them was decoded.

    `walls` names what the decoder was kept in, for a person who checks the box.
    """

    samples: int
    channels: int = 1
    sample_rate: int = protocol.SAMPLE_RATE
    warnings: tuple[str, ...] = ()
    walls: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


async def decode(
    source: Path,
    out: Path,
    limits: AudioLimits,
    on_progress: Callable[[float], None] | None = None,
    *,
    track: int = 0,
    channel: int = 0,
    start: Start = spawned,
) -> Decoded:
    """Write `out`: raw little-endian float32, 16 kHz, mono, in [-1, 1]; memory stays bounded whatever the
    length.

    A recording that breaks off or has damaged parts gives what can be decoded, and a warning that says so.
    `track` counts the tracks of sound from 1; 0 takes the main one. `channel` counts from 1; 0 mixes all.
    `on_progress` is told the position reached in seconds; `start` says how the child is started. On any
    error, and on cancellation, the child is killed and `out` is gone.

    Raises EmptyFile, NotAudio, UndecodableAudio, AudioTooLong, DecoderLimit, DiskFull or DecoderFailed.
    """
    try:
        done = await ask_child(
            "decode", source, out, limits, on_progress, track=track, channel=channel, start=start
        )
        size = (await asyncio.to_thread(out.stat)).st_size
        if (
            not isinstance(done, Done)
            or done.samples <= 0
            or size != done.samples * protocol.BYTES_PER_SAMPLE
        ):
            raise UndecodableAudio(problem=protocol.PROBLEMS["crashed"])
    except BaseException:
        await finish(asyncio.to_thread(out.unlink, missing_ok=True))
        raise
    known = (protocol.WARNINGS[key] for key in done.warnings if key in protocol.WARNINGS)
    walls = (protocol.WALLS[key] for key in done.walls if key in protocol.WALLS)
    # Believed no further than is harmless: each one more is a decoding more.
    channels = max(1, min(done.channels, protocol.MAX_CHANNELS))
    return Decoded(samples=done.samples, channels=channels, warnings=tuple(known), walls=tuple(walls))


def open_samples(path: Path) -> np.memmap[tuple[int], np.dtype[np.float32]]:
    """The samples that `decode` wrote, (n,) float32, read from the file as they are used."""
    return np.memmap(path, dtype="<f4", mode="r")
