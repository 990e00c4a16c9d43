"""What a recording is, told by decoding a little of it in the sandbox."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stenobox.audio.limits import AudioLimits
from stenobox.audio.sandbox import Info, ask_child
from stenobox.audio.spawning import Start, spawned
from stenobox.audio.tags import recorded_of, title_of
from stenobox.errors import UndecodableAudio

_NAME = re.compile(r"[A-Za-z0-9_.,+ -]{1,60}")


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """`format` and `codec` in the decoder's words; `duration` in seconds where the header tells it, which may
    be wrong. `tracks` of sound. `title` and `recorded` are the file's tags, see `tags.Tags`. `truncated`: the
    header announces more bytes than there are.
    """

    format: str
    codec: str
    duration: float | None
    sample_rate: int
    channels: int
    tracks: int = 1
    title: str | None = None
    recorded: str | None = None
    truncated: bool = False


async def probe(path: Path, limits: AudioLimits, *, start: Start = spawned) -> AudioInfo:
    """Read the header and decode the first block; `start` says how the child is started.

    Raises EmptyFile, NotAudio, UndecodableAudio, AudioTooLong (by the announced length), DecoderLimit or
    DecoderFailed.
    """
    info = await ask_child("probe", path, None, limits.for_a_look(), start=start)
    if not isinstance(info, Info):
        raise UndecodableAudio(problem="the decoder broke down on it.")
    duration = info.duration if info.duration is not None and 0 < info.duration < 1e9 else None
    return AudioInfo(
        _name(info.format),
        _name(info.codec),
        duration,
        info.sample_rate,
        info.channels,
        info.tracks,
        # Checked once more on this side: the child has been reading hostile bytes.
        title_of(info.title or ""),
        recorded_of(info.recorded or ""),
        info.truncated,
    )


def _name(text: str) -> str:
    return text if _NAME.fullmatch(text) else "unknown"
