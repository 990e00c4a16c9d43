"""What an engine answered about one recording, in one form for all engines, and where answers are kept.

A peer's answer depends on nothing but the inputs named in its key, so it is computed once and read from the
cache afterwards. Our own answers are never cached: they are what is being tested.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Answers", "Segment", "Transcript", "Word"]


@dataclass(frozen=True)
class Word:
    """A word, with its leading space; times in seconds."""

    word: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Segment:
    """A segment that has a text; times in seconds, `seek` in frames of 10 ms."""

    seek: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Transcript:
    """The segments of one recording and its whole text, and the seconds it took to make them."""

    segments: tuple[Segment, ...]
    text: str
    took: float

    @property
    def tokens(self) -> list[int]:
        return [token for segment in self.segments for token in segment.tokens]

    @property
    def words(self) -> list[Word]:
        return [word for segment in self.segments for word in segment.words]

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Transcript:
        values = json.loads(text)
        segments = []
        for segment in values["segments"]:
            words = tuple(Word(**word) for word in segment.pop("words"))
            tokens = tuple(segment.pop("tokens"))
            segments.append(Segment(**segment, tokens=tokens, words=words))
        return cls(tuple(segments), values["text"], values["took"])


class Answers:
    """A folder of peers' transcripts, each under the hash of everything that it depends on.

    `spared` counts the seconds that the transcripts read back took when they were made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.spared = 0.0

    def get(self, key: Mapping[str, Any], make: Callable[[], Transcript]) -> Transcript:
        """The transcript kept under `key`, or the one that `make` makes now."""
        described = json.dumps(key, sort_keys=True)
        path = self._folder / f"{hashlib.sha256(described.encode()).hexdigest()[:24]}.json"
        if path.is_file():
            known = Transcript.from_json(path.read_text())
            self.spared += known.took
            return known
        made = make()
        self._folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(made.to_json())
        temporary.rename(path)  # complete or not at all
        return made
