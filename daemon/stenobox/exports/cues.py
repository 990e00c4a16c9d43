"""What the two subtitle formats share: cues with times in whole milliseconds, none empty, none ending before
it starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

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


def cues(transcript: Transcript) -> Iterator[Cue]:
    """The segments that have something to show."""
    for segment in transcript.segments:
        lines = tuple(line.strip() for line in segment.text.splitlines() if line.strip())
        if lines:
            start = max(0, milliseconds(segment.start))
            yield Cue(start, max(start + 1, milliseconds(segment.end)), lines, speaker(segment))


def milliseconds(seconds: float) -> int:
    """Rounded as a whole before it is split into fields: 59.9996 s is a minute, not "59 s and 1000 ms"."""
    return round(seconds * 1000)


def timestamp(total: int, mark: str) -> str:
    """Milliseconds as HH:MM:SS, the decimal mark, mmm; more than two digits of hours where needed."""
    seconds, millis = divmod(total, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{millis:03}"
