"""What the two subtitle formats share: cues with times in whole milliseconds, none empty, none ending before
it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stenobox.exports import timing
from stenobox.exports.options import ExportOptions
from stenobox.types import Segment, Transcript


class Cue(NamedTuple):
    """Times in milliseconds, end > start >= 0; `lines` are not blank, since a blank line ends a cue.
    `speaker`: see there.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    speaker: str


def speaker(segment: Segment) -> str:
    """What a line is labelled with: its channel, counted from 1 as people do; "" where they were mixed."""
    return "" if segment.channel is None else f"Channel {segment.channel + 1}"


def label(segment: Segment, options: ExportOptions) -> str:
    """The same, unless no labels are wanted."""
    return "" if options.speakers is False else speaker(segment)


def cues(transcript: Transcript, options: ExportOptions, *, in_text: bool) -> Iterator[Cue]:
    """The segments that have something to show, as they are or laid out as the options say.

    `in_text`: labels are part of the text. Of what is laid out, they then stand in the lines, and `speaker`
    is empty: they take room there, and a segment that is cut into several cues is labelled once.
    """
    layout = options.layout
    if layout is None:
        yield from _as_they_are(transcript, options)
        return
    for shown in timing.lay_out(_spoken(transcript, options, in_text=in_text), layout):
        yield Cue(*shown)


def _as_they_are(transcript: Transcript, options: ExportOptions) -> Iterator[Cue]:
    for segment in transcript.segments:
        lines = tuple(line.strip() for line in segment.text.splitlines() if line.strip())
        if lines:
            start = max(0, milliseconds(segment.start))
            yield Cue(start, max(start + 1, milliseconds(segment.end)), lines, label(segment, options))


def _spoken(transcript: Transcript, options: ExportOptions, *, in_text: bool) -> Iterator[timing.Spoken]:
    for segment in transcript.segments:
        who = label(segment, options)
        yield timing.Spoken(
            start=max(0, milliseconds(segment.start)),
            end=milliseconds(segment.end),
            text=segment.text,
            words=tuple(
                timing.Word(milliseconds(word.start), milliseconds(word.end), word.word)
                for word in segment.words or ()
            ),
            label=f"{who}:" if who and in_text else "",
            speaker="" if in_text else who,
        )


def milliseconds(seconds: float) -> int:
    """Rounded as a whole before it is split into fields: 59.9996 s is a minute, not "59 s and 1000 ms"."""
    return round(seconds * 1000)


def timestamp(total: int, mark: str) -> str:
    """Milliseconds as HH:MM:SS, the decimal mark, mmm; more than two digits of hours where needed."""
    seconds, millis = divmod(total, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{millis:03}"
