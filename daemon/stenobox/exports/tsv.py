"""Tab-separated values as openai-whisper writes them (`whisper/utils.py`, `WriteTSV`)."""

from __future__ import annotations

from stenobox.exports.cues import label, milliseconds
from stenobox.exports.options import ExportOptions
from stenobox.types import Transcript


def render(transcript: Transcript, options: ExportOptions, _title: str) -> str:
    """A header, then `start`, `end` in milliseconds and `text` of each segment; in it spaces stand for tabs
    and line ends, and the channel goes before it.
    """
    rows = ["start\tend\ttext\n"]
    for segment in transcript.segments:
        text = " ".join(segment.text.split())
        who = label(segment, options)
        text = f"{who}: {text}" if who and text else text
        start, end = (max(0, milliseconds(moment)) for moment in (segment.start, segment.end))
        rows.append(f"{start}\t{end}\t{text}\n")
    return "".join(rows)
