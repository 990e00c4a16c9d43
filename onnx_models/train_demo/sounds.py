"""Sounds that are not speech: noise, mains hum, tones, keypad signals, clicks, and the echo of a room."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .speech import SAMPLE_RATE

Samples = NDArray[np.float32]

_KEYPAD_ROWS = (697, 770, 852, 941)
_KEYPAD_COLUMNS = (1209, 1336, 1477, 1633)
_BANK_S = 40


class Sounds:
    """Makes sounds of any length with a peak or deviation near 1.  Noise is cut from a bank made once."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._bank = [
            _coloured_noise(rng, _BANK_S * SAMPLE_RATE, slope) for slope in (0, 0.15, 0.3, 0.45, 0.6, 0.9)
        ]

    def noise(self, length: int) -> Samples:
        """White to brown noise of deviation 1."""
        bank = self._bank[self._rng.integers(len(self._bank))]
        start = self._rng.integers(len(bank) - length)
        return bank[start : start + length].copy()

    def disturbance(self, length: int) -> Samples:
        """Any one sound that is not speech, with a peak of 1."""
        make = (self._hum, self._tones, self._tones, self._keypad, self._clicks, self._sweep, self.noise)
        weights = (0.26, 0.16, 0.12, 0.12, 0.1, 0.08, 0.16)
        sound = make[self._rng.choice(len(make), p=weights)](length)
        return np.asarray(sound / (np.abs(sound).max() + 1e-9), np.float32)

    def echo(self, samples: Samples) -> Samples:
        """The samples in a small to middling room, with the same peak."""
        length = int(SAMPLE_RATE * self._rng.uniform(0.05, 0.3))
        response = self._rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5))
        response[0] = np.abs(response).sum() * self._rng.uniform(0.1, 0.5)
        size = 1 << (len(samples) + length - 1).bit_length()
        wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples)]
        return np.asarray(wet * (np.abs(samples).max() / (np.abs(wet).max() + 1e-9)), np.float32)

    def _hum(self, length: int) -> Samples:
        base = self._rng.choice((50.0, 60.0, 100.0, 120.0)) * self._rng.uniform(0.998, 1.002)
        harmonics = int(self._rng.choice((1, 1, 2, 4, 8, 20)))
        levels = self._rng.uniform(0.05, 1.0, harmonics) / np.arange(1, harmonics + 1) ** self._rng.uniform(
            0, 1.5
        )
        levels[0] = 1.0 if self._rng.random() < 0.7 else levels[0]
        return self._sines(length, base * np.arange(1, harmonics + 1), levels)

    def _tones(self, length: int) -> Samples:
        count = int(self._rng.choice((1, 1, 1, 2, 3)))
        sound = self._sines(
            length, np.exp(self._rng.uniform(np.log(80), np.log(7000), count)), np.ones(count)
        )
        return sound * self._gate(length) if self._rng.random() < 0.35 else sound

    def _keypad(self, length: int) -> Samples:
        sound = np.zeros(length, np.float32)
        on = int(SAMPLE_RATE * self._rng.uniform(0.05, 0.25))
        off = int(SAMPLE_RATE * self._rng.uniform(0.04, 0.4))
        for start in range(int(self._rng.integers(off)), length - on, on + off):
            pair = np.array([self._rng.choice(_KEYPAD_ROWS), self._rng.choice(_KEYPAD_COLUMNS)], float)
            sound[start : start + on] = self._sines(on, pair, np.ones(2))
        return sound

    def _clicks(self, length: int) -> Samples:
        sound = np.zeros(length, np.float32)
        for start in self._rng.integers(
            0, length, max(1, int(length / SAMPLE_RATE * self._rng.uniform(0.2, 6)))
        ):
            size = min(length - start, int(SAMPLE_RATE * self._rng.uniform(0.001, 0.03)))
            decay = np.exp(-np.arange(size) / (size / 5 + 1))
            sound[start : start + size] += (self._rng.standard_normal(size) * decay).astype(np.float32)
        return sound

    def _sweep(self, length: int) -> Samples:
        low, high = self._rng.uniform(60, 6000, 2)
        phases = 2 * np.pi * np.cumsum(np.linspace(low, high, length)) / SAMPLE_RATE
        return np.sin(phases).astype(np.float32)

    def _sines(self, length: int, frequencies: NDArray[np.floating], levels: NDArray[np.floating]) -> Samples:
        times = np.arange(length) * (2 * np.pi / SAMPLE_RATE)
        phases = self._rng.uniform(0, 2 * np.pi, len(frequencies))
        sines = [
            level * np.sin(times * f + p) for f, level, p in zip(frequencies, levels, phases, strict=True)
        ]
        return np.asarray(np.sum(sines, axis=0), np.float32)

    def _gate(self, length: int) -> Samples:
        """On and off by turns, as a beep is."""
        period = SAMPLE_RATE * self._rng.uniform(0.2, 3.0)
        on = period * self._rng.uniform(0.1, 0.8)
        return np.asarray((np.arange(length) % period) < on, np.float32)


def _coloured_noise(rng: np.random.Generator, length: int, slope: float) -> Samples:
    """Noise whose amplitude falls with the frequency to the power ``slope``, of deviation 1."""
    spectrum = np.fft.rfft(rng.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1.0) ** slope
    noise = np.fft.irfft(spectrum, length)
    return np.asarray(noise / noise.std(), np.float32)
