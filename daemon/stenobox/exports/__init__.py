"""Transcripts as files. One module per format, each a `render(transcript) -> str`; this is the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from stenobox.errors import InvalidRequest
from stenobox.exports import json, srt, txt, vtt
from stenobox.types import Transcript

__all__ = ["FORMATS", "Export", "Format", "render"]


class Format(NamedTuple):
    """How to write a format; `media_type` is without parameters, the text is UTF-8 in all of them."""

    write: Callable[[Transcript], str]
    media_type: str
    extension: str


class Export(NamedTuple):
    """A finished file; `extension` is without the dot."""

    content: bytes
    media_type: str
    extension: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format(txt.render, "text/plain", "txt"),
        "srt": Format(srt.render, "application/x-subrip", "srt"),
        "vtt": Format(vtt.render, "text/vtt", "vtt"),
        "json": Format(json.render, "application/json", "json"),
    }
)


def render(transcript: Transcript, format: str) -> Export:
    """The transcript in one of FORMATS. Raises InvalidRequest, naming those, for any other."""
    chosen = FORMATS.get(format)
    if chosen is None:
        known = ", ".join(FORMATS)
        raise InvalidRequest(problem=f"There is no format {format[:20]!r}. Choose one of: {known}.")
    return Export(chosen.write(transcript).encode("utf-8"), chosen.media_type, chosen.extension)
