"""Blocks of samples of any rate and channel count -> float32 mono at 16 kHz, one block at a time.

libswresample does the resampling (through PyAV): its default polyphase filter is within 2e-5 of the exact
values for a tone in the speech band, and it keeps the start of the recording at time 0.
"""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from stenobox.audio.protocol import SAMPLE_RATE

Samples = NDArray[np.float32]


def to_mono(block: Samples, channel: int = 0) -> tuple[Samples, int]:
    """(n, channels) -> (n,), the mean of the channels, and how many values were no numbers.

    `channel` counts from 1 and takes that one alone: silence where a recording has fewer for a while.

    Values that are not finite become silence, so that a few damaged samples do not cost the recording (and
    cannot spread through the filter); the rest is clipped to [-1, 1], as the 16-bit path of openai-whisper's
    ffmpeg call does.
    """
    if channel:
        there = channel <= block.shape[1]
        block = block[:, channel - 1 : channel] if there else np.zeros((len(block), 1), np.float32)
    finite = np.isfinite(block)
    bad = int(block.size - np.count_nonzero(finite))
    if bad:
        block = np.where(finite, block, np.float32(0))
    clipped = np.clip(block, -1.0, 1.0)
    mono: Samples = clipped[:, 0] if clipped.shape[1] == 1 else clipped.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono, dtype="<f4"), bad


class Resampler:
    """Streams mono blocks to 16 kHz. The input rate may change between blocks, as it does in joined
    broadcasts.
    """

    def __init__(self) -> None:
        self._rate = SAMPLE_RATE
        self._swr: av.AudioResampler | None = None

    def push(self, mono: Samples, rate: int) -> list[Samples]:
        """Samples at 16 kHz that are ready after this block."""
        ready: list[Samples] = []
        if rate != self._rate:
            ready += self.flush()
            self._rate = rate
            if rate != SAMPLE_RATE:
                self._swr = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        if self._swr is None:
            return [*ready, mono]
        frame = av.AudioFrame.from_ndarray(mono[np.newaxis, :], format="flt", layout="mono")
        frame.sample_rate = rate
        return ready + self._drain(self._swr, frame)

    def flush(self) -> list[Samples]:
        """What the filter still holds; the resampler may be used again afterwards."""
        ready = [] if self._swr is None else self._drain(self._swr, None)
        self._swr, self._rate = None, SAMPLE_RATE
        return ready

    @staticmethod
    def _drain(swr: av.AudioResampler, frame: av.AudioFrame | None) -> list[Samples]:
        # The filter rings a little beyond full scale.
        return [np.clip(out.to_ndarray()[0], -1.0, 1.0).astype("<f4") for out in swr.resample(frame)]
