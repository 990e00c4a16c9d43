"""Batches of training windows: only the positions worth encoding, with weights for those left out.

Most of a window is silence, in which neighbouring positions look alike.  A batch therefore holds every
position near speech and only some of the others; each of those stands for several, which the attention
learns from the logarithm of that number.  Encoding a clip so costs a fifth of the whole window, at nearly
the same result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from .corpus import Corpus
from .features import N_MELS, PATCH_FRAMES, POSITION_S, WINDOW_POSITIONS, patches
from .targets import IGNORED, Span, TargetMaker, TargetOptions, Targets, token_spans
from .vocabulary import ReducedVocabulary
from .windows import Composer, Mix, Spoken, Window

NEAR_SPEECH_S = 0.25
ABSENT = -1e4
"""Log weight of the padding of a batch."""
POOL = 48
"""Windows drawn at once and then sorted by length, so that batches pad little."""


@dataclass(frozen=True)
class BatchOptions:
    """What a stage's batches hold.

    ``passages`` is the share of windows that are passages, ``work`` how much a batch may cost to train on, so
    that all cost alike (in positions without attention), and the strides say how many positions of silence
    one stands for.
    """

    passages: float = 0.0
    work: int = 5_500
    clip_stride: int = 32
    passage_stride: int = 6
    mix: Mix = field(default_factory=Mix)
    targets: TargetOptions = field(default_factory=TargetOptions)


@dataclass(frozen=True)
class Batch:
    """B windows of K kept positions and U tokens.  Spans are [first, last) of the K, -1 for none."""

    patches: Tensor
    """(B, K, 400) features."""
    positions: Tensor
    """(B, K) place of each kept position in the window, 0-1499."""
    log_weights: Tensor
    """(B, K) log of how many positions each stands for."""
    inputs: Tensor
    """(B, U) reduced tokens."""
    labels: Tensor
    """(B, U) reduced tokens or IGNORED."""
    input_spans: Tensor
    """(B, U, 2) where the input token is heard."""
    label_spans: Tensor
    """(B, U, 2) where the token to predict is heard."""
    phones: Tensor
    """(B, K) phone spoken at the position: 0 for silence, IGNORED where unknown."""
    words: Tensor
    """(B, K) text token spoken at the position, plus 1: 0 for silence, IGNORED where unknown."""


@dataclass(frozen=True)
class _Example:
    positions: NDArray[np.int64]
    log_weights: NDArray[np.float32]
    patches: NDArray[np.float32]
    phones: NDArray[np.int64]
    words: NDArray[np.int64]
    targets: Targets


class Batches(IterableDataset[Batch]):
    """Endless batches of a stage; equal seeds give equal batches."""

    def __init__(self, folder: Path, options: BatchOptions, seed: int) -> None:
        self._folder, self._options, self._seed = folder, options, seed

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        rng = np.random.default_rng(self._seed)
        vocabulary = ReducedVocabulary()
        composer = Composer(Corpus(self._folder), self._options.mix, rng)
        maker = TargetMaker(vocabulary, composer, self._options.targets, rng)
        while True:
            # Clips and passages are pooled together: a batch then mixes them wherever their lengths meet.
            pool = [self._example(composer, maker, vocabulary, rng) for _ in range(POOL)]
            pool.sort(key=lambda example: len(example.positions))
            groups: list[list[_Example]] = [[]]
            for example in pool:
                if groups[-1] and (len(groups[-1]) + 1) * _work(len(example.positions)) > self._options.work:
                    groups.append([])
                groups[-1].append(example)
            for index in rng.permutation(len(groups)):
                yield _collate(groups[index])

    def _example(
        self, composer: Composer, maker: TargetMaker, vocabulary: ReducedVocabulary, rng: np.random.Generator
    ) -> _Example:
        passage = rng.random() < self._options.passages
        window = composer.passage() if passage else composer.clip()
        stride = self._options.passage_stride if passage else self._options.clip_stride
        positions, log_weights = _kept(window, stride, rng)
        heard = window.spoken if window.cut_off is None else (*window.spoken, window.cut_off)
        phones, words = _frame_labels(vocabulary, heard)
        return _Example(
            positions,
            log_weights,
            patches(window.mel, positions),
            phones[positions],
            words[positions],
            maker.make(window),
        )


def _kept(
    window: Window, stride: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The positions to encode, in order, and the logarithm of how many each stands for."""
    near = np.zeros(WINDOW_POSITIONS, bool)
    for spoken in (*window.spoken, *([window.cut_off] if window.cut_off else [])):
        first = max(0, int((spoken.start - NEAR_SPEECH_S) / POSITION_S))
        near[first : int((spoken.end + NEAR_SPEECH_S) / POSITION_S) + 1] = True
    # The edges of the recording are kept too: they look like nothing else.
    for edge in (0, window.content[0] // 2, window.content[1] // 2):
        near[max(0, edge - 5) : edge + 6] = True
    sparse = np.zeros(WINDOW_POSITIONS, bool)
    sparse[rng.integers(stride) :: stride] = True
    kept = np.flatnonzero(near | sparse)
    weights = np.where(near[kept], 0.0, np.log(max(1, (~near).sum()) / max(1, (sparse & ~near).sum())))
    return kept, weights.astype(np.float32)


def _frame_labels(
    vocabulary: ReducedVocabulary, heard: tuple[Spoken, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The phone and the text token (plus 1) at every position of the window."""
    phones = np.zeros(WINDOW_POSITIONS, np.int64)
    words = np.zeros(WINDOW_POSITIONS, np.int64)
    for spoken in heard:
        starts = np.round(spoken.phone_starts / POSITION_S).astype(int)
        end = round(spoken.end / POSITION_S)
        for first, last, phone in zip(starts, np.append(starts[1:], end), spoken.phones, strict=True):
            phones[first:last] = phone
        for index, (first_s, last_s) in token_spans(vocabulary, spoken):
            words[round(first_s / POSITION_S) : round(last_s / POSITION_S)] = index + 1
    return phones, words


def _work(positions: int) -> float:
    """The time to train on a window: with 900 positions attention takes as long as the rest (measured)."""
    return positions * (1 + positions / 900)


def _collate(examples: list[_Example]) -> Batch:
    size = len(examples)
    n_positions = max(len(example.positions) for example in examples)
    n_tokens = max(len(example.targets.inputs) for example in examples)
    features = np.zeros((size, n_positions, PATCH_FRAMES * N_MELS), np.float32)
    positions = np.zeros((size, n_positions), np.int64)
    log_weights = np.full((size, n_positions), ABSENT, np.float32)
    phones = np.full((size, n_positions), IGNORED, np.int64)
    words = np.full((size, n_positions), IGNORED, np.int64)
    inputs = np.zeros((size, n_tokens), np.int64)
    labels = np.full((size, n_tokens), IGNORED, np.int64)
    spans = np.full((2, size, n_tokens, 2), -1, np.int64)
    for row, example in enumerate(examples):
        kept, targets = len(example.positions), example.targets
        features[row, :kept] = example.patches
        positions[row, :kept] = example.positions
        log_weights[row, :kept] = example.log_weights
        phones[row, :kept] = example.phones
        words[row, :kept] = example.words
        inputs[row, : len(targets.inputs)] = targets.inputs
        labels[row, : len(targets.labels)] = targets.labels
        _place_spans(spans[0, row], targets.input_spans, example.positions)
        _place_spans(spans[1, row], targets.label_spans, example.positions)
    arrays = (features, positions, log_weights, inputs, labels, spans[0], spans[1], phones, words)
    return Batch(*(torch.from_numpy(array) for array in arrays))


def _place_spans(out: NDArray[np.int64], spans: dict[int, Span], positions: NDArray[np.int64]) -> None:
    """Writes the times of tokens as ranges among the kept positions."""
    for place, (start, end) in spans.items():
        first, last = np.searchsorted(positions, (start / POSITION_S, end / POSITION_S + 1))
        if last > first:
            out[place] = first, last
