"""The logit rules: what they forbid, and that what is left can only be well-formed timestamps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisper_onnx.errors import OptionsError
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.rules import ApplyTimestampRules, Rule, SuppressBlank, SuppressTokens, rules_for
from whisper_onnx.tokenizer import Tokenizer

TOKENIZER = Tokenizer(True, 99, "en")
BEGIN, EOT, N_VOCAB = TOKENIZER.timestamp_begin, TOKENIZER.eot, TOKENIZER.n_vocab
Row = NDArray[np.float32]

seeds = st.integers(0, 2**32 - 1)


def row(seed: int, timestamps: float = 0.0) -> Row:
    """Random logits, with a preference for timestamps."""
    logits = np.random.default_rng(seed).standard_normal(N_VOCAB).astype(np.float32) * 3
    logits[BEGIN:] += np.float32(timestamps)
    return logits


def forbidden(rules: Sequence[Rule], logits: Row, sampled: Sequence[int]) -> set[int]:
    for rule in rules:
        rule.apply(logits, sampled)
    return set(np.flatnonzero(np.isneginf(logits)).tolist())


def timestamp_rule_by_the_book(logits: Row, sampled: Sequence[int], limit: int | None) -> Row:
    """The timestamp rules stated one by one, with whole-row log probabilities in double precision."""
    result = logits.astype(np.float64)
    result[TOKENIZER.no_timestamps] = -np.inf
    last_is_time = bool(sampled) and sampled[-1] >= BEGIN
    one_before_is_time = len(sampled) < 2 or sampled[-2] >= BEGIN
    if last_is_time and one_before_is_time:
        result[BEGIN:] = -np.inf
    if last_is_time and not one_before_is_time:
        result[:EOT] = -np.inf
    times = [token for token in sampled if token >= BEGIN]
    if times:
        opens_segment = last_is_time and not one_before_is_time
        result[BEGIN : times[-1] + (0 if opens_segment else 1)] = -np.inf
    if not sampled:
        result[:BEGIN] = -np.inf
        if limit is not None:
            result[BEGIN + limit + 1 :] = -np.inf
    logprobs = result - result.max()
    logprobs -= np.log(np.exp(logprobs).sum())
    if np.exp(logprobs[BEGIN:]).sum() > np.exp(logprobs[:BEGIN].max()):
        result[:BEGIN] = -np.inf
    return result.astype(np.float32)


texts = st.integers(0, EOT - 1)
times = st.integers(BEGIN, N_VOCAB - 1)


@settings(max_examples=150, deadline=None)
@given(
    seed=seeds,
    sampled=st.lists(texts | times, max_size=6),
    bias=st.floats(-12, 12),
    limit=st.none() | st.integers(0, 1500),
)
def test_timestamp_rules_leave_what_their_definition_leaves(
    seed: int, sampled: list[int], bias: float, limit: int | None
) -> None:
    logits = row(seed, bias)
    expected = timestamp_rule_by_the_book(logits, sampled, limit)
    ApplyTimestampRules(TOKENIZER, limit).apply(logits, sampled)
    np.testing.assert_array_equal(logits, expected)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, bias=st.floats(-6, 6))
def test_sampled_windows_are_framed_by_timestamps_in_order(seed: int, bias: float) -> None:
    rules = rules_for(TOKENIZER, TranscribeOptions(), 1500)
    draw = np.random.default_rng(seed)
    sampled: list[int] = []
    for _ in range(25):
        logits = row(int(draw.integers(2**32)), bias)
        # openai-whisper's rules leave language tokens alone, which no model chooses here, but chance would.
        logits[list(TOKENIZER.all_language_tokens)] = -np.inf
        for rule in rules:
            rule.apply(logits, sampled)
        token = int(logits.argmax())
        if token == EOT:
            break
        sampled.append(token)
    is_time = [token >= BEGIN for token in sampled]
    stamps = [token for token in sampled if token >= BEGIN]
    assert is_time[0]
    assert stamps[0] <= BEGIN + 50  # one second
    assert stamps == sorted(stamps)
    runs = "".join("t" if time else "w" for time in is_time).split("w")
    assert all(len(run) in (0, 2) for run in runs[1:-1])  # between texts a segment ends and another begins
    assert len(runs[0]) == 1  # the first segment begins once
    pairs = [i for i in range(1, len(sampled)) if is_time[i - 1] and is_time[i]]
    starts = [0, *pairs]
    for start, end in zip(starts, pairs, strict=False):
        assert sampled[end - 1] > sampled[start]  # every segment has a length


def test_a_window_begins_with_neither_a_space_nor_its_end() -> None:
    (space,) = TOKENIZER.encode(" ")
    assert forbidden([SuppressBlank(TOKENIZER)], row(1), []) == {space, EOT}


def test_a_space_and_the_end_are_allowed_later() -> None:
    assert forbidden([SuppressBlank(TOKENIZER)], row(1), [BEGIN]) == set()


@given(ids=st.lists(st.integers(0, N_VOCAB - 1), max_size=10), sampled=st.lists(texts, max_size=3))
@settings(deadline=None)
def test_suppressed_tokens_are_always_forbidden_and_no_others(ids: list[int], sampled: list[int]) -> None:
    assert forbidden([SuppressTokens(ids)], row(2), sampled) == set(ids)


@pytest.mark.parametrize("value", ["-1", (-1,)])
def test_minus_one_forbids_non_speech_symbols_and_control_tokens(value: str | tuple[int, ...]) -> None:
    options = TranscribeOptions(suppress_tokens=value, suppress_blank=False, without_timestamps=True)
    t = TOKENIZER
    control = {t.transcribe, t.translate, t.sot, t.sot_prev, t.sot_lm, t.no_speech}
    expected = control | set(t.non_speech_tokens)
    assert forbidden(rules_for(t, options, 1500), row(3), []) == expected


def test_given_ids_are_forbidden_beside_the_control_tokens() -> None:
    options = TranscribeOptions(suppress_tokens="11, 13", suppress_blank=False, without_timestamps=True)
    t = TOKENIZER
    control = {t.transcribe, t.translate, t.sot, t.sot_prev, t.sot_lm, t.no_speech}
    assert forbidden(rules_for(t, options, 1500), row(3), []) == control | {11, 13}


@pytest.mark.parametrize("value", ["", None, ()])
def test_no_ids_forbid_nothing_at_all_as_in_openai_whisper(value: str | tuple[int, ...] | None) -> None:
    options = TranscribeOptions(suppress_tokens=value, suppress_blank=False, without_timestamps=True)
    assert rules_for(TOKENIZER, options, 1500) == ()


def test_an_id_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(OptionsError, match="suppress_tokens: the vocabulary has no id 51865"):
        rules_for(TOKENIZER, TranscribeOptions(suppress_tokens=(51865,)), 1500)


@pytest.mark.parametrize(("limit", "latest"), [(1.0, 50), (0.5, 25), (30.0, 1500), (None, 1500), (0.0, 1500)])
def test_the_first_timestamp_is_within_the_limit(limit: float | None, latest: int) -> None:
    options = TranscribeOptions(max_initial_timestamp=limit)
    left = set(range(N_VOCAB)) - forbidden(rules_for(TOKENIZER, options, 1500), row(4), [])
    assert left == set(range(BEGIN, BEGIN + latest + 1))


def test_many_likely_timestamps_outweigh_one_likelier_word() -> None:
    logits = np.full(N_VOCAB, -50, np.float32)
    logits[1000] = 1.0
    logits[BEGIN + 100 : BEGIN + 110] = 0.0  # e**0 ten times is more than e**1 once
    ApplyTimestampRules(TOKENIZER, 50).apply(logits, [BEGIN, 500])
    assert BEGIN + 100 <= logits.argmax() < BEGIN + 110


def test_a_word_likelier_than_all_timestamps_together_is_left_in_place() -> None:
    logits = np.full(N_VOCAB, -50, np.float32)
    logits[1000] = 3.0
    logits[BEGIN + 100 : BEGIN + 110] = 0.0
    ApplyTimestampRules(TOKENIZER, 50).apply(logits, [BEGIN, 500])
    assert logits.argmax() == 1000
