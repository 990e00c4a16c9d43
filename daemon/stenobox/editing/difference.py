"""What changed between two versions of a transcript, word by word.

Lines are ordered by their start, so that two versions are compared as two sorted lists are merged: lines
that are the same in both are found in one walk, whatever the length. The stretches between them are compared
by their words: the fewest words removed and added (Myers, "An O(ND) Difference Algorithm and Its Variations",
1986). That is fast for what people change, and bounded for what nobody would write: a stretch that is beyond
the bound counts as written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from stenobox.types import Segment

MAX_WORK = 2_000_000
"""Steps for all stretches together: about a second."""

_WORD = re.compile(r"\S+\s*")

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Part:
    """Words that are in both versions, only in the old one, or only in the new one."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A stretch that differs: lines of the old version and what the new one has for them; one of the two may
    be empty. `parts` in order: without the added ones they are the old text, without the removed ones the
    new.
    """

    old: tuple[Segment, ...]
    new: tuple[Segment, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """`same`: how many lines are in both versions as they are."""

    changes: tuple[Change, ...]
    same: int


def compare(old: Sequence[Segment], new: Sequence[Segment]) -> Difference:
    """What makes `new` of `old`. Blocks, for about a second at worst."""
    changes: list[Change] = []
    same, left = len(old), MAX_WORK
    for before, after in _stretches(old, new):
        parts, left = _compared(_words(before), _words(after), left)
        changes.append(Change(tuple(before), tuple(after), tuple(parts)))
        same -= len(before)
    return Difference(tuple(changes), same)


def _stretches(
    old: Sequence[Segment], new: Sequence[Segment]
) -> Iterator[tuple[list[Segment], list[Segment]]]:
    """Between the lines that are in both, those that are not."""
    before: list[Segment] = []
    after: list[Segment] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and j < len(new) and _key(old[i]) == _key(new[j]):
            if before or after:
                yield before, after
                before, after = [], []
            i, j = i + 1, j + 1
        elif j == len(new) or (i < len(old) and _order(old[i]) <= _order(new[j])):
            before.append(old[i])
            i += 1
        else:
            after.append(new[j])
            j += 1
    if before or after:
        yield before, after


def _key(segment: Segment) -> tuple[float, float, int | None, str]:
    return (segment.start, segment.end, segment.channel, " ".join(segment.text.split()))


def _order(segment: Segment) -> tuple[float, float, int, str]:
    channel = -1 if segment.channel is None else segment.channel
    return (segment.start, segment.end, channel, segment.text)


def _words(lines: Sequence[Segment]) -> list[str]:
    """Each with the blank after it; lines are apart by a line break."""
    return _WORD.findall("\n".join(" ".join(line.text.split()) for line in lines))


def _compared(old: list[str], new: list[str], left: int) -> tuple[list[Part], int]:
    """The parts, and how many steps are left after `left` were."""
    # The blank after a word is no difference: the last word of a line has none.
    a, b = [word.rstrip() for word in old], [word.rstrip() for word in new]
    first = 0
    while first < min(len(a), len(b)) and a[first] == b[first]:
        first += 1
    last = 0
    while last < min(len(a), len(b)) - first and a[-1 - last] == b[-1 - last]:
        last += 1
    a, b = a[first : len(a) - last], b[first : len(b) - last]
    trace, left = _trace(a, b, left)
    moves = "-" * len(a) + "+" * len(b) if trace is None else _moves(trace, len(a), len(b))
    return list(_parts("=" * first + moves + "=" * last, old, new)), left


def _trace(a: list[str], b: list[str], left: int) -> tuple[list[list[int]] | None, int]:
    """Myers's greedy search: for each number of edits, how far each diagonal had been reached before; None
    when there were not enough steps for it.
    """
    reached = [-1, -1, 0]
    trace: list[list[int]] = []
    for edits in range(len(a) + len(b) + 1):
        trace.append(reached)
        left -= len(reached)
        further = [-1, *reached, -1]
        for diagonal in range(-edits, edits + 1, 2):
            before = _before(reached, diagonal)
            x = _at(reached, before) + (before < diagonal)
            y = x - diagonal
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x, y, left = x + 1, y + 1, left - 1
            if x >= len(a) and y >= len(b):
                return trace, left
            further[diagonal + edits + 2] = x
        if left < 0:
            return None, 0
        reached = further
    raise RuntimeError("two texts are always some edits apart")


def _at(reached: list[int], diagonal: int) -> int:
    """Diagonal 0 is in the middle."""
    return reached[diagonal + len(reached) // 2]


def _before(reached: list[int], diagonal: int) -> int:
    """The diagonal from which this one is entered: by a word of the new text, or by one of the old."""
    return diagonal + 1 if _at(reached, diagonal - 1) < _at(reached, diagonal + 1) else diagonal - 1


def _moves(trace: list[list[int]], x: int, y: int) -> str:
    """The way back: `=` for a word of both, `-` of the old text, `+` of the new."""
    moves: list[str] = []
    for reached in reversed(trace):
        before = _before(reached, x - y)
        start_x = _at(reached, before)
        start_y = start_x - before
        while x > start_x and y > start_y:
            moves.append("=")
            x, y = x - 1, y - 1
        if reached is not trace[0]:
            moves.append("+" if x == start_x else "-")
        x, y = start_x, start_y
    return "".join(reversed(moves))


def _parts(moves: str, old: list[str], new: list[str]) -> Iterator[Part]:
    """Between words of both, first what was removed and then what was added."""
    i = j = 0
    for run in re.finditer(r"=+|[-+]+", moves):
        removed, added = run[0].count("-"), run[0].count("+")
        if same := len(run[0]) - removed - added:
            yield Part("same", "".join(new[j : j + same]))
        if removed:
            yield Part("removed", "".join(old[i : i + removed]))
        if added:
            yield Part("added", "".join(new[j : j + added]))
        i, j = i + same + removed, j + same + added
