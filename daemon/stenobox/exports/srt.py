"""SubRip subtitles."""

from __future__ import annotations

from stenobox.exports.cues import cues, timestamp
from stenobox.exports.options import ExportOptions
from stenobox.types import Transcript


def render(transcript: Transcript, options: ExportOptions, _title: str) -> str:
    """Numbered cues from 1, separated by blank lines."""
    blocks = []
    for number, cue in enumerate(cues(transcript, options, in_text=True), start=1):
        # SubRip has no escapes. Its arrow inside a text would read as a line of times, so it is drawn apart.
        text = "\n".join(cue.lines).replace("-->", "-- >")
        text = f"{cue.speaker}: {text}" if cue.speaker else text
        blocks.append(f"{number}\n{timestamp(cue.start, ',')} --> {timestamp(cue.end, ',')}\n{text}\n")
    return "\n".join(blocks)
