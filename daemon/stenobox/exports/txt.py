"""Plain text: one line per segment, with its channel where they were heard one by one."""

from __future__ import annotations

from stenobox.exports.cues import label, milliseconds, timestamp
from stenobox.exports.options import ExportOptions
from stenobox.types import Transcript


def render(transcript: Transcript, options: ExportOptions, _title: str) -> str:
    """Lines that end in a newline, with `[HH:MM:SS.mmm]` first if wanted; empty when nothing was said."""
    timed = options.timestamps is True
    lines = []
    for segment in transcript.segments:
        text = " ".join(segment.text.split())
        if text:
            time = f"[{timestamp(max(0, milliseconds(segment.start)), '.')}] " if timed else ""
            who = label(segment, options)
            lines.append(f"{time}{who}: {text}\n" if who else f"{time}{text}\n")
    return "".join(lines)
