"""Choosing tokens: greedy and sampled, probabilities, limits, and when a window is tried again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisper_onnx.needs import Feed
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.prompting import initial_tokens, sample_limit
from whisper_onnx.rules import Rule, SuppressTokens
from whisper_onnx.sampling import Sampling
from whisper_onnx.search import (
    WindowResult,
    compression_ratio,
    language_probabilities,
    needs_fallback,
)
from whisper_onnx.tokenizer import Tokenizer

TOKENIZER = Tokenizer(True, 99, "en")
N_VOCAB, EOT = TOKENIZER.n_vocab, TOKENIZER.eot
START = TOKENIZER.sot_sequence
CONTEXT = 448
DEFAULTS = TranscribeOptions()
Row = NDArray[np.float32]


class Window:
    """A search of one text, row by row: the next token, or None at the end."""

    def __init__(
        self,
        initial: tuple[int, ...] = START,
        temperature: float = 0.0,
        seed: tuple[int, ...] = (0,),
        rules: Sequence[Rule] = (),
    ) -> None:
        limit = sample_limit(DEFAULTS, CONTEXT, len(initial))
        self.search = Sampling(TOKENIZER, rules, initial, limit=limit, temperature=temperature, seed=seed)
        self.rows, self.result = self.search.rows, self.search.result

    def begin(self, rows: Row) -> int | None:
        return self._token(self.search.begin(rows))

    def advance(self, row: Row) -> int | None:
        return self._token(self.search.advance(row[np.newaxis]))

    def _token(self, feed: Feed | None) -> int | None:
        if feed is None:
            return None
        (token,) = feed.tokens
        assert feed.sources is None
        return token


def random_row(seed: int) -> Row:
    return np.random.default_rng(seed).standard_normal(N_VOCAB).astype(np.float32)


def row_for(token: int, seed: int = 0) -> Row:
    """Logits by which `token` is the likeliest."""
    logits = random_row(seed)
    logits[token] = 12.0
    return logits


def two_rows(token: int) -> Row:
    return np.stack([random_row(7), row_for(token)])


def log_softmax(logits: Row) -> NDArray[np.float64]:
    values = logits.astype(np.float64)
    values -= values.max()
    return np.asarray(values - np.log(np.exp(values).sum()))


def test_greedy_decoding_takes_the_likeliest_tokens_until_the_end() -> None:
    window = Window()
    words = TOKENIZER.encode(" one two three")
    assert window.begin(two_rows(words[0])) == words[0]
    assert window.advance(row_for(words[1])) == words[1]
    assert window.advance(row_for(words[2])) == words[2]
    assert window.advance(row_for(EOT)) is None
    result = window.result()
    assert result.tokens == tuple(words)
    assert result.text == "one two three"
    assert (result.temperature, result.language) == (0.0, "en")


def test_mean_log_probability_counts_the_end_as_a_token() -> None:
    window = Window()
    rows = [random_row(seed) for seed in range(5)]
    chosen = [int(logits.argmax()) for logits in rows]
    rows.append(row_for(EOT, seed=5))
    expected = sum(log_softmax(logits)[token] for logits, token in zip(rows, [*chosen, EOT], strict=True))
    window.begin(np.stack([random_row(9), rows[0]]))
    for logits in rows[1:]:
        window.advance(logits)
    assert window.result().tokens == tuple(chosen)
    assert window.result().avg_logprob == pytest.approx(expected / (len(chosen) + 1), abs=1e-5)


def test_probabilities_are_taken_after_the_rules() -> None:
    rule = SuppressTokens(range(5, N_VOCAB))
    window = Window(rules=(rule,))
    logits = random_row(3)
    expected = log_softmax(logits[:5]).max()
    window.begin(np.stack([random_row(9), logits]))
    assert window.result().avg_logprob == pytest.approx(expected / 2, abs=1e-6)


def test_no_speech_probability_is_read_where_the_transcript_starts() -> None:
    initial = initial_tokens(TOKENIZER, [11, 12, 13], DEFAULTS, CONTEXT)
    window = Window(initial)
    assert window.rows == (4, 6)
    assert initial[4] == TOKENIZER.sot
    rows = np.stack([random_row(1), row_for(EOT)])
    expected = np.exp(log_softmax(rows[0])[TOKENIZER.no_speech])
    window.begin(rows)
    assert window.result().no_speech_prob == pytest.approx(expected, rel=1e-4)


def test_a_window_is_at_most_half_the_context_long() -> None:
    window = Window()
    count = 0
    token = window.begin(two_rows(1000))
    while token is not None:
        count += 1
        token = window.advance(row_for(1000))
    assert len(window.result().tokens) == CONTEXT // 2
    assert count == CONTEXT // 2 - 1  # the last one need not be fed


def test_a_long_prompt_never_makes_the_context_overflow() -> None:
    initial = initial_tokens(TOKENIZER, [11] * 400, replace(DEFAULTS, without_timestamps=True), CONTEXT)
    assert len(initial) == 1 + 223 + 4
    window = Window(initial)
    fed = len(initial)
    token = window.begin(two_rows(1000))
    while token is not None:
        fed += 1
        token = window.advance(row_for(1000))
    assert fed == CONTEXT
    assert len(window.result().tokens) == CONTEXT + 1 - len(initial)


def test_sampling_follows_the_tempered_distribution() -> None:
    logits = np.full(N_VOCAB, -np.inf, np.float32)
    logits[[10, 20, 30]] = [0.0, 1.0, 2.0]
    weights = np.exp(np.array([0.0, 1.0, 2.0]) / 0.5)
    draws = []
    for seed in range(600):
        token = Window(temperature=0.5, seed=(seed,)).begin(np.stack([random_row(0), logits.copy()]))
        draws.append(token)
    shares = [draws.count(token) / len(draws) for token in (10, 20, 30)]
    assert shares == pytest.approx(weights / weights.sum(), abs=0.04)


def test_a_sample_is_scored_by_its_probability_without_the_temperature() -> None:
    logits = random_row(4)
    window = Window(temperature=1.0, seed=(3,))
    token = window.begin(np.stack([random_row(0), logits.copy()]))
    assert token is not None
    assert window.result().avg_logprob == pytest.approx(log_softmax(logits)[token] / 2, abs=1e-5)


def test_the_same_seed_gives_the_same_samples_and_another_seed_others() -> None:
    def samples(*seed: int) -> list[int | None]:
        window = Window(temperature=1.0, seed=seed)
        return [
            window.begin(np.stack([random_row(0)] * 2)),
            *(window.advance(random_row(i)) for i in range(5)),
        ]

    assert samples(1, 3000, 0) == samples(1, 3000, 0)
    assert samples(1, 3000, 0) != samples(1, 3000, 1)
    assert samples(1, 3000, 0) != samples(1, 6000, 0)


@given(seed=st.integers(0, 1000))
def test_language_probabilities_are_a_distribution_over_the_languages_alone(seed: int) -> None:
    logits = random_row(seed)
    probabilities = language_probabilities(TOKENIZER, logits)
    assert list(probabilities) == list(TOKENIZER.all_language_codes)
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    likeliest = max(probabilities, key=probabilities.__getitem__)
    tokens = np.array(TOKENIZER.all_language_tokens)
    assert (
        TOKENIZER.all_language_tokens[TOKENIZER.all_language_codes.index(likeliest)]
        == tokens[logits[tokens].argmax()]
    )


def test_compression_ratio_is_high_for_repetitions_and_zero_for_nothing() -> None:
    assert compression_ratio("") == 0.0
    text = "Où êtes-vous ?"
    assert compression_ratio(text) == len(text.encode()) / len(zlib.compress(text.encode()))
    assert (
        compression_ratio("thank you. " * 30)
        > 2.4
        > compression_ratio("The table and the message are quiet.")
    )


GOOD = WindowResult((1, 2), "text", -0.3, 0.1, 1.2, 0.0, "en")


@pytest.mark.parametrize(
    ("result", "options", "again"),
    [
        (GOOD, DEFAULTS, False),
        (replace(GOOD, compression_ratio=2.5), DEFAULTS, True),
        (replace(GOOD, compression_ratio=2.4), DEFAULTS, False),
        (replace(GOOD, avg_logprob=-1.01), DEFAULTS, True),
        (replace(GOOD, avg_logprob=-1.0), DEFAULTS, False),
        (replace(GOOD, no_speech_prob=0.9), DEFAULTS, False),
        # improbable text where nobody speaks is silence
        (replace(GOOD, avg_logprob=-1.5, no_speech_prob=0.61), DEFAULTS, False),
        (replace(GOOD, avg_logprob=-1.5, no_speech_prob=0.60), DEFAULTS, True),
        (replace(GOOD, avg_logprob=-1.5, no_speech_prob=0.9, compression_ratio=9), DEFAULTS, False),
        # a repetition is tried again however silent, as long as it is probable
        (replace(GOOD, no_speech_prob=0.9, compression_ratio=9), DEFAULTS, True),
        (replace(GOOD, compression_ratio=9), replace(DEFAULTS, compression_ratio_threshold=None), False),
        (replace(GOOD, avg_logprob=-9), replace(DEFAULTS, logprob_threshold=None), False),
        (
            replace(GOOD, avg_logprob=-1.5, no_speech_prob=0.9),
            replace(DEFAULTS, no_speech_threshold=None),
            True,
        ),
        (
            replace(GOOD, compression_ratio=9, avg_logprob=-9, no_speech_prob=0.9),
            replace(DEFAULTS, logprob_threshold=None),
            True,
        ),
    ],
)
def test_a_window_is_tried_again_when_it_repeats_or_is_improbable_unless_silent(
    result: WindowResult, options: TranscribeOptions, again: bool
) -> None:
    assert needs_fallback(result, options) is again
