"""The lines of a corrected transcript: what is accepted, and how they are kept."""

from __future__ import annotations

import dataclasses
import itertools
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from stenobox.errors import InvalidRequest
from stenobox.types import Segment, Transcript

MAX_LINES = 50_000
"""Ten hours of quick talk are some fifteen thousand."""
MAX_LINE_CHARACTERS = 5_000
MAX_CHARACTERS = 4_000_000
"""Of all lines together. Ten hours of quick talk are some six hundred thousand."""
MAX_CHANNELS = 64
SLACK_S = 0.5
"""How far a line may end after the recording: the model's own times are no more exact."""

_Times = list[tuple[float, float, int | None]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line as a person wrote it; times in seconds, `channel` from 0 or None where they are mixed."""

    start: float
    end: float
    text: str
    channel: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Lines as the database holds them: `[start, end, channel]` as JSON, and a line of text for each."""

    lines: str
    text: str


def checked(lines: Sequence[Line], latest: float) -> list[Line]:
    """The lines with their texts in NFC and without blanks around them. `latest`: seconds at which the last
    may end. Blocks: a large transcript takes a tenth of a second.

    Raises InvalidRequest for lines that are not in order, not within the recording, empty, or too many.
    """
    if len(lines) > MAX_LINES:
        raise InvalidRequest(problem=f"A transcript has at most {MAX_LINES} lines.")
    good: list[Line] = []
    characters, before = 0, 0.0
    for number, line in enumerate(lines, start=1):
        text = unicodedata.normalize("NFC", line.text).strip()
        characters += len(text)
        if problem := _problem(line, text, before, latest):
            raise InvalidRequest(problem=f"Line {number} {problem}")
        if characters > MAX_CHARACTERS:
            raise InvalidRequest(problem=f"A transcript has at most {MAX_CHARACTERS} characters.")
        before = line.start
        good.append(dataclasses.replace(line, text=text))
    return good


def _problem(line: Line, text: str, before: float, latest: float) -> str | None:
    return _wrong_time(line, before, latest) or _wrong_text(line, text)


def _wrong_time(line: Line, before: float, latest: float) -> str | None:
    if not (math.isfinite(line.start) and math.isfinite(line.end) and line.start >= 0):
        return "has a time that is none. Times are seconds from the beginning of the recording."
    if line.start < before:
        return "starts before the line above it. Put the lines in the order of their starts."
    if line.end < line.start:
        return "ends before it starts."
    if line.end > latest + SLACK_S:
        return f"ends after the recording, which has {latest:.1f} seconds."
    return None


def _wrong_text(line: Line, text: str) -> str | None:
    if line.channel is not None and not 0 <= line.channel < MAX_CHANNELS:
        return f"has a channel that is none. Channels are counted from 0 to {MAX_CHANNELS - 1}."
    if not text:
        return "has no text. Leave it out to remove it."
    if len(text) > MAX_LINE_CHARACTERS:
        return f"is too long. A line has at most {MAX_LINE_CHARACTERS} characters; make it two."
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        return "holds a control character or a line break. Each line is one line of text."
    return None


def of_transcript(transcript: Transcript) -> list[Line]:
    """Its lines, each as one line of text."""
    return [Line(s.start, s.end, " ".join(s.text.split()), s.channel) for s in transcript.segments]


def same(lines: Sequence[Line], transcript: Transcript) -> bool:
    """Whether a transcript says this already."""
    return list(lines) == of_transcript(transcript)


def keep(lines: Sequence[Line]) -> Kept:
    times = [(line.start, line.end, line.channel) for line in lines]
    return Kept(msgspec.json.encode(times).decode(), "\n".join(line.text for line in lines))


def corrected(original: Transcript, version: int, kept: Kept) -> Transcript:
    """The transcript with the lines of a version in place of the model's.

    A line that the model heard just so keeps all that the model said of it. Of a line that a person wrote
    there is nothing that a model could say: its figures are 0.
    """
    times = msgspec.json.decode(kept.lines, type=_Times)
    texts = kept.text.split("\n") if times else []
    heard = {(s.start, s.end, s.channel, " ".join(s.text.split())): s for s in original.segments}
    segments = []
    for number, ((start, end, channel), text) in enumerate(zip(times, texts, strict=True)):
        same_as = heard.get((start, end, channel, text))
        segments.append(
            Segment(number, start, end, text, 0.0, 0.0, 0.0, 0.0, channel)
            if same_as is None
            else dataclasses.replace(same_as, id=number)
        )
    return dataclasses.replace(
        original, segments=tuple(segments), text=" ".join(text for text in texts if text), version=version
    )


def latest_end(original: Transcript) -> float:
    """Until when lines may last: the end of the recording, or of what the model heard if that is later."""
    return max(itertools.chain([original.duration], (segment.end for segment in original.segments)))
