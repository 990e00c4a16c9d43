"""What was heard in each channel of a recording, and all of it as one transcript.

A recording whose channels are mixed has one part. One that is split has a part for each channel, in the order
of the channels; their lines are merged by time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from whisper_onnx import Segment, Transcription

__all__ = ["Part", "language_of", "merged", "text_of"]


@dataclass(frozen=True, slots=True)
class Part:
    """What was heard in one channel; `duration` in seconds."""

    language: str
    duration: float
    text: str
    segments: tuple[Segment, ...]

    @classmethod
    def of(cls, result: Transcription) -> Self:
        """The engine's result."""
        return cls(result.language, result.duration, result.text, result.segments)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, for a checkpoint."""
        segments = [segment.to_dict() for segment in self.segments]
        return {
            "language": self.language,
            "duration": self.duration,
            "text": self.text,
            "segments": segments,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Reverse of `to_dict`. Raises KeyError or TypeError for values of another form."""
        segments = tuple(Segment.from_dict(segment) for segment in values["segments"])
        return cls(values["language"], values["duration"], values["text"], segments)


def merged(parts: Sequence[Part]) -> Iterator[tuple[int | None, Segment]]:
    """All segments by their start, each with its channel from 0; None where there is but one part.

    Two that start together come in the order of their channels; those of one channel stay in theirs.
    """
    if len(parts) == 1:
        yield from ((None, segment) for segment in parts[0].segments)
        return
    heard = [(channel, segment) for channel, part in enumerate(parts) for segment in part.segments]
    yield from sorted(heard, key=lambda one: one[1].start)


def language_of(parts: Sequence[Part]) -> str:
    """The language of the channel with the most text: another one may be silent, and its language a guess."""
    return max(parts, key=lambda part: sum(len(segment.text) for segment in part.segments)).language


def text_of(parts: Sequence[Part]) -> str:
    """All that was said; of several channels, in the order of `merged`."""
    if len(parts) == 1:
        return parts[0].text.strip()
    return " ".join(text for _, segment in merged(parts) if (text := segment.text.strip()))
