"""Speech detection by loudness alone, for a box without Silero's file.

A chunk is speech when it is clearly louder than the background around it. The background is followed by its
minima (after R. Martin, "Noise power spectral density estimation based on optimal smoothing and minimum
statistics", 2001, without the spectrum): in each second the quietest moment, and of the half minute around it
the lower fifth of those. Steady noise, hum and tones are background after that; music, doors and keyboards
are not, and count as speech: this detector finds sound that changes, not voices.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from .features import Float32Array

CHUNK: Final = 512  # samples to a level: 32 ms at 16 kHz

_PER_SECOND: Final = 31  # chunks
_AROUND: Final = 15  # seconds of background on either side
_LOWER: Final = 0.2  # quantile of the seconds' minima that is taken for the background
_QUIETEST_DB: Final = -70.0  # a background below this is no reason to hear speech in a whisper of hiss
_MARGIN_DB: Final = 9.0  # above the background is as likely speech as not
_SLOPE_DB: Final = 2.0  # above the margin makes speech e times likelier
_BAND: Final = slice(5, 128)  # bins of 31 Hz: from 150 Hz, above hum and rumble, to 4 kHz, where voices are
_FLOOR: Final = 1e-10


class Energy:
    """Level of each chunk of one recording, and from all levels the probability of speech."""

    def feed(self, samples: Float32Array) -> Float32Array:
        """The next samples, (n * 512,) at 16 kHz -> (n,) levels in dB: power of the voice's band."""
        # In float64, so that samples far outside -1..1 do not overflow when squared.
        chunks = samples.astype(np.float64).reshape(-1, CHUNK) * np.hanning(CHUNK)
        spectrum = np.fft.rfft(chunks, axis=1)[:, _BAND] / CHUNK
        power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
        levels: Float32Array = (10.0 * np.log10(power + _FLOOR)).astype(np.float32)
        return levels

    def probabilities(self, fed: Float32Array) -> Float32Array:
        """The recording's probabilities (n,), from the levels (n,) of all its chunks."""
        if not len(fed):
            return fed
        margin = fed - _background(fed) - np.float32(_MARGIN_DB)
        result: Float32Array = 1.0 / (1.0 + np.exp(-margin / np.float32(_SLOPE_DB)))
        return result


def _background(levels: Float32Array) -> Float32Array:
    """The background's level under each chunk, (n,) -> (n,)."""
    seconds = -(-len(levels) // _PER_SECOND)
    padded = np.pad(levels, (0, seconds * _PER_SECOND - len(levels)), mode="edge")
    minima = padded.reshape(seconds, _PER_SECOND).min(axis=1)
    # At the ends the half minute is what there is of it, hence NaN for the rest.
    around = np.pad(minima, _AROUND, constant_values=np.nan)
    background = np.empty(seconds, dtype=np.float32)
    for first in range(0, seconds, 1024):  # in pieces: a quantile copies what it is given
        last = min(seconds, first + 1024)
        windows = np.lib.stride_tricks.sliding_window_view(
            around[first : last + 2 * _AROUND], 2 * _AROUND + 1
        )
        background[first:last] = np.nanquantile(windows, _LOWER, axis=1)
    centres = (np.arange(seconds) + 0.5) * _PER_SECOND
    smooth = np.interp(np.arange(len(levels)), centres, background)
    return np.maximum(smooth, _QUIETEST_DB).astype(np.float32)
