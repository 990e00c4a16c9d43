"""Telling what a model made up where nobody spoke, by its words: openai-whisper's rules.

Text that was never spoken has words that are improbable, too short or too long, and it stands among silence.
All times are in seconds from the recording's start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .punctuation import APPENDED, PREPENDED
from .transcription import Segment, Word

__all__ = ["Window", "first_hallucination", "is_anomalous", "leading_silence"]

_PUNCTUATION: Final = PREPENDED + APPENDED  # words of these alone say nothing
_IMPROBABLE: Final = 0.15
_SHORT: Final = 0.133  # seconds
_LONG: Final = 2.0
_WORDS_JUDGED: Final = 8
_NEAR_EDGE: Final = 2.0  # seconds from a window's ends, where silence may lie beyond


@dataclass(frozen=True, slots=True)
class Window:
    """Where a window lies: its start, the end of what was heard in it, and its end if it were 30 s long."""

    start: float
    heard_end: float
    full_end: float


def is_anomalous(segment: Segment | None) -> bool:
    """Whether the segment's first words are, nearly all of them or badly enough, unlike spoken ones."""
    if segment is None or not segment.words:
        return False
    words = [word for word in segment.words if word.word not in _PUNCTUATION][:_WORDS_JUDGED]
    score = sum(_anomaly(word) for word in words)
    return score >= 3 or score + 0.01 >= len(words)


def leading_silence(segments: Sequence[Segment], start: float, threshold: float) -> float | None:
    """Seconds from `start` to the window's first words if those are anomalous, and that is above `threshold`.

    What is heard from there on is then to be decoded again.
    """
    first = _next_with_words(segments)
    if first is None or not is_anomalous(first):
        return None
    gap = first.start - start
    return gap if gap > threshold else None


def first_hallucination(
    segments: Sequence[Segment], window: Window, last_speech: float, threshold: float
) -> int | None:
    """Index of the first anomalous segment that has silence, or another such segment, on both sides.

    `last_speech`: when the speech before the window ended.
    """
    for index, segment in enumerate(segments):
        if not segment.words:
            continue
        if is_anomalous(segment):
            following = _next_with_words(segments[index + 1 :])
            next_start = following.words[0].start if following and following.words else window.heard_end
            silence_before = (
                segment.start - last_speech > threshold
                or segment.start < threshold
                or segment.start - window.start < _NEAR_EDGE
            )
            silence_after = (
                next_start - segment.end > threshold
                or is_anomalous(following)
                or window.full_end - segment.end < _NEAR_EDGE
            )
            if silence_before and silence_after:
                return index
        last_speech = segment.end
    return None


def _anomaly(word: Word) -> float:
    duration = word.end - word.start
    score = 1.0 if word.probability < _IMPROBABLE else 0.0
    score += max(0.0, _SHORT - duration) * 15
    return score + max(0.0, duration - _LONG)


def _next_with_words(segments: Sequence[Segment]) -> Segment | None:
    return next((segment for segment in segments if segment.words), None)
