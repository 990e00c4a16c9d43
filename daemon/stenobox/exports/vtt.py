"""WebVTT subtitles (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from stenobox.exports.cues import cues, timestamp
from stenobox.exports.options import ExportOptions
from stenobox.types import Transcript


def render(transcript: Transcript, options: ExportOptions, _title: str) -> str:
    """The header and the cues; text is escaped, so that no spoken word becomes markup."""
    blocks = ["WEBVTT\n"]
    for cue in cues(transcript, options, in_text=False):
        text = "\n".join(cue.lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        text = f"<v {cue.speaker}>{text}" if cue.speaker else text
        blocks.append(f"{timestamp(cue.start, '.')} --> {timestamp(cue.end, '.')}\n{text}\n")
    return "\n".join(blocks)
