"""Greedy decoding, and the best of n sampled at a temperature: openai-whisper's `GreedyDecoder`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .needs import Chosen, Feed
from .ranking import Candidate
from .rules import Rule, allowed_by
from .search import Logits, WindowSearch, feed, log_normaliser, placed
from .tokenizer import Tokenizer


@dataclass(slots=True)
class _Text:
    tokens: list[int] = field(default_factory=list)
    sum_logprob: float = 0.0
    slot: int = 0
    ended: bool = False


class Sampling(WindowSearch):
    """`count` texts, each token of them the likeliest at temperature 0, drawn from softmax(logits / t) above.

    A text that has ended gives up its slot. `seed` tells this attempt's random numbers from those of every
    other; they are numpy's, so samples are not openai-whisper's.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        rules: Sequence[Rule],
        initial: tuple[int, ...],
        *,
        count: int = 1,
        limit: int,
        temperature: float = 0.0,
        length_penalty: float | None = None,
        seed: Sequence[int] = (0,),
    ) -> None:
        super().__init__(
            tokenizer,
            rules,
            initial,
            count=count,
            limit=limit,
            temperature=temperature,
            length_penalty=length_penalty,
        )
        self._random = np.random.default_rng(seed)
        self._texts = [_Text() for _ in range(count)]
        self._steps = 0

    def advance(self, logits: Logits) -> Feed | None:
        """See `WindowSearch`. The first row, the prompt's, is every text's."""
        points = self._random.random(self.count) if self._temperature > 0 else None
        ready: dict[int, tuple[np.float32, np.float32]] = {}
        for index, text in enumerate(self._texts):
            if text.ended:
                continue
            row = logits[text.slot]
            if text.slot not in ready:
                self._apply_rules(row, text.tokens)
                top = row.max()
                ready[text.slot] = top, log_normaliser(row, top)
            top, normaliser = ready[text.slot]
            token = int(row.argmax()) if points is None else self._draw(row, top, points[index])
            text.sum_logprob += float(row[token] - top) - float(normaliser)
            self._append(text, token)
        return self._go_on()

    def chosen(self, choice: Chosen) -> Feed | None:
        """See `WindowSearch`."""
        (text,) = self._texts
        text.sum_logprob += choice.logprob
        self._append(text, choice.token)
        return self._go_on()

    def _append(self, text: _Text, token: int) -> None:
        if token == self._tokenizer.eot:
            text.ended = True
        else:
            text.tokens.append(token)

    def _go_on(self) -> Feed | None:
        self._steps += 1
        going = [text for text in self._texts if not text.ended]
        if not going or self._steps >= self._limit:
            return None
        if self.count == 1 and self._temperature == 0:
            (text,) = going
            allowed = allowed_by(self._rules, text.tokens, self._tokenizer.n_vocab)
            return Feed((text.tokens[-1],), allowed=allowed)
        sources = [text.slot for text in going] if self._steps > 1 else list(range(len(going)))
        places = placed(sources)
        for text, place in zip(going, places, strict=True):
            text.slot = place
        return feed([text.tokens[-1] for text in going], sources, places)

    def _draw(self, row: Logits, top: np.float32, point: float) -> int:
        """Draws from softmax(row / temperature) by inverting its cumulative sum at `point`, from 0 to 1."""
        scaled = (row - top).astype(np.float64) / self._temperature
        cumulative = np.exp(scaled).cumsum()
        # Below the total, so that the index is always one of a positive weight.
        point = min(point * cumulative[-1], np.nextafter(cumulative[-1], 0.0))
        return int(np.searchsorted(cumulative, point, side="right"))

    def candidates(self) -> list[Candidate]:
        """See `WindowSearch`."""
        return [Candidate(tuple(text.tokens), text.sum_logprob) for text in self._texts]
