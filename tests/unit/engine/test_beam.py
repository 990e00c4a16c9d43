"""Beam search and the best of several samples, on logits that are a function of the text alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from whisper_onnx.beam import BeamSearch, likeliest_tokens
from whisper_onnx.options import TranscribeOptions
from whisper_onnx.ranking import Candidate, likeliest, score
from whisper_onnx.rules import Rule, SuppressTokens, rules_for
from whisper_onnx.sampling import Sampling
from whisper_onnx.search import WindowSearch, log_normaliser
from whisper_onnx.tokenizer import Tokenizer

TOKENIZER = Tokenizer(True, 99, "en")
N_VOCAB, EOT, BEGIN = TOKENIZER.n_vocab, TOKENIZER.eot, TOKENIZER.timestamp_begin
START = TOKENIZER.sot_sequence
Row = NDArray[np.float32]
Text = tuple[int, ...]


class Model:
    """Random logits that depend on the text and nothing else; `eot` is added to that of the end."""

    def __init__(self, seed: int, eot: float) -> None:
        self.seed, self.eot = seed, eot

    def row(self, text: Sequence[int]) -> Row:
        key = zlib.crc32(np.array(text, dtype=np.int64).tobytes())
        logits = np.random.default_rng((self.seed, key)).standard_normal(N_VOCAB).astype(np.float32) * 3
        logits[EOT] += np.float32(self.eot)
        logits[list(TOKENIZER.all_language_tokens)] = -np.inf  # no trained model chooses them here
        return logits

    def decoded(self, search: WindowSearch) -> list[Text]:
        """The candidates of a search whose slots hold what it asks for, as the runtime's would."""
        feed = search.begin(np.stack([self.row([-1]), self.row([])]))
        slots: list[list[int]] = [[] for _ in range(search.count)]
        while feed is not None:
            sources = range(len(feed.tokens)) if feed.sources is None else feed.sources
            assert not {s for i, s in enumerate(sources) if s != i} & {
                i for i, s in enumerate(sources) if s != i
            }
            fed = [[*slots[source], token] for source, token in zip(sources, feed.tokens, strict=True)]
            slots = [*fed, *slots[len(fed) :]]
            feed = search.advance(np.stack([self.row(text) for text in fed]))
        return [candidate.tokens for candidate in search.candidates()]


def log_softmax(row: Row) -> Row:
    top = row.max()
    return np.asarray(row - top - log_normaliser(row, top))


def beam_search_by_the_book(
    model: Model, rules: Sequence[Rule], beams: int, patience: float, limit: int
) -> list[tuple[Text, float]]:
    """The search as it is described: all continuations of all beams, ranked; whole rows, whole texts."""
    current: dict[Text, np.float32] = {(): np.float32(0.0)}
    finished: dict[Text, float] = {}
    enough = round(beams * patience)
    for _ in range(limit):
        proposals: dict[Text, np.float32] = {}
        for text, total in current.items():
            row = model.row(text)
            for rule in rules:
                rule.apply(row, text)
            logprobs = log_softmax(row)
            for token in sorted(range(N_VOCAB), key=logprobs.__getitem__, reverse=True)[: beams + 1]:
                proposals[(*text, token)] = total + logprobs[token]
        current = {}
        for text in sorted(proposals, key=proposals.__getitem__, reverse=True):
            if text[-1] != EOT:
                current[text] = proposals[text]
            elif len(finished) < enough:
                finished[text[:-1]] = float(proposals[text])
            if len(current) == beams:
                break
        if len(finished) >= enough:
            break
    for text in sorted(current, key=current.__getitem__, reverse=True):
        if len(finished) < beams:
            finished[text] = float(current[text])
    return list(finished.items())


@settings(max_examples=12)
@given(
    seed=st.integers(0, 2**32 - 1),
    eot=st.sampled_from([0.0, 8.0, 12.0]),
    beams=st.integers(1, 4),
    patience=st.sampled_from([0.4, 1.0, 2.0]),
    timestamps=st.booleans(),
)
def test_beam_search_finds_what_its_description_finds(
    seed: int, eot: float, beams: int, patience: float, timestamps: bool
) -> None:
    if round(beams * patience) < 1:
        patience = 1.0
    model, limit = Model(seed, eot), 4
    rules = rules_for(TOKENIZER, TranscribeOptions(without_timestamps=not timestamps), 1500)
    search = BeamSearch(TOKENIZER, rules, START, count=beams, limit=limit, patience=patience)
    model.decoded(search)
    expected = beam_search_by_the_book(model, rules, beams, patience, limit)
    found = [(candidate.tokens, candidate.sum_logprob) for candidate in search.candidates()]
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [total for _, total in found] == pytest.approx([total for _, total in expected], abs=1e-5)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), eot=st.floats(0, 14), temperature=st.sampled_from([0.0, 0.5, 1.0]))
def test_every_text_that_a_search_finds_is_framed_by_timestamps_in_order(
    seed: int, eot: float, temperature: float
) -> None:
    rules = rules_for(TOKENIZER, TranscribeOptions(), 1500)
    search: WindowSearch
    if temperature:
        search = Sampling(TOKENIZER, rules, START, count=3, limit=12, temperature=temperature, seed=(seed,))
    else:
        search = BeamSearch(TOKENIZER, rules, START, count=3, limit=12)
    texts = Model(seed, eot).decoded(search)
    assert texts
    for text in texts:
        stamps = [token for token in text if token >= BEGIN]
        assert stamps == sorted(stamps)
        assert BEGIN <= text[0] <= BEGIN + 50
        runs = "".join("t" if token >= BEGIN else "w" for token in text).split("w")
        assert len(runs[0]) == 1
        assert all(len(run) in (0, 2) for run in runs[1:-1])
        assert len(runs[-1]) <= 2
        assert EOT not in text


def test_the_best_of_several_samples_are_those_that_each_draws_alone_from_the_same_points() -> None:
    model = Model(1, 9.0)
    both = Sampling(TOKENIZER, (), START, count=4, limit=30, temperature=1.0, seed=(2,))
    texts = model.decoded(both)
    points = np.random.default_rng((2,)).random((30, 4))
    for index, text in enumerate(texts):
        drawn: list[int] = []
        for point in points[:, index]:
            row = model.row(drawn).astype(np.float64)
            cumulative = np.exp(row - row.max()).cumsum()
            token = int(np.searchsorted(cumulative, point * cumulative[-1], side="right"))
            if token == EOT:
                break
            drawn.append(token)
        assert list(text) == drawn
    assert len({len(text) for text in texts}) > 1  # else none would have given up its slot
    assert both.result().tokens == likeliest(both.candidates(), None).tokens


def test_where_the_rules_leave_fewer_tokens_than_beams_there_are_fewer_beams() -> None:
    model = Model(3, 0.0)
    few = SuppressTokens([token for token in range(N_VOCAB) if token not in (10, 20)])
    search = BeamSearch(TOKENIZER, (few,), START, count=5, limit=2)
    texts = model.decoded(search)
    assert sorted(texts) == [(10, 10), (10, 20), (20, 10), (20, 20)]
    nothing = BeamSearch(TOKENIZER, (SuppressTokens(range(N_VOCAB)),), START, count=5, limit=2)
    assert model.decoded(nothing) == [()]


@given(
    values=st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=1, max_size=30),
    count=st.integers(1, 8),
)
def test_the_likeliest_tokens_come_descending_lower_ids_first_and_never_impossible_ones(
    values: list[float], count: int
) -> None:
    row = np.array(values, dtype=np.float32)
    ranked = sorted((i for i in range(len(row)) if row[i] > -np.inf), key=lambda i: (-row[i], i))
    assert likeliest_tokens(row, count) == ranked[:count]


SHORT, LONG = Candidate((1, 2), -2.0), Candidate((1,) * 10, -6.0)


@pytest.mark.parametrize(("penalty", "best"), [(None, LONG), (0.0, SHORT), (0.6, SHORT), (1.0, SHORT)])
def test_the_length_penalty_weighs_probability_against_length(penalty: float | None, best: Candidate) -> None:
    assert likeliest([SHORT, LONG], penalty) is best
    expected = -6.0 / (10 if penalty is None else (15 / 6) ** penalty)
    assert score(LONG, penalty) == pytest.approx(expected)


def test_of_equal_texts_the_first_is_taken_and_an_empty_one_last() -> None:
    assert likeliest([SHORT, Candidate((3, 4), -2.0)], None) is SHORT
    assert likeliest([Candidate((), -0.1), LONG], None) is LONG
    assert likeliest([Candidate((), -0.1), LONG], 0.0).tokens == ()
