"""Where the words are: the lines of a transcript that hold them, each in parts that are hits or not."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from stenobox.search.scripts import together

OPEN, CLOSE = "\x01", "\x02"
"""What FTS5 is asked to put around each hit. No title, tag or line that a person wrote can hold them."""

MAX_PASSAGES = 3
"""Of one transcript."""
MAX_CHARACTERS = 240
"""Of one passage; a longer line is cut around its first hit."""
BEFORE_HIT = 80


@dataclass(frozen=True, slots=True)
class Part:
    """Some text, and whether it is what was looked for."""

    text: str
    hit: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """A line with hits: its number from 0, and its text."""

    line: int
    parts: tuple[Part, ...]


def parts_of(marked: str) -> tuple[Part, ...]:
    """A text with marks as its parts, none of them empty."""
    return _parts(together(marked), inside=False)[0]


def passages_of(marked: str) -> tuple[tuple[Passage, ...], int]:
    """The lines of a text that hold hits: at most MAX_PASSAGES of them, those with the most, in their order;
    and how many there are.
    """
    found: list[Passage] = []
    inside = False
    for number, line in enumerate(together(marked).split("\n")):
        if inside or OPEN in line:
            # A phrase may begin in one line and end in the next.
            parts, inside = _parts(line, inside=inside)
            found.append(Passage(number, parts))
    best = sorted(found, key=lambda passage: -sum(part.hit for part in passage.parts))[:MAX_PASSAGES]
    shown = sorted(best, key=lambda passage: passage.line)
    return tuple(Passage(passage.line, _cut(passage.parts)) for passage in shown), len(found)


def _parts(marked: str, *, inside: bool) -> tuple[tuple[Part, ...], bool]:
    """The parts, and whether a hit goes on after the end."""
    parts: list[Part] = []
    rest = marked
    while rest:
        text, mark, rest = rest.partition(CLOSE if inside else OPEN)
        if inside:
            # A mark belongs to the letter before it, also where the tokenizer takes it for a gap.
            marks = next(
                (n for n, each in enumerate(rest) if unicodedata.category(each)[0] != "M"), len(rest)
            )
            text, rest = text + rest[:marks], rest[marks:]
        if text:
            parts.append(Part(text, inside))
        if mark:
            inside = not inside
    return tuple(parts), inside


def _cut(parts: Sequence[Part]) -> tuple[Part, ...]:
    if sum(len(part.text) for part in parts) <= MAX_CHARACTERS:
        return tuple(parts)
    shown: list[Part] = []
    left = MAX_CHARACTERS
    for number, part in enumerate(parts):
        text = part.text
        if number == 0 and not part.hit and len(text) > BEFORE_HIT:
            text = "…" + text[-BEFORE_HIT:].partition(" ")[2]
        if len(text) > left:
            text = text[:left].rpartition(" ")[0] + "…" if not part.hit else text[:left]
        if text:
            shown.append(Part(text, part.hit))
        left -= len(text)
        if left <= 0:
            break
    return tuple(shown)
