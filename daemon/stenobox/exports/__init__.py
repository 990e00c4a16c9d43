"""Transcripts as files. One module per format, each a `render(transcript, options, title)`; this is the
registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from stenobox.errors import InvalidRequest
from stenobox.exports import docx, html, json, lrc, md, srt, tsv, txt, vtt
from stenobox.exports.options import LAYOUT, OPTIONS, SPEAKERS, TIMESTAMPS, ExportOptions, check_applies
from stenobox.types import Transcript

__all__ = ["FORMATS", "OPTIONS", "Export", "ExportOptions", "Format", "check", "render"]


class Format(NamedTuple):
    """How to write a format, as text or as bytes; text becomes UTF-8. `media_type` is without parameters;
    `options` are the names of those that mean something to it.
    """

    write: Callable[[Transcript, ExportOptions, str], str | bytes]
    media_type: str
    extension: str
    options: frozenset[str] = frozenset()

    @property
    def content_type(self) -> str:
        """RFC 8259: JSON has no charset parameter; of text/* a browser would guess it."""
        text = self.media_type.startswith("text/") or self.media_type == "application/x-subrip"
        return f"{self.media_type}; charset=utf-8" if text else self.media_type


class Export(NamedTuple):
    """A finished file; `extension` is without the dot."""

    content: bytes
    media_type: str
    extension: str


_SUBTITLES: Final = SPEAKERS | LAYOUT
_DOCUMENT: Final = SPEAKERS | TIMESTAMPS

FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format(txt.render, "text/plain", "txt", _DOCUMENT),
        "srt": Format(srt.render, "application/x-subrip", "srt", _SUBTITLES),
        "vtt": Format(vtt.render, "text/vtt", "vtt", _SUBTITLES),
        "json": Format(json.render, "application/json", "json"),
        "tsv": Format(tsv.render, "text/tab-separated-values", "tsv", SPEAKERS),
        "lrc": Format(lrc.render, "text/x-lrc", "lrc", SPEAKERS),
        "docx": Format(
            docx.render,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "docx",
            _DOCUMENT,
        ),
        "md": Format(md.render, "text/markdown", "md", _DOCUMENT),
        "html": Format(html.render, "text/html", "html", _DOCUMENT),
    }
)

PLAIN: Final = ExportOptions()


def check(formats: Sequence[str], options: ExportOptions) -> None:
    """Raises InvalidRequest for a format that is not one of FORMATS, and for an option that means nothing to
    any of `formats`.
    """
    for name in formats:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise InvalidRequest(problem=f"There is no format {name[:20]!r}. Choose one of: {known}.")
    check_applies(options, (FORMATS[name].options for name in formats), " or ".join(formats))


def render(transcript: Transcript, format: str, options: ExportOptions = PLAIN, *, title: str = "") -> Export:
    """The transcript in one of FORMATS; what `options` say to other formats is left aside. `title` is what
    people call the recording.

    Raises InvalidRequest, naming the formats, for any other.
    """
    check([format], PLAIN)
    chosen = FORMATS[format]
    content = chosen.write(transcript, options, title)
    content = content.encode("utf-8") if isinstance(content, str) else content
    return Export(content, chosen.media_type, chosen.extension)
