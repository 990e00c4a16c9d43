"""Choosing the tokens of one window.

`WindowDecoder` is one attempt at one temperature: it is given a row of logits and answers with the next
token, or None once the window is complete. It does not run the model: whoever holds the decoder's slot feeds
it, so windows of many recordings can share one batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .options import TranscribeOptions
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


def prompt_limit(n_text_ctx: int) -> int:
    """Most tokens of preceding text in a prompt: half the text context, less one for <|startofprev|>."""
    return n_text_ctx // 2 - 1


def initial_tokens(
    tokenizer: Tokenizer, previous: Sequence[int], *, n_text_ctx: int, without_timestamps: bool
) -> tuple[int, ...]:
    """What the decoder is given before it samples: the end of the preceding text, then the start sequence."""
    start = tokenizer.sot_sequence_including_notimestamps if without_timestamps else tokenizer.sot_sequence
    if not previous:
        return start
    return (tokenizer.sot_prev, *previous[-prompt_limit(n_text_ctx) :], *start)


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


class WindowDecoder:
    """One attempt at one window, token by token: greedy at temperature 0, sampled above it.

    `initial` is what the decoder has to be prompted with. `begin` takes the logits of its positions `rows`,
    `advance` the row of logits that follows the token last answered; both work on the logits in place and
    answer with the next token to feed, or None when the window is complete. At most half of the text context
    is sampled. `seed` tells this attempt's random numbers from those of every other.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        rules: Sequence[Rule],
        initial: tuple[int, ...],
        *,
        n_text_ctx: int,
        temperature: float,
        seed: Sequence[int],
    ) -> None:
        self._tokenizer = tokenizer
        self._rules = rules
        # The start of the transcript, where the no-speech probability is, and the last position.
        self.rows = (initial.index(tokenizer.sot), len(initial) - 1)
        self._limit = min(n_text_ctx // 2, n_text_ctx + 1 - len(initial))
        self._temperature = temperature
        self._random = np.random.default_rng(seed)
        self._sampled: list[int] = []
        self._sum_logprob = 0.0
        self._no_speech_prob = float("nan")

    def begin(self, logits: Logits) -> int | None:
        """Takes the logits of the positions `rows`, (2, n_vocab), and answers with the first token."""
        start, last = logits
        weights = np.exp(start - start.max())
        self._no_speech_prob = float(weights[self._tokenizer.no_speech] / weights.sum())
        return self.advance(last)

    def advance(self, logits: Logits) -> int | None:
        """Takes one row, (n_vocab,), and answers with the token chosen from it, or None at the end."""
        for rule in self._rules:
            rule.apply(logits, self._sampled)
        best = int(logits.argmax())
        top = logits[best]
        token = self._sample(logits, top) if self._temperature > 0 else best
        normaliser = float(np.log(np.exp(logits - top).sum()))
        self._sum_logprob += float(logits[token] - top) - normaliser
        if token == self._tokenizer.eot:
            return None
        self._sampled.append(token)
        return token if len(self._sampled) < self._limit else None

    def _sample(self, logits: Logits, top: np.float32) -> int:
        """Draws from softmax(logits / temperature) by inverting its cumulative sum."""
        scaled = (logits - top).astype(np.float64) / self._temperature
        cumulative = np.exp(scaled).cumsum()
        # Below the total, so that the index is always one of a positive weight.
        point = min(self._random.random() * cumulative[-1], np.nextafter(cumulative[-1], 0.0))
        return int(np.searchsorted(cumulative, point, side="right"))

    def result(self) -> WindowResult:
        """The window as decoded so far."""
        text = self._tokenizer.decode(self._sampled).strip()
        return WindowResult(
            tokens=tuple(self._sampled),
            text=text,
            avg_logprob=self._sum_logprob / (len(self._sampled) + 1),
            no_speech_prob=self._no_speech_prob,
            compression_ratio=compression_ratio(text),
            temperature=self._temperature,
            language=self._tokenizer.language,
        )
