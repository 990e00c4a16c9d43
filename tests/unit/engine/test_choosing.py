"""The token that a device chooses is the one that the rules and a search on the host would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisper_onnx.choosing import DeviceChooser
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.rules import Allowed, Rule, allowed_by, rules_for
from whisper_onnx.runtime import _placed
from whisper_onnx.tokenizer import Tokenizer

TOKENIZER = Tokenizer(True, 99, "en")
BEGIN, EOT, N_VOCAB = TOKENIZER.timestamp_begin, TOKENIZER.eot, TOKENIZER.n_vocab
ROWS = 5

OPTIONS = (
    TranscribeOptions(),
    TranscribeOptions(without_timestamps=True),
    TranscribeOptions(suppress_tokens=(5, 900), suppress_blank=False, max_initial_timestamp=None),
    TranscribeOptions(suppress_tokens=()),
)
RULES = tuple(rules_for(TOKENIZER, options, 1500) for options in OPTIONS)

# Texts that decoding under the rules can have reached, and some that it cannot.
tokens = st.one_of(st.integers(0, EOT), st.integers(BEGIN, N_VOCAB - 1))
texts = st.lists(tokens, max_size=6)


@pytest.fixture(scope="module")
def logits() -> NDArray[np.float32]:
    return np.zeros((ROWS, N_VOCAB), np.float32)


@pytest.fixture(scope="module")
def chooser(logits: NDArray[np.float32], on_cpu: Callable[..., dict[str, Any]]) -> DeviceChooser:
    """It sees the rows of `logits`."""
    return DeviceChooser(_placed(logits, "cpu"), "cpu", **on_cpu())


def by_the_rules(
    row: NDArray[np.float32], rules: Sequence[Rule], sampled: Sequence[int]
) -> NDArray[np.float64]:
    """Natural-log probabilities of what the rules leave, in double precision."""
    left = row.copy()
    for rule in rules:
        rule.apply(left, sampled)
    exact = left.astype(np.float64)
    exact -= exact.max()
    return np.asarray(exact - np.log(np.exp(exact).sum()))


@settings(max_examples=60, deadline=None)
@given(
    drawn=st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([-30.0, 0.0, 3.0, 6.0, 30.0])),
    sampled=st.lists(texts, min_size=1, max_size=ROWS),
    rules=st.sampled_from(RULES),
)
def test_the_choice_is_the_likeliest_that_the_rules_leave(
    chooser: DeviceChooser,
    logits: NDArray[np.float32],
    drawn: tuple[int, float],
    sampled: list[list[int]],
    rules: tuple[Rule, ...],
) -> None:
    seed, preference = drawn  # of the logits, and how far timestamps are preferred
    logits[:] = 3 * np.random.default_rng(seed).standard_normal(logits.shape)
    logits[:, BEGIN:] += np.float32(preference)
    allowed = [allowed_by(rules, some, N_VOCAB) for some in sampled]
    for row, some, choice in zip(logits, sampled, chooser.choose(allowed), strict=False):
        expected = by_the_rules(row, rules, some)
        assert choice.token == expected.argmax()
        assert choice.logprob == pytest.approx(expected.max(), abs=1e-4)


def test_of_equals_the_lowest_is_chosen(chooser: DeviceChooser, logits: NDArray[np.float32]) -> None:
    logits[:] = 0.0
    everything = Allowed((), 0, N_VOCAB, N_VOCAB, N_VOCAB)
    banned = Allowed((frozenset({0, 1}), frozenset({3})), 0, N_VOCAB, N_VOCAB, N_VOCAB)
    from_seven = Allowed((), 7, N_VOCAB, N_VOCAB, N_VOCAB)
    choices = chooser.choose([everything, banned, from_seven])
    assert [choice.token for choice in choices] == [0, 2, 7]
    assert choices[0].logprob == pytest.approx(-np.log(N_VOCAB), abs=1e-4)
    assert choices[1].logprob == pytest.approx(-np.log(N_VOCAB - 3), abs=1e-4)


def test_more_sets_of_banned_tokens_than_the_table_holds_are_all_banned(
    chooser: DeviceChooser, logits: NDArray[np.float32]
) -> None:
    logits[:] = -np.arange(N_VOCAB, dtype=np.float32)
    for first in range(0, 60, ROWS):
        allowed = [
            Allowed((frozenset(range(n)),), 0, N_VOCAB, N_VOCAB, N_VOCAB) for n in range(first, first + ROWS)
        ]
        assert [choice.token for choice in chooser.choose(allowed)] == list(range(first, first + ROWS))
