"""Markdown (CommonMark): a heading and paragraphs."""

from __future__ import annotations

import re

from stenobox.exports.characters import plain
from stenobox.exports.options import ExportOptions
from stenobox.exports.paragraphs import facts, paragraphs
from stenobox.types import Transcript

# What CommonMark, GitHub's tables, strikethrough and mathematics give a meaning anywhere in a line.
_ANYWHERE = re.compile(r"([\\`*_\[\]<>&~|$])")
# And at its beginning: headings, lists, rules, underlines of headings; numbers of lists.
_FIRST = re.compile(r"^([#+=-])|^(\d{1,9})([.)])")


def render(transcript: Transcript, options: ExportOptions, title: str) -> str:
    """`**0:01:05** **Channel 1:** text`; nothing that was said becomes markup."""
    blocks = [f"# {_escaped(plain(title)) or 'Transcript'}", f"*{_escaped(facts(transcript))}*"]
    for time, speaker, text in (
        (part.time, part.speaker, part.text) for part in paragraphs(transcript, options, timestamps=True)
    ):
        marks = [f"**{time}**"] if time else []
        marks += [f"**{speaker}:**"] if speaker else []
        blocks.append(" ".join([*marks, _escaped(text)]))
    return "\n\n".join(blocks) + "\n"


def _escaped(text: str) -> str:
    text = _ANYWHERE.sub(r"\\\1", text)
    return _FIRST.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", text)
