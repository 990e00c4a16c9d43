"""Whisper's log-mel features, and the frames of a window that are worth encoding while training."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from .speech import SAMPLE_RATE

N_FFT = 400
HOP = 160
N_MELS = 80
WINDOW_FRAMES = 3_000
"""Mel frames of a window: 30 s at 100 a second."""
WINDOW_SAMPLES = WINDOW_FRAMES * HOP
WINDOW_POSITIONS = WINDOW_FRAMES // 2
"""Positions the encoder sees: 30 s at 50 a second."""
POSITION_S = 0.02
DYNAMIC_RANGE = 8.0
"""Log10 power below the loudest value of the recording at which the features are cut off."""
QUIETEST = -10.0
"""Log10 power of digital silence."""
PATCH_FRAMES = 5
"""Mel frames that the two convolutions see for one position."""


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log10 mel power, (frames, 80), of samples between -1 and 1, not yet cut off or scaled."""
    padded = np.pad(samples, N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][: len(samples) // HOP]
    power = np.abs(np.fft.rfft(frames * _hann(), axis=1).astype(np.complex64)) ** 2
    return np.asarray(np.log10(np.maximum(power @ mel_filters().T, 10.0**QUIETEST)), np.float32)


def scaled(mel: NDArray[np.float32], loudest: float) -> NDArray[np.float32]:
    """The features as the model gets them, for a recording whose loudest log10 power is ``loudest``."""
    return ((np.maximum(mel, loudest - DYNAMIC_RANGE) + 4.0) / 4.0).astype(np.float32)


def patches(mel: NDArray[np.float32], positions: NDArray[np.int64]) -> NDArray[np.float32]:
    """What the convolutions see at these positions of a window (3000, 80): (len(positions), 5 * 80)."""
    padded = np.pad(mel, ((2, 3), (0, 0)))
    seen: NDArray[np.float32] = padded[2 * positions[:, None] + np.arange(PATCH_FRAMES)]
    return seen.reshape(len(positions), -1)


@functools.cache
def mel_filters() -> NDArray[np.float32]:
    """The mel filter bank, (80, 201): Slaney's scale, every filter of equal area, 0 to 8 kHz."""
    break_hz, break_mel, step = 1000.0, 15.0, np.log(6.4) / 27.0

    def to_mel(hz: float) -> float:
        return hz * 3 / 200 if hz < break_hz else break_mel + float(np.log(hz / break_hz)) / step

    mels = np.linspace(to_mel(0.0), to_mel(SAMPLE_RATE / 2), N_MELS + 2)
    edges = np.where(mels < break_mel, mels * 200 / 3, break_hz * np.exp(step * (mels - break_mel)))
    frequencies = np.linspace(0, SAMPLE_RATE / 2, N_FFT // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return weights.astype(np.float32)


@functools.cache
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
