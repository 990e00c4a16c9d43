"""A recording of any format -> its waveform, in the sandbox."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stenobox.audio import protocol
from stenobox.audio.limits import AudioLimits
from stenobox.audio.peaks import read_peaks
from stenobox.audio.sandbox import Done, ask_child
from stenobox.audio.spawning import Start, spawned
from stenobox.errors import UndecodableAudio
from stenobox.shielding import finish


async def waveform(source: Path, scratch: Path, limits: AudioLimits, *, start: Start = spawned) -> bytes:
    """The waveform as `peaks.read_peaks` reads it; at most some 16 KiB. `scratch` is a file that may be
    written meanwhile, and is gone afterwards; `start` says how the child is started.

    Raises EmptyFile, NotAudio, UndecodableAudio, AudioTooLong, DecoderLimit, DiskFull or DecoderFailed;
    FileNotFoundError when the recording is not there.
    """
    try:
        done = await ask_child("peaks", source, scratch, limits, start=start)
        data = await asyncio.to_thread(scratch.read_bytes)
        if not isinstance(done, Done) or read_peaks(data).samples != done.samples:
            raise UndecodableAudio(problem=protocol.PROBLEMS["crashed"])
    except ValueError:
        raise UndecodableAudio(problem=protocol.PROBLEMS["crashed"]) from None
    finally:
        await finish(asyncio.to_thread(scratch.unlink, missing_ok=True))
    return data
