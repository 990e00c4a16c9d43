"""Windows of up to 30 s packed from spans of speech, and the way back from their times to the recording's.

The encoder's work is the same for one second of speech and for thirty, so the fewer windows the better: each
takes as many of the spans that follow as it holds, in order, with what lies between them left out. Taking the
most each time is optimal for spans that are neither divided nor put out of order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from .dims import HOP_LENGTH, SAMPLE_RATE
from .features import Float32Array

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PackedWindow:
    """Pieces of a recording, (start, end) in samples, in order, that are heard as one window."""

    pieces: tuple[Span, ...]

    @property
    def start(self) -> float:
        """Where the first piece begins, in seconds of the recording."""
        return self.pieces[0][0] / SAMPLE_RATE

    @property
    def seek(self) -> int:
        """The first frame (10 ms) in the recording."""
        return self.pieces[0][0] // HOP_LENGTH

    @property
    def n_samples(self) -> int:
        """Length of the pieces together."""
        return sum(end - start for start, end in self.pieces)

    def samples(self, audio: NDArray[np.floating]) -> Float32Array:
        """What is heard, (n_samples,), from the recording's samples."""
        return np.concatenate([audio[start:end] for start, end in self.pieces], dtype=np.float32)

    def span(self, start: float, end: float, margin: float) -> tuple[float, float]:
        """The recording's times, in seconds, of something heard from `start` to `end` of the window.

        Where two pieces meet lies a pause that the window does not have. What reaches over that place by less
        than `margin` seconds, with which the pieces are padded, does not reach into the other piece: it
        begins with the next one, or ends with the one before.
        """
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        padding = margin * SAMPLE_RATE
        for joint in self._joints():
            if first < joint < last:
                if joint - first < padding:
                    first = joint
                elif last - joint < padding:
                    last = joint
        return self._time(first, ends=False), self._time(last, ends=True)

    def span_of_word(self, start: float, end: float) -> tuple[float, float]:
        """The same for a word, which is all in the piece that its middle is in."""
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        for joint in self._joints():
            if first < joint < last:
                if first + last < 2 * joint:
                    last = joint
                else:
                    first = joint
        return self._time(first, ends=False), self._time(last, ends=True)

    def _joints(self) -> list[int]:
        """Where in the window, in samples, one piece ends and the next begins."""
        return list(accumulate(end - start for start, end in self.pieces[:-1]))

    def _time(self, sample: int, *, ends: bool) -> float:
        for start, end in self.pieces:
            length = end - start
            if sample < length or (ends and sample == length):
                return (start + max(sample, 0)) / SAMPLE_RATE
            sample -= length
        return self.pieces[-1][1] / SAMPLE_RATE  # a time after the window's end is its end


def pack(spans: Sequence[Span], longest: int) -> tuple[PackedWindow, ...]:
    """Windows of at most `longest` samples from spans, in order and each no longer than that itself.

    Spans that touch become one piece. Raises ValueError for a span that is too long.
    """
    windows: list[PackedWindow] = []
    pieces: list[Span] = []
    filled = 0
    for start, end in spans:
        length = end - start
        if length > longest:
            raise ValueError(f"a span of {length} samples does not fit a window of {longest}")
        if pieces and filled + length > longest:
            windows.append(PackedWindow(tuple(pieces)))
            pieces, filled = [], 0
        if pieces and pieces[-1][1] == start:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
        filled += length
    if pieces:
        windows.append(PackedWindow(tuple(pieces)))
    return tuple(windows)


def within(spans: Sequence[Span], clips: Sequence[Span]) -> tuple[Span, ...]:
    """The parts of the spans that lie in the clips, in order; both in samples."""
    parts = ((max(start, first), min(end, last)) for start, end in spans for first, last in sorted(clips))
    return tuple(sorted({(start, end) for start, end in parts if start < end}))
