"""Rules that forbid tokens before one is chosen: openai-whisper's `LogitFilter`s.

A rule works in place on one row of logits, shape (n_vocab,) float32, given the tokens sampled so far in this
window (without prompt and start sequence); a forbidden token's logit becomes -inf. Rules hold no state of a
window, so one set serves all windows of a recording. Their order is that of openai-whisper: the timestamp
rule comes last, since it weighs what the others left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .dims import CHUNK_LENGTH
from .errors import OptionsError
from .options import TranscribeOptions
from .tokenizer import Tokenizer

Row = NDArray[np.float32]
Banned = tuple[frozenset[int], ...]  # sets of ids, none of which may be chosen


@dataclass(frozen=True, slots=True)
class Allowed:
    """What all rules together leave of a row, in a form that a device can apply (`choice_graph.py`).

    Text are the ids below `timestamps`, of which those from `first_text` on may be chosen; timestamps are the
    others, from `first_timestamp` to `last_timestamp`; what is in `banned` may not. Where both are left, the
    timestamps are weighed against the text, as ApplyTimestampRules says.
    """

    banned: Banned
    first_text: int
    timestamps: int
    first_timestamp: int
    last_timestamp: int


class Rule(Protocol):
    """Forbids tokens of a row, given the tokens sampled so far."""

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        """In place."""

    def narrow(self, allowed: Allowed, sampled: Sequence[int]) -> Allowed:
        """The same in words: what is left of what the rules before have allowed."""
        ...


def allowed_by(rules: Sequence[Rule], sampled: Sequence[int], n_vocab: int) -> Allowed:
    """What these rules leave after the tokens `sampled` so far."""
    allowed = Allowed((), 0, n_vocab, n_vocab, n_vocab)
    for rule in rules:
        allowed = rule.narrow(allowed, sampled)
    return allowed


class SuppressBlank:
    """Keeps a window from beginning with a lone space or with its end."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._ids = np.array([*tokenizer.encode(" "), tokenizer.eot])
        self._banned = frozenset(self._ids.tolist())

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        if not sampled:
            logits[self._ids] = -np.inf

    def narrow(self, allowed: Allowed, sampled: Sequence[int]) -> Allowed:
        return allowed if sampled else replace(allowed, banned=(*allowed.banned, self._banned))


class SuppressTokens:
    """Forbids a fixed set of ids."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids = np.array(sorted(set(ids)), dtype=np.intp)
        self._banned = frozenset(self._ids.tolist())

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        logits[self._ids] = -np.inf

    def narrow(self, allowed: Allowed, sampled: Sequence[int]) -> Allowed:
        return replace(allowed, banned=(*allowed.banned, self._banned))


class ApplyTimestampRules:
    """Makes timestamps frame the text: a first one, then pairs between segments, never going back.

    After the masks, if the timestamps together are likelier than the likeliest single other token, one of
    them is sampled. `max_initial_index` is the latest first timestamp in steps of 20 ms, None for no limit.
    """

    def __init__(self, tokenizer: Tokenizer, max_initial_index: int | None) -> None:
        self._eot = tokenizer.eot
        self._begin = tokenizer.timestamp_begin
        self._n_vocab = tokenizer.n_vocab
        self._no_timestamps = tokenizer.no_timestamps
        self._banned = frozenset([tokenizer.no_timestamps])
        self._latest = self._n_vocab - 1  # of all first timestamps
        if max_initial_index is not None:
            self._latest = min(self._latest, self._begin + max_initial_index)

    def apply(self, logits: Row, sampled: Sequence[int]) -> None:
        begin = self._begin
        first_text, earliest, latest = self._left(sampled)
        logits[self._no_timestamps] = -np.inf
        logits[:first_text] = -np.inf
        logits[begin:earliest] = -np.inf
        logits[latest + 1 :] = -np.inf
        if first_text == begin:
            return
        # Comparing log probabilities is comparing logits: the normaliser is the same on both sides.
        if _log_sum_exp(logits[earliest:]) > logits[first_text:begin].max():
            logits[first_text:begin] = -np.inf

    def narrow(self, allowed: Allowed, sampled: Sequence[int]) -> Allowed:
        first_text, earliest, latest = self._left(sampled)
        return Allowed((*allowed.banned, self._banned), first_text, self._begin, earliest, latest)

    def _left(self, sampled: Sequence[int]) -> tuple[int, int, int]:
        """The first text, the earliest and the latest timestamp that may come; one too high means none."""
        begin, last_id = self._begin, self._n_vocab - 1
        if not sampled:
            return begin, begin, self._latest  # the window opens with a timestamp; nothing is left to weigh
        after_timestamp = sampled[-1] >= begin
        if after_timestamp and (len(sampled) < 2 or sampled[-2] >= begin):
            return 0, self._n_vocab, last_id  # a segment has begun: text has to follow
        # After the timestamp that closes a segment only the one that opens the next, or the end, may come.
        first_text = self._eot if after_timestamp else 0
        last = next((token for token in reversed(sampled) if token >= begin), None)
        if last is None:
            return first_text, begin, last_id
        # Times do not go back, and a segment has a length: only the opening timestamp of a pair may repeat.
        return first_text, last if after_timestamp else last + 1, last_id


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
