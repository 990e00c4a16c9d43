"""What a transcription is made of: words, segments, and the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Segment", "Transcription", "Word"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the punctuation next to it; times in seconds from the recording's start.

    `word` keeps its leading space where the language writes one; `probability` is the mean of its tokens'.
    """

    word: str
    start: float
    end: float
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return {"word": self.word, "start": self.start, "end": self.end, "probability": self.probability}


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech between two timestamps; times in seconds from the recording's start.

    `text` keeps its leading space, `tokens` their timestamps; `seek` is the first frame (10 ms) of the window
    it was heard in, and the next four values are that window's (see `WindowResult`). `words` is None unless
    word timestamps were asked for.
    """

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: tuple[Word, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values; `words` only where there are any to speak of, hence not None."""
        values = {name: getattr(self, name) for name in Segment.__slots__ if name != "words"}
        values["tokens"] = list(self.tokens)
        if self.words is not None:
            values["words"] = [word.to_dict() for word in self.words]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`. Raises KeyError or TypeError for values of another form."""
        fields = dict(values) | {"tokens": tuple(values["tokens"])}
        if "words" in fields:
            fields["words"] = tuple(Word(**word) for word in fields["words"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Transcription:
    """The transcript of one recording; `duration` in seconds, `language` as a code.

    `speech_detector` is what cut it into windows in the batched mode, "silero" or "energy"; else None.
    """

    language: str
    text: str
    segments: tuple[Segment, ...]
    duration: float
    speech_detector: str | None = None
