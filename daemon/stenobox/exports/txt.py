"""Plain text: one line per segment, with its channel where they were heard one by one."""

from __future__ import annotations

from stenobox.exports.cues import speaker
from stenobox.types import Transcript


def render(transcript: Transcript) -> str:
    """Lines that end in a newline; the empty string when nothing was said."""
    lines = ((speaker(segment), " ".join(segment.text.split())) for segment in transcript.segments)
    return "".join(f"{who}: {line}\n" if who else f"{line}\n" for who, line in lines if line)
