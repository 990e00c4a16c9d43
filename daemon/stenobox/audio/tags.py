"""What a recording's container tells about it besides its sound: a title, and when it was recorded.

Read by FFmpeg's demuxers, whose names for tags are the same for every container. Recorders and telephones
write nonsense into these fields, so a value that cannot be meant is as good as none, and no tag ever costs a
recording.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

MAX_TITLE: Final = 200
"""Characters."""

# The first one that makes sense counts. Apple's key holds the time with its zone; `creation_time` is UTC in
# MP4 and Matroska, and a time without a date in Broadcast WAV; `date` may be a year alone.
_DATE_KEYS = ("com.apple.quicktime.creationdate", "creation_time", "date", "year")
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?)?)?)?"
)
# Before this, it is a clock that was never set: 1904 and 1970 are the zero of containers, 1980 that of FAT.
_FIRST_YEAR, _LAST_YEAR = 1981, 2199


@dataclass(frozen=True, slots=True)
class Tags:
    """`recorded`: ISO 8601 as exactly as the file says it, from "2024" to "2024-05-01T09:30:00+02:00"; a time
    without a zone is the recorder's own.
    """

    title: str | None = None
    recorded: str | None = None


def tags_of(sources: Iterable[Mapping[str, str]]) -> Tags:
    """The tags in FFmpeg's dictionaries, the container's before the track's."""
    found: dict[str, str] = {}
    for source in sources:
        for key, value in source.items():
            found.setdefault(key.lower(), value)
    dates = (recorded_of(found[key]) for key in _DATE_KEYS if key in found)
    return Tags(title_of(found.get("title", "")), next((value for value in dates if value), None))


def title_of(text: str) -> str | None:
    """One line of printable characters; None for nothing."""
    # C: control and format characters (with them the ones that reverse the direction of writing), surrogates.
    printable = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[: 4 * MAX_TITLE])
    return " ".join(printable.split())[:MAX_TITLE].rstrip() or None


def recorded_of(text: str) -> str | None:
    """A moment in ISO 8601, or None for what is none, or cannot be when a file of today was recorded."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, time, zone = match.groups()
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        return None
    try:
        date(int(year), int(month or 1), int(day or 1))
        if time is None:
            return "-".join(part for part in (year, month, day) if part)
        moment = datetime.fromisoformat(f"{year}-{month}-{day}T{time}{zone or ''}")
    except ValueError:
        return None
    return moment.isoformat(timespec="seconds")
