"""A recording longer than several windows, put together from the clips of data/speech.

The recorder and the tests both make it, so it needs no file. It has what word times depend on: sentences that
follow at once, pauses shorter and longer than a window, noise without speech, and an end in the middle.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
# Names of clips, seconds of silence, and ("noise", seconds).
PARTS: tuple[str | float | tuple[str, float], ...] = (
    1.5,
    "sentence-1",
    "passage-12s",
    7.0,
    "digits-1",
    ("noise", 9.0),
    "sentence-2",
    0.4,
    "passage-40s",
    38.0,
    "sentence-3",
    ("noise", 14.0),
    "flite-sentence",
    4.0,
    "digits-1",
    11.0,
)


def long_recording(folder: Path) -> NDArray[np.float32]:
    """The recording, (n,) float32 at 16 kHz; `folder` holds the clips."""
    random = np.random.default_rng(3)
    pieces = []
    for part in PARTS:
        match part:
            case str():
                samples, rate = soundfile.read(folder / f"{part}.flac", dtype="float32")
                assert rate == RATE
                pieces.append(samples)
            case ("noise", seconds):
                # In steps of 16-bit audio, so that no rounding of a machine shows.
                steps = random.integers(-200, 201, round(seconds * RATE))
                pieces.append((steps / 32768).astype(np.float32))
            case _:
                pieces.append(np.zeros(round(part * RATE), np.float32))
    return np.concatenate(pieces)
