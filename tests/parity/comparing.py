"""Two transcripts of one recording side by side: what is equal, how far apart the rest is, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from parity.answers import Segment, Transcript

__all__ = ["Comparison", "Difference", "compare", "word_errors"]


@dataclass(frozen=True)
class Difference:
    """A stretch where the segments are not the same; times in seconds."""

    start: float
    ours: tuple[Segment, ...]
    theirs: tuple[Segment, ...]

    def __str__(self) -> str:
        def shown(segments: Sequence[Segment]) -> str:
            return " / ".join(f"[{s.start:.2f}-{s.end:.2f}]{s.text}" for s in segments[:3]) or "nothing"

        return f"at {self.start:.2f} s: ours {shown(self.ours)}; theirs {shown(self.theirs)}"


@dataclass(frozen=True)
class Comparison:
    """`segments` are theirs, of which `equal` are ours too; `differing` counts the others of either side.

    `furthest_*` are the largest differences between segments whose tokens are the same, in seconds, mean log
    probability and probability.
    """

    segments: int
    equal: int
    tokens: int
    differing: int
    text_equal: bool
    furthest_time: float
    furthest_logprob: float
    furthest_no_speech: float
    differences: tuple[Difference, ...]

    @property
    def same_tokens(self) -> bool:
        return not self.differing

    def __str__(self) -> str:
        ids = "all ids equal" if self.same_tokens else f"{self.differing} segments differ"
        text = "text equal" if self.text_equal else "text differs"
        return (
            f"{self.segments} segments, {self.tokens} tokens: {ids}, {text}, times within "
            f"{self.furthest_time:.1g} s, log probability {self.furthest_logprob:.1g}"
        )


def compare(ours: Transcript, theirs: Transcript) -> Comparison:
    """Segments are the same when their window and their tokens, timestamps included, are."""
    mine = [(s.seek, s.tokens) for s in ours.segments]
    others = [(s.seek, s.tokens) for s in theirs.segments]
    pairs: list[tuple[Segment, Segment]] = []
    differences = []
    for tag, a, b, c, d in SequenceMatcher(None, mine, others, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += zip(ours.segments[a:b], theirs.segments[c:d], strict=True)
        else:
            stretch = (*ours.segments[a:b], *theirs.segments[c:d])
            start = min(segment.start for segment in stretch)
            differences.append(Difference(start, ours.segments[a:b], theirs.segments[c:d]))
    return Comparison(
        segments=len(theirs.segments),
        equal=len(pairs),
        tokens=len(theirs.tokens),
        differing=sum(max(len(d.ours), len(d.theirs)) for d in differences),
        text_equal=ours.text == theirs.text,
        furthest_time=max((max(abs(a.start - b.start), abs(a.end - b.end)) for a, b in pairs), default=0.0),
        furthest_logprob=max((abs(a.avg_logprob - b.avg_logprob) for a, b in pairs), default=0.0),
        furthest_no_speech=max((abs(a.no_speech_prob - b.no_speech_prob) for a, b in pairs), default=0.0),
        differences=tuple(differences),
    )


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Fewest words to insert, delete or replace (letters and digits only, no case), and the words said."""
    reference, words = _words(said), _words(heard)
    row = list(range(len(words) + 1))
    for i, word in enumerate(reference, 1):
        above, row = row, [i]
        for j, other in enumerate(words, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1], len(reference)


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "'" else " " for c in text.lower()).split()
