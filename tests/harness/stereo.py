"""Recordings with a voice on each channel, as of a call."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import soundfile

from .talk import RATE, talk


def stereo(*channels: np.ndarray) -> bytes:
    """A WAV file of (n,) int16 channels."""
    out = BytesIO()
    soundfile.write(out, np.stack(channels, axis=1), RATE, format="WAV", subtype="PCM_16")
    return out.getvalue()


def call_of(*sentences: str) -> bytes:
    """A WAV file in which each sentence is said on a channel of its own, one after the other."""
    said = [soundfile.read(BytesIO(talk(sentence).wav), dtype="int16")[0] for sentence in sentences]
    length = sum(map(len, said))
    channels, position = [], 0
    for samples in said:
        channels.append(np.pad(samples, (position, length - position - len(samples))))
        position += len(samples)
    return stereo(*channels)
