"""When each word of a window is spoken, from where the decoder looked while it read the text.

The method is that of openai-whisper's `timing.py`: the finished text is given to the decoder once more; the
cross-attention of the heads that follow the audio (the alignment heads) is normalised, smoothed and averaged
into one matrix of tokens by positions; and the cheapest monotonic path through it (dynamic time warping,
Sakoe and Chiba 1978) says when each token begins. Positions are those of the encoder, 20 ms each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .dims import TOKENS_PER_SECOND
from .tokenizer import Tokenizer

__all__ = ["WordTiming", "alignment_matrix", "alignment_tokens", "dtw", "median_filter", "word_timings"]

Float32Array = NDArray[np.float32]

MEDIAN_WIDTH: Final = 7  # positions: 0.14 s

# A sorting network's exchanges that bring the median of seven to the middle (N. Devillard, "Fast median
# search", 1998): each pair leaves its smaller value in the first place.
_MEDIAN_OF_7: Final = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)
_ROWS: Final = 32  # filtered at once: the temporary arrays stay in the core's cache


@dataclass(slots=True)
class WordTiming:
    """A word of a window while its times are being found: seconds from the window's start."""

    word: str
    tokens: list[int]
    start: float
    end: float
    probability: float  # mean over its tokens


def alignment_tokens(tokenizer: Tokenizer, text_tokens: Sequence[int], n_text_ctx: int) -> tuple[int, ...]:
    """What the decoder is given to align a text: its start sequence, the text, the end.

    A text that leaves no room for these (only a raised `sample_len` makes one) is cut at its end.
    """
    start = tokenizer.sot_sequence_including_notimestamps
    return (*start, *text_tokens[: n_text_ctx - len(start) - 1], tokenizer.eot)


def word_timings(
    tokenizer: Tokenizer, text_tokens: Sequence[int], attention: Float32Array, logits: Float32Array
) -> list[WordTiming]:
    """The words of a window's text, with their times and probabilities.

    `attention`, (heads, S, positions), is that of a decoder run on the S `alignment_tokens`; `logits`, (text
    tokens among those, n_vocab), are those of the same run that predict each of them, and are overwritten.
    Punctuation is left apart. openai-whisper's `find_alignment`.
    """
    start = len(tokenizer.sot_sequence)
    aligned = list(text_tokens[: attention.shape[1] - start - 2])
    if not aligned:
        return []
    words, groups = tokenizer.split_to_word_tokens([*aligned, tokenizer.eot])
    if len(groups) <= 1:
        return []  # the end was taken into the only one
    probabilities = _probabilities(logits[: len(aligned), : tokenizer.eot], aligned)
    tokens, positions = dtw(-alignment_matrix(attention)[start:-1].astype(np.float64))
    # Where the path first comes to each token.
    first = np.flatnonzero(np.diff(tokens, prepend=tokens[0] - 1))
    times = positions[first] / TOKENS_PER_SECOND

    bounds = np.cumsum([0, *(len(group) for group in groups[:-1])]).tolist()
    timings = [
        WordTiming(word, group, float(times[i]), float(times[j]), float(np.mean(probabilities[i:j])))
        for word, group, i, j in zip(words, groups, bounds, bounds[1:], strict=False)
    ]
    rest = list(text_tokens[len(aligned) :])
    timings[-1].word += tokenizer.decode(rest)
    timings[-1].tokens += rest
    return timings


def _probabilities(logits: Float32Array, tokens: Sequence[int]) -> Float32Array:
    """Probability of each row's token among the ordinary ones, whose logits are given."""
    logits -= logits.max(axis=1, keepdims=True)
    np.exp(logits, out=logits)
    chosen = np.take_along_axis(logits, np.asarray(tokens)[:, np.newaxis], axis=1)[:, 0]
    result: Float32Array = chosen / logits.sum(axis=1)
    return result


def alignment_matrix(attention: Float32Array) -> Float32Array:
    """One matrix of many heads: (heads, S, positions) attention weights -> (S, positions).

    Every head's weights are brought to mean 0 and deviation 1 over the tokens, so that a position that all of
    them look at tells them apart no more; then smoothed in time, and averaged.
    """
    total = np.zeros(attention.shape[1:], dtype=np.float32)
    # A position with equal weights for all tokens becomes NaN, as in openai-whisper; `dtw` copes with it.
    with np.errstate(invalid="ignore", divide="ignore"):
        for head in attention:
            mean = head.mean(axis=0, dtype=np.float64)
            deviation = np.sqrt(np.square(head - mean).mean(axis=0)).astype(np.float32)
            total += median_filter((head - mean.astype(np.float32)) / deviation)
    total /= np.float32(len(attention))
    return total


def median_filter(values: Float32Array) -> Float32Array:
    """Running median of width 7 along the last axis of (rows, n), mirrored at both ends.

    NaN counts as the largest value. Rows of three values or fewer, too short to be mirrored, stay the same.
    """
    half = MEDIAN_WIDTH // 2
    n = values.shape[1]
    if n <= half:
        return values
    result = np.empty_like(values)
    for row in range(0, len(values), _ROWS):
        padded = np.pad(values[row : row + _ROWS], ((0, 0), (half, half)), mode="reflect")
        missing = np.isnan(padded)
        padded[missing] = np.inf
        taps = [padded[:, i : i + n] for i in range(MEDIAN_WIDTH)]
        for low, high in _MEDIAN_OF_7:
            taps[low], taps[high] = np.minimum(taps[low], taps[high]), np.maximum(taps[low], taps[high])
        result[row : row + _ROWS] = taps[half]
        if missing.any():
            result[row : row + _ROWS][taps[half] == np.inf] = np.nan
    return result


def dtw(costs: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The cheapest path from the first cell to the last that moves on by a row, a column or both.

    `costs`: (rows, columns); the answer: the row and the column of each cell of the path. openai-whisper's
    `dtw`, with its choices between equal costs, so that both find the same path.
    """
    rows, columns = costs.shape
    # Cell (i, j) is kept at [i + j, i]: what one cell needs then lies on the two lines before it, and a whole
    # line is computed at once. Line and column 0 are the border.
    skewed = np.full((rows + columns + 1, rows + 1), np.inf)
    item = skewed.itemsize
    diagonals = np.lib.stride_tricks.as_strided(
        skewed[2:, 1:], costs.shape, ((rows + 2) * item, (rows + 1) * item)
    )
    diagonals[:] = costs
    total = _accumulated(skewed, rows, columns, exact=False)
    if _is_ambiguous(total):
        total = _accumulated(skewed, rows, columns, exact=True)
    return _traced(total, rows, columns)


def _accumulated(skewed: NDArray[np.float64], rows: int, columns: int, *, exact: bool) -> NDArray[np.float64]:
    """Cost of the cheapest path to each cell, skewed as `costs` are. `exact` minds equal costs and NaN."""
    total = np.full_like(skewed, np.inf)
    total[0, 0] = 0.0
    for line in range(2, rows + columns + 1):
        low, high = max(1, line - columns), min(rows, line - 1) + 1
        before = total[line - 1]
        both, row, column = total[line - 2, low - 1 : high - 1], before[low - 1 : high - 1], before[low:high]
        cell = total[line, low:high]
        np.minimum(both, row, out=cell)
        if exact:
            np.copyto(cell, column, where=(both == row) | ~(cell < column))
        else:
            np.minimum(cell, column, out=cell)
        np.add(cell, skewed[line, low:high], out=cell)
    return total


def _is_ambiguous(total: NDArray[np.float64]) -> bool:
    """Whether the minimum alone does not tell which way openai-whisper would go."""
    both, row, column = total[:-2, :-1], total[1:-1, :-1], total[1:-1, 1:]
    return bool(((both == row) & (both < column)).any()) or bool(np.isnan(total).any())


def _traced(total: NDArray[np.float64], rows: int, columns: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The path back from the last cell; both moves together only if that is the cheapest way by itself."""
    cost = total.data  # reads one number several times faster than the array does
    path: list[tuple[int, int]] = []
    i, j = rows, columns
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        if i == 0:
            j -= 1
        elif j == 0:
            i -= 1
        else:
            both, row, column = cost[i + j - 2, i - 1], cost[i + j - 1, i - 1], cost[i + j - 1, i]
            if both < row and both < column:
                i, j = i - 1, j - 1
            elif row < both and row < column:
                i -= 1
            else:
                j -= 1
    cells = np.array(path[::-1], dtype=np.intp).reshape(-1, 2)
    return cells[:, 0], cells[:, 1]
