"""When laid-out subtitles come and go: never two at once, none too short to be read where there is room."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from stenobox.exports.characters import is_wide, width
from stenobox.exports.options import Layout
from stenobox.exports.wrapping import Piece, cut

__all__ = ["Shown", "Spoken", "Word", "lay_out"]

_FASTEST: Final = 30
"""Characters a second. Nobody speaks faster: a segment that is shorter has wrong times."""


class Word(NamedTuple):
    """Times in milliseconds."""

    start: int
    end: int
    text: str


class Spoken(NamedTuple):
    """What was said at once; times in milliseconds. `label` goes before the text and takes room on the line.

    `words` may be empty; only if together they are the text do their times count.
    """

    start: int
    end: int
    text: str
    label: str = ""
    speaker: str = ""
    words: tuple[Word, ...] = ()


class Shown(NamedTuple):
    """One cue; times in milliseconds, end > start >= 0."""

    start: int
    end: int
    lines: tuple[str, ...]
    speaker: str


def lay_out(spoken: Iterable[Spoken], layout: Layout) -> Iterator[Shown]:
    """Cues in order of time, `cue_gap` apart; none is shown longer than `cue_max`.

    A cue begins when it is spoken, or later where another one is still there (channels that speak at once).
    It stays for `cue_min`, and until it can be read at `max_cps`, as far as the next one leaves room; what
    would be too short so is shown together with what the same speaker says next, if that fits.
    """
    said = list(_joined(sorted(spoken, key=lambda one: one.start), layout))
    pieces: list[Shown] = []
    for one, following in itertools.zip_longest(said, said[1:]):
        pieces += _pieces(one, math.inf if following is None else following.start, layout)
    pieces.sort(key=lambda piece: piece.start)
    earliest = 0
    for piece, following in itertools.zip_longest(pieces, pieces[1:]):
        start = max(piece.start, earliest)
        natural = max(1, piece.end - piece.start)
        # Half of what it takes to say it is left to a cue in any case; the next one has to wait for that.
        floor = max(1, min(natural, layout.cue_min) - layout.cue_gap, min(natural, layout.cue_min) // 2)
        read = math.ceil(sum(map(width, piece.lines)) * 1000 / layout.max_cps)
        wanted = max(piece.end, start + layout.cue_min, start + read)
        room = math.inf if following is None else following.start - layout.cue_gap
        end = max(start + floor, int(min(wanted, start + layout.cue_max, room)))
        yield Shown(start, end, piece.lines, piece.speaker)
        earliest = end + layout.cue_gap


def _joined(said: Iterable[Spoken], layout: Layout) -> Iterator[Spoken]:
    before: Spoken | None = None
    for one in said:
        if not one.text.strip():
            continue
        if before is None:
            before = one
        elif (both := _together(before, one, layout)) is not None:
            before = both
        else:
            yield before
            before = one
    if before is not None:
        yield before


def _together(one: Spoken, other: Spoken, layout: Layout) -> Spoken | None:
    """Both as one cue; None where they need not or cannot be."""
    if other.start - layout.cue_gap - one.start >= layout.cue_min:
        return None
    if (one.label, one.speaker) != (other.label, other.speaker) or other.start < one.end:
        return None
    between = "" if is_wide(one.text.rstrip()[-1]) and is_wide(other.text.lstrip()[0]) else " "
    text = one.text.rstrip() + between + other.text.lstrip()
    shown = f"{one.label} {text}" if one.label else text
    if other.end - one.start > layout.cue_max or len(cut(shown, layout.line_chars, layout.cue_lines)) > 1:
        return None
    # Words of only one of them would not be the text.
    words = (*one.words, *other.words) if one.words and other.words else ()
    return one._replace(end=other.end, text=text, words=words)


def _pieces(spoken: Spoken, following: float, layout: Layout) -> Iterator[Shown]:
    letters = len("".join(spoken.text.split()))
    if not letters:
        return
    end = max(spoken.end, int(min(following, spoken.start + letters * 1000 / _FASTEST)), spoken.start + 1)
    text = f"{spoken.label} {spoken.text}" if spoken.label else spoken.text
    least = math.ceil((end - spoken.start) / layout.cue_max)
    pieces = cut(text, layout.line_chars, layout.cue_lines, least)
    label = len("".join(spoken.label.split()))
    for piece, (start, stop) in zip(pieces, _times(spoken, end, pieces, label, letters), strict=True):
        yield Shown(start, max(stop, start + 1), piece.lines, spoken.speaker)


def _times(
    spoken: Spoken, end: int, pieces: Sequence[Piece], label: int, letters: int
) -> Iterator[tuple[int, int]]:
    """By the words' times, else as if every character took equally long."""
    reached = list(itertools.accumulate(len("".join(word.text.split())) for word in spoken.words))
    timed = bool(reached) and reached[-1] == letters
    for piece in pieces:
        first, last = max(0, piece.first - label), max(1, piece.last - label)
        if timed:
            begin = spoken.words[bisect.bisect_right(reached, first)].start
            stop = spoken.words[bisect.bisect_left(reached, last)].end
            yield max(spoken.start, begin), stop
        else:
            span = end - spoken.start
            yield spoken.start + span * first // letters, spoken.start + span * last // letters
