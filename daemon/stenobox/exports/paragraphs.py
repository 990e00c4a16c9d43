"""What documents share: segments joined into paragraphs that people like to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import UNSET

from stenobox.exports.characters import is_wide, plain
from stenobox.exports.cues import label
from stenobox.exports.options import ExportOptions
from stenobox.types import Segment, Transcript
from whisper_onnx.dims import LANGUAGES

__all__ = ["RIGHT_TO_LEFT", "Paragraph", "clock", "facts", "paragraphs"]

PAUSE: Final = 2.0
"""Seconds of silence that begin a new paragraph."""
LONG, LONGEST = 500, 1_000
"""Characters after which a paragraph ends with the sentence, and with the segment."""

RIGHT_TO_LEFT: Final = frozenset({"ar", "fa", "he", "ps", "sd", "ur", "yi"})


class Paragraph(NamedTuple):
    """`time` is "" where none is wanted, `speaker` where channels were mixed or are not wanted either."""

    start: float
    time: str
    speaker: str
    text: str


def paragraphs(transcript: Transcript, options: ExportOptions, *, timestamps: bool) -> Iterator[Paragraph]:
    """A new one for each speaker, after a pause, and when it gets long; `timestamps` is the default."""
    timed = timestamps if options.timestamps is UNSET else bool(options.timestamps)
    first: Segment | None = None
    last: Segment | None = None
    text = ""

    def made(begin: Segment) -> Paragraph:
        return Paragraph(begin.start, clock(begin.start) if timed else "", label(begin, options), text)

    for segment in transcript.segments:
        line = plain(segment.text)
        if not line:
            continue
        if first is not None and last is not None and _ends(text, last, segment):
            yield made(first)
            first = None
        text = line if first is None else _joined(text, line)
        first, last = first or segment, segment
    if first is not None:
        yield made(first)


def clock(seconds: float) -> str:
    """H:MM:SS, rounded down: whoever jumps there hears the first word."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def facts(transcript: Transcript) -> str:
    """One line under the title."""
    language = LANGUAGES.get(transcript.language, transcript.language).title()
    return f"{language}, {clock(transcript.duration)}" if language else clock(transcript.duration)


def _ends(text: str, last: Segment, following: Segment) -> bool:
    return (
        last.channel != following.channel
        or following.start - last.end >= PAUSE
        or len(text) >= LONGEST
        or (len(text) >= LONG and text.endswith((".", "!", "?", "…", "。", "！", "？")))  # noqa: RUF001
    )


def _joined(text: str, line: str) -> str:
    return text + line if is_wide(text[-1]) and is_wide(line[0]) else f"{text} {line}"
