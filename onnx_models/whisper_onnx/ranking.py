"""Choosing among finished texts of one window: openai-whisper's `MaximumLikelihoodRanker`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text of a window: its ids without the end, and the log probability of all that was sampled."""

    tokens: tuple[int, ...]
    sum_logprob: float


def likeliest(candidates: Sequence[Candidate], length_penalty: float | None) -> Candidate:
    """The candidate with the highest score, the first of those that are equal."""
    return max(candidates, key=lambda candidate: score(candidate, length_penalty))


def score(candidate: Candidate, length_penalty: float | None) -> float:
    """Log probability per token, or with Google NMT's penalty ((5 + n) / 6) ** length_penalty in n's place.

    Wu et al. 2016, equation 14. An empty text scores -inf in the first case (openai-whisper divides by zero).
    """
    count = len(candidate.tokens)
    if length_penalty is None:
        return candidate.sum_logprob / count if count else -math.inf
    return float(candidate.sum_logprob / ((5 + count) / 6) ** length_penalty)
