"""A waveform to look at: the lowest and the highest sample of each stretch of a recording.

The child measures while it decodes, in bounded memory whatever the length: when twice MOST stretches are
full, two and two become one, and all are twice as long from then on. The file that it writes is the form in
which the waveform is kept:

    8 bytes   MAGIC
    8 bytes   samples of the recording at 16 kHz, unsigned, little-endian
    n pairs   lowest and highest of a stretch, int8, -127 for -1 to 127 for 1

A stretch has 2^k samples, with the smallest k that makes at most MOST of them; the last may be shorter.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAGIC = b"STNPEAK1"
MOST = 8_192
HEADER = struct.Struct("<8sQ")
FULL_SCALE = 127

Pairs = NDArray[np.int8]
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Peaks:
    """`pairs`: (n, 2), lowest and highest of each stretch of `stretch` samples at 16 kHz."""

    samples: int
    stretch: int
    pairs: Pairs

    def coarser(self, points: int) -> Peaks:
        """The same in at most `points` stretches, each a whole number of these."""
        group = -(-len(self.pairs) // points)
        if group <= 1:
            return self
        starts = np.arange(0, len(self.pairs), group)
        low = np.minimum.reduceat(self.pairs[:, 0], starts)
        high = np.maximum.reduceat(self.pairs[:, 1], starts)
        return Peaks(self.samples, self.stretch * group, np.stack([low, high], axis=1))


class PeakMeter:
    """Takes the samples of a recording block by block, (n,) float32 in [-1, 1]."""

    def __init__(self) -> None:
        self._stretch = 1
        self._done: list[NDArray[np.float32]] = []
        self._count = 0
        self._rest: Samples = np.empty(0, np.float32)
        self._samples = 0

    def push(self, samples: Samples) -> None:
        self._samples += len(samples)
        waiting = np.concatenate([self._rest, samples])
        while len(waiting) >= self._stretch:
            # No more than what is full at this length of a stretch: then it doubles.
            count = min(len(waiting) // self._stretch, 2 * MOST - self._count)
            taken = waiting[: count * self._stretch].reshape(count, self._stretch)
            self._done.append(np.stack([taken.min(axis=1), taken.max(axis=1)], axis=1))
            self._count += count
            waiting = waiting[count * self._stretch :]
            if self._count == 2 * MOST:
                self._halve()
        self._rest = waiting.copy()

    def _halve(self) -> None:
        done = np.concatenate(self._done)
        paired = done.reshape(-1, 2, 2)
        self._done = [np.stack([paired[:, :, 0].min(axis=1), paired[:, :, 1].max(axis=1)], axis=1)]
        self._count //= 2
        self._stretch *= 2

    def finish(self) -> bytes:
        """The file of all that was pushed."""
        if len(self._rest):
            self._done.append(np.array([[self._rest.min(), self._rest.max()]], np.float32))
            self._count += 1
        while self._count > MOST:
            if self._count % 2:  # the last one is alone
                last = self._done[-1][-1:]
                self._done.append(last)
                self._count += 1
            self._halve()
        done = np.concatenate(self._done) if self._done else np.empty((0, 2), np.float32)
        pairs = np.rint(done * FULL_SCALE).astype(np.int8)
        return HEADER.pack(MAGIC, self._samples) + pairs.tobytes()


def stretch_of(samples: int) -> int:
    """How many samples a stretch has in a recording of so many."""
    stretch = 1
    while -(-samples // stretch) > MOST:
        stretch *= 2
    return stretch


def read_peaks(data: bytes) -> Peaks:
    """The waveform in a file. Raises ValueError for anything else: the child has read hostile bytes."""
    if len(data) < HEADER.size:
        raise ValueError("a waveform has a header")
    magic, samples = HEADER.unpack_from(data)
    stretch = stretch_of(samples) if 0 < samples < 2**48 else 0
    if magic != MAGIC or not stretch or len(data) != HEADER.size + 2 * -(-samples // stretch):
        raise ValueError("not a waveform, or not all of it")
    return Peaks(samples, stretch, np.frombuffer(data, np.int8, offset=HEADER.size).reshape(-1, 2))
