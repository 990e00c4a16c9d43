"""From the times of a window's words to segments with words: punctuation, and what openai-whisper puts right.

The attention says well when a word begins and badly how long it lasts where speech pauses, so words around a
pause are cut short by the window's usual length of a word. The rules and numbers are openai-whisper's
`merge_punctuations` and `add_word_timestamps`.

A model may hear a segment of nothing but blanks in a pause. openai-whisper joins the blank to the word that
follows, which is then missing from its own segment, and later words may belong to the segment before their
own; `join_blanks=False` leaves the blanks out instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from .alignment import WordTiming
from .dims import FRAMES_PER_SECOND
from .punctuation import SENTENCE_ENDS
from .tokenizer import Tokenizer
from .transcription import Segment, Word

__all__ = ["add_words", "last_word_end", "merge_punctuations", "text_tokens"]

_LONGEST_MEDIAN: Final = 0.7  # seconds
_PAUSE: Final = 4  # median words without speech
_TOLERANCE: Final = 0.5  # seconds by which a segment's own time may cut off its first or last word


def text_tokens(segments: Sequence[Segment], tokenizer: Tokenizer) -> list[list[int]]:
    """The tokens of each segment that are text."""
    return [[token for token in segment.tokens if token < tokenizer.eot] for segment in segments]


def add_words(
    segments: Sequence[Segment],
    timings: Sequence[WordTiming],
    *,
    tokenizer: Tokenizer,
    prepended: str,
    appended: str,
    last_speech: float,
    join_blanks: bool = True,
) -> list[Segment]:
    """A window's segments with `words`, which also move the segments' start and end.

    `timings` are those of the segments' texts together, and are overwritten; `prepended` and `appended` are
    the marks that belong to the word after and before them; `last_speech` is when the recording's speech
    before the window ended, in seconds. A word that is in two segments is counted to the first. For
    `join_blanks` see above.
    """
    if not segments:
        return []
    texts = text_tokens(segments, tokenizer)
    blank = [not join_blanks and not segment.text.strip() for segment in segments]
    timings = _without(blank, texts, timings)
    median = _median_duration(timings)
    _shorten_sentence_ends(timings, 2 * median)
    merge_punctuations(timings, prepended, appended)

    offset = segments[0].seek / FRAMES_PER_SECOND
    waiting = iter(timings)
    result = []
    for segment, tokens, skipped in zip(segments, texts, blank, strict=True):
        words: list[WordTiming] = []
        taken = len(tokens) if skipped else 0
        while taken < len(tokens) and (timing := next(waiting, None)) is not None:
            taken += len(timing.tokens)
            if timing.word:
                timing.start = round(offset + timing.start, 2)
                timing.end = round(offset + timing.end, 2)
                words.append(timing)
        segment = _fitted(segment, words, median, last_speech)
        if words:
            last_speech = segment.end
        result.append(segment)
    return result


def _without(
    skipped: Sequence[bool], texts: Sequence[Sequence[int]], timings: Sequence[WordTiming]
) -> list[WordTiming]:
    """The timings without those of skipped segments; one that reaches into another segment stays."""
    gone = [skip for skip, tokens in zip(skipped, texts, strict=True) for _ in tokens]
    kept: list[WordTiming] = []
    position = 0
    for timing in timings:
        end = position + len(timing.tokens)
        if position == end or not all(gone[position:end]):
            kept.append(timing)
        position = end
    return kept


def last_word_end(segments: Sequence[Segment]) -> float | None:
    """When the last word ends, or, if there is no word, the last segment; None for no segments. Seconds."""
    for segment in reversed(segments):
        if segment.words:
            return segment.words[-1].end
    return segments[-1].end if segments else None


def merge_punctuations(timings: Sequence[WordTiming], prepended: str, appended: str) -> None:
    """Joins marks to the word after or before them; what was joined stays in place without text or tokens.

    Only a mark with a space before it is prepended (an opening quotation mark, not a closing one), and
    nothing is appended to a word that ends in a space. The word keeps its own times.
    """
    following = len(timings) - 1
    for i in range(len(timings) - 2, -1, -1):
        mark, word = timings[i], timings[following]
        if mark.word.startswith(" ") and mark.word.strip() in prepended:
            word.word, word.tokens = mark.word + word.word, mark.tokens + word.tokens
            mark.word, mark.tokens = "", []
        else:
            following = i

    previous = 0
    for i in range(1, len(timings)):
        word, mark = timings[previous], timings[i]
        if not word.word.endswith(" ") and mark.word in appended:
            word.word, word.tokens = word.word + mark.word, word.tokens + mark.tokens
            mark.word, mark.tokens = "", []
        else:
            previous = i


def _median_duration(timings: Sequence[WordTiming]) -> float:
    """The usual length of the window's words in seconds, 0 when none has a length."""
    durations = [t.end - t.start for t in timings if t.end != t.start]
    return min(_LONGEST_MEDIAN, float(np.median(durations))) if durations else 0.0


def _shorten_sentence_ends(timings: Sequence[WordTiming], longest: float) -> None:
    """A mark at a sentence's end, or the word after it, that is too long has a pause in it: cut that off."""
    if longest == 0:
        return
    for previous, timing in pairwise(timings):
        if timing.end - timing.start > longest:
            if timing.word in SENTENCE_ENDS:
                timing.end = timing.start + longest
            elif previous.word in SENTENCE_ENDS:
                timing.start = timing.end - longest


def _fitted(segment: Segment, words: Sequence[WordTiming], median: float, last_speech: float) -> Segment:
    """The segment with these words: the words at its ends cut where they are too long, else its own ends."""
    if not words:
        return replace(segment, words=())
    start, end = segment.start, segment.end
    first, last = words[0], words[-1]
    if first.end - last_speech > _PAUSE * median:
        _shorten_after_pause(words, 2 * median)

    if first.start < start - _TOLERANCE and start < first.end:
        first.start = max(0.0, min(first.end - median, start))
    else:
        start = first.start
    if last.start < end and end + _TOLERANCE < last.end:
        last.end = max(last.start + median, end)
    else:
        end = last.end
    frozen = tuple(Word(word.word, word.start, word.end, word.probability) for word in words)
    return replace(segment, start=start, end=end, words=frozen)


def _shorten_after_pause(words: Sequence[WordTiming], longest: float) -> None:
    """The first word after a pause, and the second, may have swallowed it."""
    first, second = words[0], words[1] if len(words) > 1 else None
    pair_too_long = second is not None and second.end - first.start > 2 * longest
    if first.end - first.start <= longest and not pair_too_long:
        return
    if second is not None and second.end - second.start > longest:
        first.end = second.start = max(second.end / 2, second.end - longest)
    first.start = max(0.0, first.end - longest)
