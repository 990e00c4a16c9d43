"""What two successive hypotheses of a growing recording agree on: LocalAgreement-2.

After D. Macháček, R. Dabre, O. Bojar, "Turning Whisper into Real-Time Transcription System" (2023): text is
confirmed once two hypotheses in a row, the second with more audio than the first, begin with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .dims import TOKENS_PER_SECOND
from .tokenizer import Tokenizer

TOLERANCE: Final = TOKENS_PER_SECOND // 2  # half a second between two timestamps that still agree

Unit = tuple[int, ...]  # the tokens of a word, of punctuation, or one timestamp


def units(tokens: Sequence[int], tokenizer: Tokenizer) -> list[Unit]:
    """The tokens of a hypothesis as words and timestamps, so that no part of a word is ever confirmed."""
    result: list[Unit] = []
    text: list[int] = []
    for token in (*tokens, tokenizer.timestamp_begin):  # one at the end, to have the last words taken
        if token < tokenizer.timestamp_begin:
            text.append(token)
            continue
        if text:
            result += [tuple(word) for word in tokenizer.split_to_word_tokens(text)[1]]
            text = []
        result.append((token,))
    return result[:-1]


def agreed(before: Sequence[int], now: Sequence[int], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The longest beginning of `now`, in whole words, that `before` has too; times may differ a little."""
    result: list[int] = []
    for old, new in zip(units(before, tokenizer), units(now, tokenizer), strict=False):
        if old != new and not _near(old, new, tokenizer.timestamp_begin):
            break
        result += new
    return tuple(result)


def _near(old: Unit, new: Unit, begin: int) -> bool:
    if len(old) != 1 or len(new) != 1 or min(old[0], new[0]) < begin:
        return False
    return abs(old[0] - new[0]) <= TOLERANCE
