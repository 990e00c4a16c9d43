"""Where in a recording somebody speaks: spans of samples, cut at pauses.

A detector gives each chunk of 32 ms a probability; what is a span of speech is decided here, alike for all of
them: by two thresholds (a span begins at the upper one and ends below the lower one), the shortest pause that
ends a span and the longest span allowed. The parameters are those of Silero's `get_speech_timestamps`.
Everything is deterministic: the same samples give the same spans, however they lie in memory.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .dims import SAMPLE_RATE
from .errors import AudioError
from .features import Float32Array, checked
from .runtime import load_graph
from .vad_energy import Energy
from .vad_graph import speech_graph
from .vad_options import VadOptions
from .vad_silero import CHUNK, PACKAGE, Graph, Silero, installed_file, read_network

__all__ = ["Detector", "Detectors", "VadOptions", "detecting", "spans", "speech_spans"]

Span = tuple[int, int]

PIECE: Final = 128 * CHUNK  # samples detected at a time: 4 s of audio, about 4 ms of work


class Detector(Protocol):
    """Detects speech in one recording."""

    def feed(self, samples: Float32Array) -> Float32Array:
        """The next samples, (n * 512,) -> a number for each chunk, (n,)."""
        ...

    def probabilities(self, fed: Float32Array) -> Float32Array:
        """From all the numbers that `feed` answered, each chunk's probability of speech."""
        ...


class Detectors:
    """Makes a detector for each recording; the network is loaded once, when it is first asked for."""

    def __init__(self) -> None:
        self._network: Graph | None = None

    def method(self, options: VadOptions) -> Literal["silero", "energy"]:
        """The method that these options mean on this machine."""
        if options.method == "auto":
            return "energy" if installed_file() is None else "silero"
        return options.method

    def detector(self, method: Literal["silero", "energy"]) -> Detector:
        """A detector for one recording.

        Raises BundleError for Silero's when its package is not installed, BundleHashError when the file in it
        is not the known one.
        """
        if method == "energy":
            return Energy()
        if self._network is None:
            # One sequence at a time has nothing to spread over threads, and nothing to gain on a GPU.
            self._network = load_graph(speech_graph(read_network()), provider="cpu", threads=1, name=PACKAGE)
        return Silero(self._network)


def speech_spans(
    audio: NDArray[np.floating], options: VadOptions | None = None, detectors: Detectors | None = None
) -> tuple[Span, ...]:
    """The spans of speech, (start, end) in samples, in order and not overlapping, of 16 kHz mono audio.

    `audio` (n_samples,) may be a memory map of any length: it is read in pieces, and 4 bytes are kept for
    every 32 ms. Raises AudioError for unusable samples, and what `Detectors.detector` raises.
    """
    options = options or VadOptions()
    detectors = detectors or Detectors()
    course = detecting(audio, detectors.detector(detectors.method(options)))
    while True:
        try:
            next(course)
        except StopIteration as stop:
            return spans(stop.value, len(audio), options)


def detecting(audio: NDArray[np.floating], detector: Detector) -> Generator[None, None, Float32Array]:
    """Yields after every 4 s of audio, and returns the probability of speech of each chunk of 512 samples."""
    checked(audio)
    fed = np.empty(-(-len(audio) // CHUNK), dtype=np.float32)
    for first in range(0, len(audio), PIECE):
        piece = np.asarray(audio[first : first + PIECE], dtype=np.float32)
        if not np.isfinite(piece).all():
            raise AudioError("audio holds samples that are not finite")
        whole = np.pad(piece, (0, -len(piece) % CHUNK))
        chunk = first // CHUNK
        fed[chunk : chunk + len(whole) // CHUNK] = detector.feed(whole)
        yield
    return detector.probabilities(fed)


def spans(probabilities: Float32Array, n_samples: int, options: VadOptions) -> tuple[Span, ...]:
    """Spans of speech from the probabilities of a recording's chunks, as `speech_spans` answers."""
    speaking = _hysteresis(probabilities, options)
    pauses = _Pauses(probabilities, speaking)
    shortest_pause = options.min_silence_duration_ms * SAMPLE_RATE / 1000
    shortest = options.min_speech_duration_ms * SAMPLE_RATE / 1000
    longest = (options.max_speech_duration_s - 2 * options.speech_pad_ms / 1000) * SAMPLE_RATE

    found: list[Span] = []
    for first, last in _runs(speaking):
        if found and (first - found[-1][1]) * CHUNK < shortest_pause:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    kept = [span for span in found if (span[1] - span[0]) * CHUNK >= shortest]
    chunks = [part for span in kept for part in pauses.cut(span, longest / CHUNK)]
    return _padded(
        [(first * CHUNK, min(last * CHUNK, n_samples)) for first, last in chunks], n_samples, options
    )


def _hysteresis(probabilities: Float32Array, options: VadOptions) -> NDArray[np.bool_]:
    """Whether each chunk is speech: from one at the threshold to one below the lower threshold."""
    lower = options.neg_threshold
    if lower is None:
        lower = max(options.threshold - 0.15, min(0.01, options.threshold))
    certain = (probabilities >= options.threshold) | (probabilities < lower)
    # Of every chunk the last certain one before it, or itself; silence before the first.
    last = np.maximum.accumulate(np.where(certain, np.arange(len(probabilities)), -1))
    result: NDArray[np.bool_] = (last >= 0) & (probabilities[last] >= options.threshold)
    return result


def _runs(speaking: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, last + 1) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], speaking, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


class _Pauses:
    """Where a span of speech that is too long is best cut."""

    def __init__(self, probabilities: Float32Array, speaking: NDArray[np.bool_]) -> None:
        self._probabilities = probabilities
        self._speaking = speaking

    def cut(self, span: tuple[int, int], longest: float) -> list[tuple[int, int]]:
        """The span, in chunks, as touching parts none of which is longer than `longest`."""
        parts = []
        first, last = span
        while last - first > longest:
            end = first + int(longest)
            middle = first + max(1, (end - first) // 2)
            # A part may end just after a pause begins and the next begin just before it ends: both are cut
            # at its middle.
            silences = [(b - a, (a + b) // 2) for a, b in _runs(~self._speaking[middle:end])]
            if silences:
                at = middle + max(silences)[1]
            else:
                at = middle + int(self._probabilities[middle:end].argmin())
            parts.append((first, max(at, first + 1)))
            first = parts[-1][1]
        return [*parts, (first, last)]


def _padded(found: list[Span], n_samples: int, options: VadOptions) -> tuple[Span, ...]:
    """The spans with the padding on either side; a pause that is too short for both is shared."""
    pad = options.speech_pad_ms * SAMPLE_RATE // 1000
    result = []
    for index, (start, end) in enumerate(found):
        before = start - found[index - 1][1] if index else None
        after = found[index + 1][0] - end if index + 1 < len(found) else None
        start -= pad if before is None else min(pad, before - before // 2)
        end += pad if after is None else min(pad, after // 2)
        result.append((max(start, 0), min(end, n_samples)))
    return tuple(result)
