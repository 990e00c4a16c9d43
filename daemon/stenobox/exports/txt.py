"""Plain text: one line per segment."""

from __future__ import annotations

from stenobox.types import Transcript


def render(transcript: Transcript) -> str:
    """Lines that end in a newline; the empty string when nothing was said."""
    lines = (" ".join(segment.text.split()) for segment in transcript.segments)
    return "".join(f"{line}\n" for line in lines if line)
