"""Choosing the tokens of one window.

A `WindowSearch` is one attempt at one temperature: it is given rows of logits and answers with the tokens to
feed next, or None once the window is complete. It does not run the model: whoever holds its slots feeds them,
so windows of many recordings can share one batch. `sampling.py` and `beam.py` are the two ways to search.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .needs import Chosen, Feed
from .options import TranscribeOptions
from .ranking import Candidate, likeliest
from .rules import Rule
from .tokenizer import Tokenizer

Logits = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What was heard in one window.

    tokens: sampled ids, timestamps among them, without the end
    text: their text, stripped
    avg_logprob: mean natural-log probability per token, the end counted as one
    no_speech_prob: probability of <|nospeech|> right after the start of the transcript
    compression_ratio: UTF-8 bytes of the text over its zlib-compressed size; high for repetitions
    """

    tokens: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float
    temperature: float
    language: str | None


def compression_ratio(text: str) -> float:
    """Size of the text in UTF-8 over its size compressed by zlib; 0 for the empty text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def language_probabilities(tokenizer: Tokenizer, logits: Logits) -> dict[str, float]:
    """Probability of each language, from the row (n_vocab,) of logits after <|startoftranscript|>."""
    scores = logits[list(tokenizer.all_language_tokens)]
    weights = np.exp(scores - scores.max())
    return dict(zip(tokenizer.all_language_codes, (weights / weights.sum()).tolist(), strict=True))


def needs_fallback(result: WindowResult, options: TranscribeOptions) -> bool:
    """Whether a window has to be tried again at a higher temperature (openai-whisper's conditions)."""
    repeats = (
        options.compression_ratio_threshold is not None
        and result.compression_ratio > options.compression_ratio_threshold
    )
    unlikely = options.logprob_threshold is not None and result.avg_logprob < options.logprob_threshold
    # An improbable text where there is probably no speech is silence, not a failure.
    silent = (
        unlikely
        and options.no_speech_threshold is not None
        and result.no_speech_prob > options.no_speech_threshold
    )
    return (repeats or unlikely) and not silent


class WindowSearch(ABC):
    """One attempt at one window, token by token, over up to `count` texts at a time, each in a slot.

    `initial` is what the decoder has to be prompted with, in the first slot. `begin` takes the logits of its
    positions `rows`, `advance` those that follow the tokens last answered, a row for each; both work on the
    logits in place and answer with the tokens to feed, or None when the window is complete. If `count` is
    more than 1 the first slot has to be forked before the first of them. At most `limit` tokens are sampled.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        rules: Sequence[Rule],
        initial: tuple[int, ...],
        *,
        count: int,
        limit: int,
        temperature: float,
        length_penalty: float | None,
    ) -> None:
        self.count = count
        # The start of the transcript, where the no-speech probability is, and the last position.
        self.rows = (initial.index(tokenizer.sot), len(initial) - 1)
        self._tokenizer = tokenizer
        self._rules = rules
        self._limit = limit
        self._temperature = temperature
        self._length_penalty = length_penalty
        self._no_speech_prob = float("nan")

    def begin(self, logits: Logits) -> Feed | None:
        """Takes the logits of the positions `rows`, (2, n_vocab), and answers with the first tokens."""
        start = logits[0]
        weights = np.exp(start - start.max())
        self._no_speech_prob = float(weights[self._tokenizer.no_speech] / weights.sum())
        return self.advance(logits[1:])

    @abstractmethod
    def advance(self, logits: Logits) -> Feed | None:
        """Takes a row for each token fed, (n, n_vocab), and answers with the next tokens; None at the end."""

    def chosen(self, choice: Chosen) -> Feed | None:
        """The same where the device has chosen what follows, as the last Feed `allowed` it to."""
        raise NotImplementedError("this search asks for logits")

    @abstractmethod
    def candidates(self) -> list[Candidate]:
        """The texts found so far, at least one."""

    def result(self) -> WindowResult:
        """The window as decoded so far: its likeliest text."""
        best = likeliest(self.candidates(), self._length_penalty)
        text = self._tokenizer.decode(best.tokens).strip()
        return WindowResult(
            tokens=best.tokens,
            text=text,
            avg_logprob=best.sum_logprob / (len(best.tokens) + 1),
            no_speech_prob=self._no_speech_prob,
            compression_ratio=compression_ratio(text),
            temperature=self._temperature,
            language=self._tokenizer.language,
        )

    def _apply_rules(self, row: Logits, sampled: Sequence[int]) -> None:
        for rule in self._rules:
            rule.apply(row, sampled)


def log_normaliser(row: Logits, top: np.float32) -> np.float32:
    """log(sum(exp(row - top))), where `top` is the row's greatest value; scalar float32 (n_vocab,) -> ()."""
    scratch = row - top
    np.exp(scratch, out=scratch)
    return np.float32(np.log(scratch.sum()))


def placed(sources: Sequence[int]) -> list[int]:
    """Slots for texts that go on from those in the slots `sources`, such that the least is copied.

    The first text of a source stays in its slot if that is one of the first len(sources), the others go where
    no text goes on; so no slot is both read and overwritten.
    """
    count = len(sources)
    places = [-1] * count
    kept: set[int] = set()
    for index, source in enumerate(sources):
        if source < count and source not in kept:
            kept.add(source)
            places[index] = source
    free = (slot for slot in range(count) if slot not in kept)
    return [place if place >= 0 else next(free) for place in places]


def feed(tokens: Sequence[int], sources: Sequence[int], places: Sequence[int]) -> Feed:
    """Text i, which goes on from slot sources[i] with tokens[i], goes to slot places[i]."""
    by_place = sorted(zip(places, tokens, sources, strict=True))
    moved = any(place != source for place, _, source in by_place)
    return Feed(tuple(token for _, token, _ in by_place), tuple(s for _, _, s in by_place) if moved else None)
