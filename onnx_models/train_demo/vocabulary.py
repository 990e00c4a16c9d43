"""The few rows of Whisper's vocabulary that this model trains.

Whisper knows 51,865 tokens; the sentences here need a few hundred.  Training works on *reduced* indices: the
used tokens, then one index that stands for all unused tokens at once, then the 1,501 timestamps.
"""

from __future__ import annotations

from dataclasses import dataclass

from whisper.tokenizer import get_tokenizer

from .grammar import VOCABULARY

FULL_SIZE = 51_865
N_TIMESTAMPS = 1_501
TIMESTAMP_S = 0.02


@dataclass(frozen=True)
class Special:
    """Reduced indices of the tokens that are no text."""

    end: int
    start: int
    language: int
    transcribe: int
    previous: int
    no_timestamps: int
    no_speech: int
    blank: int


class ReducedVocabulary:
    """Turns words and times into reduced indices, and knows the full tokens behind them."""

    def __init__(self) -> None:
        tokenizer = get_tokenizer(multilingual=True, language="en", task="transcribe")
        start, language, transcribe = tokenizer.sot_sequence
        special = [tokenizer.eot, start, language, transcribe, tokenizer.sot_prev]
        special += [tokenizer.no_timestamps, tokenizer.no_speech, *tokenizer.encode(" ")]
        self._encoded: dict[str, list[int]] = {mark: tokenizer.encode(mark) for mark in ".,?"}
        for word in VOCABULARY:
            for spelling in (word, word[0].upper() + word[1:]):
                self._encoded[spelling] = tokenizer.encode(" " + spelling)
        text = sorted({token for tokens in self._encoded.values() for token in tokens})
        self.used: list[int] = text + special
        """Full tokens in the order of their reduced indices."""
        self._pieces = {token: tokenizer.decode([token]) for token in text}
        reduced = {token: index for index, token in enumerate(self.used)}
        self._words = {
            word: [(reduced[token], sum(map(str.isalpha, self._pieces[token]))) for token in tokens]
            for word, tokens in self._encoded.items()
        }
        self.special = Special(*(reduced[token] for token in special))
        self.n_text = len(text)
        self.unused = len(self.used)
        self.first_timestamp = self.unused + 1
        self.first_timestamp_full = tokenizer.timestamp_begin
        self.size = self.first_timestamp + N_TIMESTAMPS
        self.n_unused = FULL_SIZE - len(self.used) - N_TIMESTAMPS

    def timestamp(self, seconds: float) -> int:
        """The index of the timestamp nearest to this time of the window."""
        return self.first_timestamp + min(N_TIMESTAMPS - 1, max(0, round(seconds / TIMESTAMP_S)))

    def word(self, word: str) -> list[tuple[int, int]]:
        """(index, letters) of each token of a word as it stands in a sentence, its mark included."""
        bare = word.rstrip(".,?")
        return self._words[bare] + [piece for mark in word[len(bare) :] for piece in self._words[mark]]

    def text(self, text: str) -> list[int]:
        """The indices of a sentence."""
        return [index for word in text.split() for index, _ in self.word(word)]
