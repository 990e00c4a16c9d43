"""Cutting a text into cues, and a cue into lines, where a reader would pause.

Both are the same problem: of all ways to cut that fit, the one with the least cost, found by dynamic
programming. A cut costs nothing after a sentence, something after a clause, more elsewhere; lines and cues of
equal length cost least.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from stenobox.exports.characters import is_wide, width

__all__ = ["Piece", "cut"]

_SENTENCE: Final = ".!?…。！？؟۔।"  # noqa: RUF001
_CLAUSE: Final = ",;:–—、，；：،؛"  # noqa: RUF001
_CLOSERS: Final = "\"'”’»)]}」』）】〉》"  # noqa: RUF001
# What never begins and never ends a line in scripts without spaces (JIS X 4051, kinsoku shori).
_NOT_FIRST: Final = _SENTENCE + _CLAUSE + _CLOSERS + "ー々・ぁぃぅぇぉっゃゅょァィゥェォッャュョ"
_NOT_LAST: Final = "「『（【〈《“‘«([{"  # noqa: RUF001

_AFTER_SENTENCE, _AFTER_CLAUSE, _ELSEWHERE, _AFTER_SHORT_WORD = 0.0, 0.5, 1.5, 2.0
_CUE: Final = 3.0
"""What one cue more costs: as much as two cuts that are well placed instead of badly."""
_UNEVEN: Final = 6.0
_SHORT: Final = 4
"""Letters. Most articles, prepositions and conjunctions have no more, and belong to what follows."""


class Piece(NamedTuple):
    """A cue's lines, and which characters of the text they are, spaces not counted: `first` up to `last`."""

    lines: tuple[str, ...]
    first: int
    last: int


class _Atom(NamedTuple):
    """What is never cut. `space`: 1 if a space is before it where it does not begin a line."""

    text: str
    width: int
    space: int
    cost: float


class _Ruler(NamedTuple):
    """Atoms from `first` up to `last` are `ends[last] - starts[first]` characters on one line."""

    starts: list[int]
    ends: list[int]
    line_chars: int

    def lines(self, first: int, last: int) -> int:
        """How many lines these atoms need."""
        starts, ends, line_chars = self
        lines, begin = 1, first
        for at in range(first + 1, last):
            if ends[at + 1] - starts[begin] > line_chars:
                lines, begin = lines + 1, at
        return lines


def cut(text: str, line_chars: int, cue_lines: int, pieces: int = 1) -> list[Piece]:
    """The text in cues of at most `cue_lines` lines of at most `line_chars` characters; at least `pieces` of
    them if it has as many words. Lines joined by spaces are the text, its spaces single.
    """
    atoms = list(_atoms(text, line_chars))
    if not atoms:
        return []
    ends = list(itertools.accumulate((atom.width + atom.space for atom in atoms), initial=0))
    starts = [end + atom.space for end, atom in zip(ends, atoms, strict=False)]
    ruler = _Ruler(starts, ends, line_chars)
    whole = ends[-1] - starts[0]
    room = line_chars * cue_lines
    if pieces > 1:
        room = min(room, math.ceil(whole / pieces))
    spans = _spans(atoms, ruler, cue_lines, room)
    done, found = 0, []
    for first, last in spans:
        cuts = _balanced(atoms, ruler, first, last)
        lines = tuple(_text(atoms[one:other]) for one, other in itertools.pairwise(cuts))
        letters = sum(len(atom.text) for atom in atoms[first:last])
        found.append(Piece(lines, done, done + letters))
        done += letters
    return found


def _atoms(text: str, limit: int) -> Iterator[_Atom]:
    for word in text.split():
        space = 1
        for part in _parts(word):
            for chunk in _chunks(part, limit):
                yield _Atom(chunk, width(chunk), space, _cost(chunk))
                space = 0


def _parts(word: str) -> Iterator[str]:
    """A word, cut where its script allows it."""
    begin = 0
    for at in range(1, len(word)):
        before, after = word[at - 1], word[at]
        if (
            (is_wide(before) or is_wide(after))
            and after not in _NOT_FIRST
            and before not in _NOT_LAST
            and unicodedata.category(after) not in ("Mn", "Me", "Cf")
        ):
            yield word[begin:at]
            begin = at
    yield word[begin:]


def _chunks(part: str, limit: int) -> Iterator[str]:
    """What is longer than a line has to be cut anywhere, only not before an accent."""
    if width(part) <= limit:
        yield part
        return
    begin, filled = 0, 0
    for at, character in enumerate(part):
        step = width(character)
        if filled + step > limit:
            yield part[begin:at]
            begin, filled = at, 0
        filled += step
    yield part[begin:]


def _cost(text: str) -> float:
    """Of a cut after this."""
    bare = text.rstrip(_CLOSERS) or text
    if bare[-1] in _SENTENCE:
        return _AFTER_SENTENCE
    if bare[-1] in _CLAUSE:
        return _AFTER_CLAUSE
    return _AFTER_SHORT_WORD if len(text) <= _SHORT and not is_wide(text[-1]) else _ELSEWHERE


def _spans(
    atoms: Sequence[_Atom],
    ruler: _Ruler,
    cue_lines: int,
    room: int,
) -> list[tuple[int, int]]:
    """Which atoms go into which cue."""
    starts, ends, line_chars = ruler
    count = len(atoms)
    whole = ends[count] - starts[0]
    if whole <= room and ruler.lines(0, count) <= cue_lines:
        return [(0, count)]
    ideal = whole / math.ceil(whole / room)
    best = [0.0] + [math.inf] * count
    origin = [0] * (count + 1)
    for first in range(count):
        lines, begin = 1, first
        for last in range(first + 1, count + 1):
            filled = ends[last] - starts[first]
            if ends[last] - starts[begin] > line_chars:
                lines, begin = lines + 1, last - 1
            if last > first + 1 and (filled > room or lines > cue_lines):
                break
            end = 0.0 if last == count else atoms[last - 1].cost
            cost = best[first] + _CUE + end + _UNEVEN * ((filled - ideal) / room) ** 2
            if cost < best[last]:
                best[last], origin[last] = cost, first
    spans, at = [], count
    while at:
        spans.append((origin[at], at))
        at = origin[at]
    return spans[::-1]


def _balanced(atoms: Sequence[_Atom], ruler: _Ruler, first: int, last: int) -> list[int]:
    """Where the lines of a cue begin, and its end: as few lines as it takes, alike in length."""
    starts, ends, line_chars = ruler
    lines = ruler.lines(first, last)
    if lines == 1:
        return [first, last]
    ideal = (ends[last] - starts[first]) / lines
    best: dict[int, tuple[float, tuple[int, ...]]] = {first: (0.0, (first,))}
    for line in range(1, lines + 1):
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for begin, (so_far, cuts) in best.items():
            for end in range(begin + 1, last + 1):
                filled = ends[end] - starts[begin]
                if filled > line_chars:
                    break
                if (end == last) is not (line == lines):
                    continue
                cost = so_far + _UNEVEN * ((filled - ideal) / line_chars) ** 2
                cost += 0.0 if end == last else atoms[end - 1].cost
                if end not in reached or cost < reached[end][0]:
                    reached[end] = (cost, (*cuts, end))
        best = reached
    return list(best[last][1])


def _text(atoms: Sequence[_Atom]) -> str:
    return "".join((" " if atom.space and number else "") + atom.text for number, atom in enumerate(atoms))
