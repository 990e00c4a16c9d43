"""The parts of a recording that are transcribed: openai-whisper's `clip_timestamps`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .dims import FRAMES_PER_SECOND

__all__ = ["clip_points", "seek_clips"]


def clip_points(value: str | Sequence[float]) -> tuple[float, ...]:
    """`clip_timestamps` as seconds: start, end, start, end, ... Raises ValueError for anything else."""
    if isinstance(value, str):
        points = [float(part) for part in value.split(",")] if value.strip() else []
    elif any(isinstance(point, bool) or not isinstance(point, int | float) for point in value):
        raise ValueError("a time is not a number")
    else:
        points = [float(point) for point in value]
    if not all(math.isfinite(point) and point >= 0 for point in points):
        raise ValueError("a time is negative or not finite")
    return tuple(points)


def seek_clips(points: Sequence[float], content_frames: int) -> tuple[tuple[int, int], ...]:
    """(first frame, frame after the last) of each clip; the last one's end defaults to the recording's.

    Clips are taken in the order given. A clip's end beyond the recording is the recording's end
    (openai-whisper decodes emptiness there, in the worst case for ever); a clip may have no frame left.
    """
    frames = [round(point * FRAMES_PER_SECOND) for point in points] or [0]
    if len(frames) % 2:
        frames.append(content_frames)
    return tuple(
        (start, min(end, content_frames)) for start, end in zip(frames[::2], frames[1::2], strict=True)
    )
