"""Beam search with patience: openai-whisper's `BeamSearchDecoder`, patience after Kasai et al. 2022.

In each step every beam proposes its likeliest beam_size + 1 tokens. All proposals are ranked together; from
the best down, those that end are finished texts, until beam_size others have been kept as the next beams. The
search is complete when round(beam_size * patience) texts have finished.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .needs import Feed
from .ranking import Candidate
from .rules import Rule
from .search import Logits, WindowSearch, feed, log_normaliser, placed
from .tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class _Beam:
    """A text that goes on, in slot `slot`. Scores are sums in float32, as in openai-whisper."""

    tokens: tuple[int, ...]
    score: np.float32
    slot: int


def likeliest_tokens(row: Logits, count: int) -> list[int]:
    """Ids of the `count` greatest values of a row, (n_vocab,), descending; of equals the lower id first.

    Fewer when fewer are above -inf.
    """
    least = np.partition(row, -count)[-count] if count < len(row) else -np.inf
    ids = np.flatnonzero(row >= least) if least > -np.inf else np.flatnonzero(row > -np.inf)
    return [int(token) for token in ids[np.argsort(-row[ids], kind="stable")][:count]]


class BeamSearch(WindowSearch):
    """Beam search at temperature 0 with `count` beams.

    Proposals of probability 0, where the rules leave fewer tokens than there are beams, are dropped
    (openai-whisper keeps them as beams that cannot win).
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        rules: Sequence[Rule],
        initial: tuple[int, ...],
        *,
        count: int,
        limit: int,
        patience: float | None = None,
        length_penalty: float | None = None,
    ) -> None:
        super().__init__(
            tokenizer,
            rules,
            initial,
            count=count,
            limit=limit,
            temperature=0.0,
            length_penalty=length_penalty,
        )
        self._enough = round(count * (patience or 1.0))
        self._beams = [_Beam((), np.float32(0.0), 0)]  # best first
        self._finished: list[Candidate] = []
        self._steps = 0

    def advance(self, logits: Logits) -> Feed | None:
        """See `WindowSearch`."""
        proposals = self._proposals(logits)
        # Python's sort is stable, so of equals that of the better beam and the likelier token comes first.
        proposals.sort(key=lambda proposal: proposal[0], reverse=True)
        kept: list[tuple[np.float32, int, _Beam]] = []
        for score, token, beam in proposals:
            if token != self._tokenizer.eot:
                kept.append((score, token, beam))
                if len(kept) == self.count:
                    break
            elif len(self._finished) < self._enough:
                self._finished.append(Candidate(beam.tokens, float(score)))
        self._steps += 1
        if not kept:
            return None
        sources = [beam.slot for _, _, beam in kept]
        if self._steps == 1:  # all slots hold the prompt by now
            sources = list(range(len(kept)))
        places = placed(sources)
        self._beams = [
            _Beam((*beam.tokens, token), score, place)
            for (score, token, beam), place in zip(kept, places, strict=True)
        ]
        if len(self._finished) >= self._enough or self._steps >= self._limit:
            return None
        return feed([token for _, token, _ in kept], sources, places)

    def _proposals(self, logits: Logits) -> list[tuple[np.float32, int, _Beam]]:
        """Each beam's likeliest tokens with the score of its text continued by them."""
        proposals = []
        for beam in self._beams:
            row = logits[beam.slot]
            self._apply_rules(row, beam.tokens)
            tokens = likeliest_tokens(row, self.count + 1)
            if not tokens:
                continue
            top = row[tokens[0]]
            normaliser = log_normaliser(row, top)
            proposals += [(beam.score + (row[token] - top - normaliser), token, beam) for token in tokens]
        return proposals

    def candidates(self) -> list[Candidate]:
        """See `WindowSearch`: the finished texts and, where they are fewer than beams, unfinished ones."""
        found = list(self._finished)
        # Of equals the one ranked lower comes first, as in openai-whisper's reversed `argsort`.
        for beam in sorted(self._beams, key=lambda beam: beam.score)[::-1]:
            if len(found) >= self.count:
                break
            found.append(Candidate(beam.tokens, float(beam.score)))
        return found
