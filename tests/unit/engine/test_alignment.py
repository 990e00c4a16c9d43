"""Word times from attention: the path, the filter, the words and their marks, and the pass that they need."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from golden import record_words
from golden.record_words import TEXTS
from whisper_onnx import WhisperModel
from whisper_onnx.alignment import (
    WordTiming,
    alignment_matrix,
    alignment_tokens,
    dtw,
    median_filter,
    word_timings,
)
from whisper_onnx.alignment_graph import alignment_graph
from whisper_onnx.dims import N_FRAMES, Dims
from whisper_onnx.errors import ContextFullError, SlotError
from whisper_onnx.features import LogMel
from whisper_onnx.punctuation import APPENDED, PREPENDED
from whisper_onnx.runtime import load_graph
from whisper_onnx.tokenizer import Tokenizer
from whisper_onnx.words import merge_punctuations

GOLDEN: dict[str, Any] = json.loads((Path(record_words.__file__).parent / "words.json").read_text())
ENGLISH = Tokenizer(True, 99, "en")


# The path


def cheapest(costs: NDArray[np.float64]) -> float:
    """The cost of the cheapest monotonic path, from the first cell to the last, by trying all of them."""
    rows, columns = costs.shape

    def onward(i: int, j: int) -> float:
        nexts = [(i + 1, j), (i, j + 1), (i + 1, j + 1)]
        rest = [onward(*cell) for cell in nexts if cell[0] < rows and cell[1] < columns]
        return float(costs[i, j]) + min(rest, default=0.0)

    return onward(0, 0)


def reference_path(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    """openai-whisper's recurrence, cell by cell: a move of both only when it alone is the cheapest."""
    rows, columns = costs.shape
    total: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}

    def known(i: int, j: int) -> float:
        return total[i, j][0] if (i, j) in total else np.inf

    for j in range(1, columns + 1):
        for i in range(1, rows + 1):
            both, row, column = known(i - 1, j - 1), known(i - 1, j), known(i, j - 1)
            if both < row and both < column:
                best, came = both, (i - 1, j - 1)
            elif row < both and row < column:
                best, came = row, (i - 1, j)
            else:
                best, came = column, (i, j - 1)
            total[i, j] = (float(costs[i - 1, j - 1]) + best, came)
    path, cell = [], (rows, columns)
    while cell != (0, 0):
        path.append((cell[0] - 1, cell[1] - 1))
        i, j = cell
        cell = (i, j - 1) if i == 0 else (i - 1, j) if j == 0 else total[cell][1]
    return path[::-1]


def path_of(costs: NDArray[np.float64]) -> list[tuple[int, int]]:
    return list(zip(*(part.tolist() for part in dtw(costs)), strict=True))


sizes = st.tuples(st.integers(1, 5), st.integers(1, 6))


@settings(max_examples=80, deadline=None)
@given(shape=sizes, seed=st.integers(0, 2**32 - 1))
def test_the_path_is_monotonic_and_the_cheapest_of_all(shape: tuple[int, int], seed: int) -> None:
    costs = np.random.default_rng(seed).standard_normal(shape)
    path = path_of(costs)
    assert path[0] == (0, 0)
    assert path[-1] == (shape[0] - 1, shape[1] - 1)
    steps = {(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(path)}
    assert steps <= {(0, 1), (1, 0), (1, 1)}
    assert sum(costs[cell] for cell in path) == pytest.approx(cheapest(costs))


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 7), st.integers(0, 9)),
    seed=st.integers(0, 2**32 - 1),
    missing=st.integers(0, 2),
)
def test_equal_costs_and_missing_ones_are_decided_as_openai_whisper_does(
    shape: tuple[int, int], seed: int, missing: int
) -> None:
    random = np.random.default_rng(seed)
    costs = random.integers(-1, 2, shape).astype(np.float64)
    if shape[1]:
        costs.flat[random.integers(0, costs.size, missing)] = np.nan
    assert path_of(costs) == reference_path(costs)


# The matrix


@pytest.mark.parametrize("columns", [4, 5, 7, 40])
def test_the_filter_gives_the_median_of_seven_with_mirrored_ends(columns: int) -> None:
    values = np.random.default_rng(columns).standard_normal((70, columns)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((0, 0), (3, 3)), "reflect"), 7, axis=1)
    assert median_filter(values).tolist() == np.median(windows, axis=2).tolist()


def test_the_filter_finds_the_middle_of_every_order_of_seven_values() -> None:
    # A network of exchanges that is right for all zeros and ones is right for all values (Knuth).
    bits = (np.arange(128)[:, np.newaxis] >> np.arange(7)) & 1
    assert median_filter(bits.astype(np.float32))[:, 3].tolist() == (bits.sum(axis=1) > 3).tolist()


def test_the_filter_sorts_missing_values_last_and_leaves_short_rows_alone() -> None:
    values = np.arange(7, dtype=np.float32)[np.newaxis].copy()
    values[0, 0] = np.nan
    assert median_filter(values)[0, 3] == 4  # of 1 to 6 and one more at the end
    values[0, 1:4] = np.nan
    assert np.isnan(median_filter(values)[0, 3])
    assert median_filter(values[:, 4:]) is not None
    assert median_filter(values[:, 4:]).tolist() == [[4, 5, 6]]


def test_each_position_is_weighed_over_the_tokens_before_heads_are_averaged() -> None:
    attention = np.random.default_rng(5).random((3, 6, 50)).astype(np.float32)
    normed = (attention - attention.mean(axis=1, keepdims=True)) / attention.std(axis=1, keepdims=True)
    expected = np.mean([median_filter(head) for head in normed], axis=0)
    assert alignment_matrix(attention) == pytest.approx(expected, abs=1e-5)


# The words


def looks(starts: list[int], positions: int) -> NDArray[np.float32]:
    """Attention of one head whose token i looks at the positions from starts[i] to the next one's start."""
    ends = [*starts[1:], positions]
    weights = np.full((len(starts), positions), 1e-4, np.float32)
    for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
        weights[row, start:end] = 1.0
    return (weights / weights.sum(axis=1, keepdims=True))[np.newaxis]


def test_words_begin_where_the_attention_moves_on_to_their_first_token() -> None:
    text = ENGLISH.encode(" Hello wonderful, world.")
    pieces = len(ENGLISH.split_to_word_tokens(text)[0])
    assert pieces == 5
    tokens = alignment_tokens(ENGLISH, text, 448)
    assert tokens == (*ENGLISH.sot_sequence, ENGLISH.no_timestamps, *text, ENGLISH.eot)
    # <|notimestamps|> stands for the first text token's place, and each token for that of the next.
    starts = [0, 1, 2, *(20 * (i + 1) for i in range(len(text) + 1)), 190]
    logits = np.zeros((len(text), ENGLISH.n_vocab), np.float32)
    logits[:, ENGLISH.eot :] = 50.0  # timestamps do not count
    logits[np.arange(len(text)), text] = np.log(ENGLISH.eot - 1)  # hence of probability one half
    words = word_timings(ENGLISH, text, looks(starts, 200), logits)
    assert [word.word for word in words] == [" Hello", " wonderful", ",", " world", "."]
    assert [word.start for word in words[1:]] == [word.end for word in words[:-1]]
    assert words[1].start == pytest.approx(0.8, abs=0.07)
    assert [word.probability for word in words] == pytest.approx([0.5] * 5, abs=1e-5)


def test_no_text_has_no_words_and_half_a_character_is_a_word_of_its_own() -> None:
    half = ENGLISH.encode("ℵ")[:1]
    logits = np.zeros((1, ENGLISH.n_vocab), np.float32)
    assert [w.word for w in word_timings(ENGLISH, half, looks([0, 1, 2, 3, 5, 9], 20), logits)] == ["\ufffd"]
    assert word_timings(ENGLISH, [], looks([0, 1, 2, 3, 4], 20), logits[:0]) == []


def test_text_beyond_the_context_stays_in_the_last_word() -> None:
    text = ENGLISH.encode(" one two three four")
    tokens = alignment_tokens(ENGLISH, text, 8)
    assert len(tokens) == 8
    assert tokens[-1] == ENGLISH.eot
    words = word_timings(
        ENGLISH, text, looks([0, 1, 2, 3, 5, 9, 12, 14], 20), np.zeros((3, ENGLISH.n_vocab), np.float32)
    )
    assert [word.word for word in words] == [" one", " two", " three four"]
    assert [token for word in words for token in word.tokens] == text


@pytest.mark.parametrize("language", TEXTS)
def test_marks_join_the_words_that_they_join_in_openai_whisper(language: str) -> None:
    tokenizer = Tokenizer(True, 100, language)
    words, groups = tokenizer.split_to_word_tokens(tokenizer.encode(TEXTS[language]))
    timings = [WordTiming(word, group, 0.0, 0.0, 0.0) for word, group in zip(words, groups, strict=True)]
    merge_punctuations(timings, PREPENDED, APPENDED)
    assert [timing.word for timing in timings] == GOLDEN["merged"][language]
    assert [token for timing in timings for token in timing.tokens] == tokenizer.encode(TEXTS[language])


# The pass


HEADS = ((0, 1), (2, 0), (2, 1), (2, 2), (2, 3))  # of three layers with four heads each
SMALL = Dims(80, 1500, 32, 4, 1, 51865, 448, 32, 4, 3)


@pytest.mark.parametrize(("compute", "tolerance"), [("fp32", 1e-5), ("fp16", 1e-3), ("int8", 1e-5)])
@pytest.mark.parametrize("positions", [1, 300, 1500])
def test_the_graph_gives_the_softmax_of_scaled_products_for_the_heads_asked_for(
    compute: Any, tolerance: float, positions: int
) -> None:
    random = np.random.default_rng(positions)
    wide = np.float16 if compute == "fp16" else np.float32
    inputs: dict[str, NDArray[Any]] = {"positions": np.array([positions])}
    expected = []
    for layer in (0, 2):
        query = random.standard_normal((1, 9, 32)).astype(wide)
        keys = (2 * random.standard_normal((1, 4, 1500, 8))).astype(wide)
        inputs[f"cross_query_{layer}"] = query
        exact = keys.astype(np.float64)
        if compute == "int8":
            steps = np.abs(keys).max(axis=2, keepdims=True) / 127  # (1, heads, 1, size)
            keys = np.rint(keys / steps).astype(np.int8)
            exact = keys * steps.astype(np.float64)
            inputs[f"cross_k_scale_{layer}"] = steps.reshape(1, 1, 32).astype(np.float32)
        # A GPU's cache has the heads of a position side by side, [B, A, D].
        beside = np.ascontiguousarray(keys.transpose(0, 2, 1, 3)).reshape(1, 1500, 32)
        inputs[f"cross_k_{layer}"] = beside if compute == "fp16" else keys
        by_head = query.astype(np.float64).reshape(1, 9, 4, 8).transpose(0, 2, 1, 3)
        weights = np.exp(by_head @ exact[:, :, :positions].transpose(0, 1, 3, 2) / np.sqrt(8))
        weights /= weights.sum(axis=-1, keepdims=True)
        expected += [weights[0, head] for of, head in HEADS if of == layer]
    model = alignment_graph(SMALL, HEADS, compute=compute, int8_keys=compute == "int8")
    (attention,) = load_graph(model.SerializeToString(), "cpu").run(["attention"], inputs)
    assert attention.dtype == np.float32
    assert attention == pytest.approx(np.array(expected), abs=tolerance)


@pytest.fixture
def tokens(model: WhisperModel, clips: dict[str, NDArray[np.float32]]) -> tuple[int, ...]:
    """A text to align, with a recording encoded into slot 1."""
    mel = LogMel(clips["digits"], model.dims.n_mels).window(0, N_FRAMES)
    model.runtime.encode([1], mel[np.newaxis])
    return alignment_tokens(ENGLISH, ENGLISH.encode(" one two three"), model.dims.n_text_ctx)


@pytest.mark.parametrize("positions", [0, 1, 37, 1500])
def test_every_head_spreads_its_attention_over_the_positions_asked_for(
    model: WhisperModel, tokens: tuple[int, ...], positions: int
) -> None:
    attention, logits = model.runtime.align(1, tokens, positions=positions, rows=[3, 4])
    assert attention.shape == (len(model.bundle.alignment_heads), len(tokens), positions)
    assert attention.dtype == np.float32
    if positions:
        assert attention.min() >= 0
        assert attention.sum(axis=2) == pytest.approx(np.ones(attention.shape[:2]), abs=1e-5)
    assert logits == pytest.approx(model.runtime.prompt(1, tokens, rows=[3, 4]), abs=1e-5)


def test_fewer_positions_are_the_same_weights_scaled_up(model: WhisperModel, tokens: tuple[int, ...]) -> None:
    whole, _ = model.runtime.align(1, tokens, positions=1500, rows=[])
    part, _ = model.runtime.align(1, tokens, positions=100, rows=[])
    kept = whole[:, :, :100]
    assert part == pytest.approx(kept / kept.sum(axis=2, keepdims=True), rel=1e-3, abs=1e-6)


def test_an_alignment_pass_leaves_the_other_slots_as_they_were(
    model: WhisperModel, tokens: tuple[int, ...], clips: dict[str, NDArray[np.float32]]
) -> None:
    runtime = model.runtime
    mel = LogMel(clips["table"], model.dims.n_mels).window(0, N_FRAMES)
    runtime.encode([0, 2], np.stack([mel, mel]))
    for slot in (0, 2):
        runtime.prompt(slot, ENGLISH.sot_sequence)
    runtime.align(1, tokens, positions=500, rows=[3])
    left, right = runtime.step([0, 2], [ENGLISH.timestamp_begin] * 2)
    runtime.prompt(0, ENGLISH.sot_sequence)
    (alone,) = runtime.step([0], [ENGLISH.timestamp_begin])
    assert left == pytest.approx(alone, abs=1e-5)
    assert right == pytest.approx(alone, abs=1e-5)


def test_what_cannot_be_aligned_is_refused(model: WhisperModel, tokens: tuple[int, ...]) -> None:
    runtime = model.runtime
    with pytest.raises(ValueError, match="positions"):
        runtime.align(1, tokens, positions=1501, rows=[])
    with pytest.raises(ValueError, match="rows"):
        runtime.align(1, tokens, positions=10, rows=[len(tokens)])
    with pytest.raises(ContextFullError):
        runtime.align(1, [1] * (model.dims.n_text_ctx + 1), positions=10, rows=[])
    with pytest.raises(SlotError):
        runtime.align(runtime.slots, tokens, positions=10, rows=[])
