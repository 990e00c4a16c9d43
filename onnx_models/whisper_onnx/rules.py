"""Rules that forbid tokens before one is chosen: openai-whisper's `LogitFilter`s.

A rule works in place on one row of logits, shape (n_vocab,) float32, given the tokens sampled so far in this
window (without prompt and start sequence); a forbidden token's logit becomes -inf. Rules hold no state of a
window, so one set serves all windows of a recording. Their order is that of openai-whisper: the timestamp
rule comes last, since it weighs what the others left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .dims import CHUNK_LENGTH
from .errors import OptionsError
from .options import TranscribeOptions
from .tokenizer import Tokenizer

Row = NDArray[np.float32]


class Rule(Protocol):
    """Forbids tokens of a row in place, given the tokens sampled so far."""

    def apply(self, logits: Row, sampled: Sequence[int]) -> None: ...


class SuppressBlank:
    """Keeps a window from beginning with a lone space or with its end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._ids = np.array([*tokenizer.encode(" "), tokenizer.eot])

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        if not sampled:
            logits[self._ids] = -np.inf


class SuppressTokens:
    """Forbids a fixed set of ids."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = np.array(sorted(set(ids)), dtype=np.intp)

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        logits[self._ids] = -np.inf


class ApplyTimestampRules:
    """Makes timestamps frame the text: a first one, then pairs between segments, never going back.

    After the masks, if the timestamps together are likelier than the likeliest single other token, one of
    them is sampled. `max_initial_index` is the latest first timestamp in steps of 20 ms, None for no limit.
    """

    def __init__(self, tokenizer: Tokenizer, max_initial_index: int | None) -> None:
        self._eot = tokenizer.eot
        self._no_timestamps = tokenizer.no_timestamps
        self._begin = tokenizer.timestamp_begin
        self._max_initial = max_initial_index

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        begin = self._begin
        if not sampled:
            # The window opens with a timestamp; nothing is left to weigh.
            logits[:begin] = -np.inf
            if self._max_initial is not None:
                logits[begin + self._max_initial + 1 :] = -np.inf
            return

        logits[self._no_timestamps] = -np.inf
        after_timestamp = sampled[-1] >= begin
        after_pair = after_timestamp and (len(sampled) < 2 or sampled[-2] >= begin)
        if after_pair:
            # A segment has begun: text has to follow, which leaves no timestamp to weigh.
            logits[begin:] = -np.inf
            return
        # After the timestamp that closes a segment only the one that opens the next, or the end, may come.
        first_text = self._eot if after_timestamp else 0
        logits[:first_text] = -np.inf

        last = next((token for token in reversed(sampled) if token >= begin), None)
        earliest = begin
        if last is not None:
            # Times do not go back, and a segment has a length: only the opening timestamp of a pair may
            # repeat.
            earliest = last if after_timestamp else last + 1
            logits[begin:earliest] = -np.inf

        # Comparing log probabilities is comparing logits: the normaliser is the same on both sides.
        if _log_sum_exp(logits[earliest:]) > logits[first_text:begin].max():
            logits[first_text:begin] = -np.inf


def _log_sum_exp(values: Row) -> float:
    """log(sum(exp(values))); -inf when there is nothing, or nothing but -inf."""
    top = float(values.max(initial=-np.inf))
    if top == -np.inf:
        return top
    return top + float(np.log(np.exp(values - np.float32(top)).sum()))


def rules_for(tokenizer: Tokenizer, options: TranscribeOptions, n_audio_ctx: int) -> tuple[Rule, ...]:
    """The rules that these options ask for, in the order in which they apply.

    Raises OptionsError when `suppress_tokens` names an id that the vocabulary does not have.
    """
    rules: list[Rule] = []
    if options.suppress_blank:
        rules.append(SuppressBlank(tokenizer))
    if ids := options.suppressed():
        if max(ids) >= tokenizer.n_vocab:
            raise OptionsError("suppress_tokens", f"the vocabulary has no id {max(ids)}")
        rules.append(SuppressTokens(_with_control_tokens(ids, tokenizer)))
    if not options.without_timestamps:
        limit, precision = options.max_initial_timestamp, CHUNK_LENGTH / n_audio_ctx  # 0.02 s
        rules.append(ApplyTimestampRules(tokenizer, round(limit / precision) if limit else None))
    return tuple(rules)


def _with_control_tokens(ids: Sequence[int], tokenizer: Tokenizer) -> list[int]:
    """The ids, with -1 resolved, and the special tokens that only prompts hold."""
    result = [i for i in ids if i >= 0]
    if -1 in ids:
        result += tokenizer.non_speech_tokens
    result += [
        tokenizer.transcribe,
        tokenizer.translate,
        tokenizer.sot,
        tokenizer.sot_prev,
        tokenizer.sot_lm,
        tokenizer.no_speech,  # its probability is read at the start of the window instead
    ]
    return result
