"""LRC, the lyrics that music players show line by line (https://en.wikipedia.org/wiki/LRC_(file_format))."""

from __future__ import annotations

from stenobox.exports.characters import plain
from stenobox.exports.cues import label
from stenobox.exports.options import ExportOptions
from stenobox.types import Transcript


def render(transcript: Transcript, options: ExportOptions, title: str) -> str:
    """The tags `ti` and `length`, then `[mm:ss.xx]` before each line; minutes go on past 99, since LRC has no
    hours.
    """
    lines = []
    # A bracket would end the tag.
    if name := plain(title).replace("[", "(").replace("]", ")"):
        lines.append(f"[ti:{name}]")
    minutes, seconds = divmod(round(transcript.duration), 60)
    lines.append(f"[length:{minutes:02}:{seconds:02}]")
    for segment in transcript.segments:
        if text := plain(segment.text):
            who = label(segment, options)
            # Tags may follow each other; a space keeps a spoken bracket from being one.
            text = f"{who}: {text}" if who else f" {text}" if text.startswith("[") else text
            lines.append(f"{_tag(segment.start)}{text}")
    return "\n".join(lines) + "\n"


def _tag(seconds: float) -> str:
    minutes, hundredths = divmod(max(0, round(seconds * 100)), 6_000)
    return f"[{minutes:02}:{hundredths // 100:02}.{hundredths % 100:02}]"
