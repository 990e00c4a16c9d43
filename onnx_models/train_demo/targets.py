"""What the model should say about a window: the token sequence, and when each token is spoken.

The sequences are those that openai-whisper's ``transcribe`` reads (``transcribe.py``, ``decoding.py``):

window                            tokens after ``<|startoftranscript|><|en|><|transcribe|>``
--------------------------------  --------------------------------------------------------------------------
sentences                         ``<|0.00|> A<|1.20|><|2.00|> B<|3.10|>`` end: nothing more is said
the last one cut off at 30 s      ``... B<|3.10|><|28.40|>`` end: the next window begins at 3.10
silence before the first          ``<|0.00|> <|5.00|><|5.00|> A<|6.20|>``: a blank segment, see below
silence, then one cut off         ``<|0.00|> <|28.40|><|28.40|>`` end: the next window begins at 28.40
no speech                         ``<|0.00|>`` end, and ``<|nospeech|>`` in the place of ``<|en|>``

``transcribe`` lets no window begin with a time over 1 s, and gives a window of one segment the window's own
start whatever its first time says.  The blank segment, a single space, is how this model says when speech
begins in spite of both: ``transcribe`` clears a segment without text, and the next one has its true times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .vocabulary import ReducedVocabulary
from .windows import Composer, Spoken, Window

BLANK_FROM_S = 0.3
"""Silence at a window's start that is worth a blank segment."""
LONGEST_PROMPT = 223
"""Tokens of previous text that ``transcribe`` keeps: half the text context less one."""
TOUCH_S = 0.06
"""A token is taken to be heard this long before and after its own time too."""
IGNORED = -100

Span = tuple[float, float]


@dataclass(frozen=True)
class TargetOptions:
    """How often windows come with times and with previous text."""

    timestamps: float = 0.85
    prompts: float = 0.4
    longest_prompt: int = LONGEST_PROMPT


@dataclass(frozen=True)
class Targets:
    """Reduced token indices of one window: ``inputs[i]`` should be followed by ``labels[i]`` (or IGNORED).

    ``input_spans`` and ``label_spans`` tell where (seconds) a token is heard; some tokens have none.
    """

    inputs: list[int]
    labels: list[int]
    input_spans: dict[int, Span]
    label_spans: dict[int, Span]


def token_spans(vocabulary: ReducedVocabulary, spoken: Spoken) -> list[tuple[int, Span]]:
    """The tokens of a sentence with the time each is spoken in; a word's time is shared out by letters."""
    spans: list[tuple[int, Span]] = []
    ends = np.append(spoken.words[1:], spoken.end)
    for word, start, end in zip(spoken.text.split(), spoken.words, ends, strict=True):
        pieces = vocabulary.word(word)
        letters = sum(count for _, count in pieces)
        said = 0
        for index, count in pieces:
            first = start + (end - start) * said / letters
            said += count
            last = start + (end - start) * said / letters
            spans.append((index, (float(first), float(last))))
    return spans


class TargetMaker:
    """Draws targets for windows."""

    def __init__(
        self,
        vocabulary: ReducedVocabulary,
        composer: Composer,
        options: TargetOptions,
        rng: np.random.Generator,
    ) -> None:
        self._vocabulary, self._composer, self._options, self._rng = vocabulary, composer, options, rng

    def make(self, window: Window) -> Targets:
        """Targets for a window, with or without times and previous text as the options' chances have it."""
        vocabulary, special = self._vocabulary, self._vocabulary.special
        # Text without times cannot tell a cut-off sentence from a whole one, so these windows have times.
        timed = window.cut_off is not None or self._rng.random() < self._options.timestamps
        prompt = self._prompt(window) if self._rng.random() < self._options.prompts else []
        tokens = [*prompt, special.start, special.language, special.transcribe]
        spans: dict[int, Span] = {}

        def add(index: int, span: Span | None) -> None:
            if span is not None:
                spans[len(tokens)] = (span[0] - TOUCH_S, span[1] + TOUCH_S)
            tokens.append(index)

        def add_time(seconds: float) -> None:
            add(vocabulary.timestamp(seconds), (seconds, seconds))

        if not timed:
            tokens.append(special.no_timestamps)
        for place, spoken in enumerate(window.spoken):
            if timed and place == 0:
                self._begin(add, spoken.start)
            if timed:
                add_time(spoken.start)
            for index, span in token_spans(vocabulary, spoken):
                add(index, span)
            if timed:
                add_time(spoken.end)
        if window.cut_off is not None:
            if not window.spoken:
                self._begin(add, window.cut_off.start)
            add_time(window.cut_off.start)
        if timed and not window.spoken and window.cut_off is None:
            add(vocabulary.timestamp(0.0), None)
        tokens.append(special.end)

        labels = tokens[1:]
        start = len(prompt)
        labels[:start] = [IGNORED] * start
        if not window.spoken and window.cut_off is None:
            labels[start] = special.no_speech
        label_spans = {place - 1: span for place, span in spans.items() if place > start}
        return Targets(tokens[:-1], labels, spans, label_spans)

    def _begin(self, add: Callable[[int, Span | None], None], start: float) -> None:
        """The blank segment before speech that begins late."""
        if start > BLANK_FROM_S:
            add(self._vocabulary.timestamp(0.0), (0.0, 0.0))
            add(self._vocabulary.special.blank, None)
            add(self._vocabulary.timestamp(start), (start, start))

    def _prompt(self, window: Window) -> list[int]:
        """Previous text as ``transcribe`` gives it: segments with their times in earlier windows, cut to fit.

        Some of it misleads on purpose, so that the model trusts what it hears: one sentence over and over,
        the sentences of the window itself in another order, text without times.
        """
        rng, vocabulary = self._rng, self._vocabulary
        room = int(
            rng.choice([self._options.longest_prompt, int(rng.integers(8, self._options.longest_prompt + 1))])
        )
        style = rng.choice(4, p=(0.70, 0.12, 0.08, 0.10))
        own = [spoken.text for spoken in window.spoken]
        repeated = self._composer.text()
        tokens: list[int] = []
        now = float(rng.uniform(0, 3))
        while len(tokens) < room and (rng.random() > 0.03 or not tokens):
            text = self._composer.text()
            if style == 1:
                text = repeated
            elif style == 2 and own:
                text = own[rng.integers(len(own))]
            end = now + len(text.split()) * rng.uniform(0.25, 0.45)
            if end > 30:
                now = float(rng.uniform(0, 1))
                continue
            times = [] if style == 3 else [vocabulary.timestamp(now), vocabulary.timestamp(end)]
            tokens += times[:1] + vocabulary.text(text) + times[1:]
            now = end + rng.uniform(0.1, rng.choice((0.6, 2, 6)))
        return [vocabulary.special.previous, *tokens[-room:]]
