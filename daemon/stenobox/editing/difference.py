"""What changed between two versions of a transcript, word by word.

Lines are ordered by their start, so that two versions are compared as two sorted lists are merged: lines
that are the same in both are found in one walk, whatever the length. Only the stretches between them are
compared by their words, each with Python's `difflib` (Ratcliff and Obershelp), which is quadratic at worst;
so the work is bounded, and a stretch that is beyond the bound counts as written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from stenobox.types import Segment

MAX_WORK = 4_000_000
"""Pairs of words that are compared: a second or two. Beyond, stretches are told as replaced."""

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
    """What makes `new` of `old`. Blocks, for a second or two at worst."""
    changes: list[Change] = []
    same, work = len(old), MAX_WORK
    for before, after in _stretches(old, new):
        words = _words(before), _words(after)
        cost = len(words[0]) * len(words[1])
        parts = _parts(*words) if cost <= work else _replaced(*words)
        work -= cost if cost <= work else 0
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


def _parts(old: list[str], new: list[str]) -> Iterator[Part]:
    # The blank after a word is no difference: the last word of a line has none.
    plain = [word.rstrip() for word in old], [word.rstrip() for word in new]
    for tag, i, i_end, j, j_end in SequenceMatcher(None, *plain, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Part("same", "".join(new[j:j_end]))
            continue
        yield from _replaced(old[i:i_end], new[j:j_end])


def _replaced(old: list[str], new: list[str]) -> Iterator[Part]:
    if old:
        yield Part("removed", "".join(old))
    if new:
        yield Part("added", "".join(new))
