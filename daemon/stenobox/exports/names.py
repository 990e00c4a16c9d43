"""What exported files are called: after their recording, and so that every computer takes the name."""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import Final

from stenobox.intake.filenames import clean_filename
from stenobox.types import Job

__all__ = ["Stems", "safe_stem", "title_of"]

LONGEST: Final = 100
"""Characters, and twice as many bytes: with a counter and an extension it fits into the 255 bytes of a name
on Linux, and leaves room in the 260 characters of a path on Windows."""

# Windows, "Naming Files, Paths, and Namespaces": characters, and names that are devices with any extension.
_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)


def title_of(job: Job) -> str:
    """What people call the recording: its title, or the file's name without the extension."""
    if job.title and job.title != job.filename:
        return job.title
    stem, _, _ = job.filename.rpartition(".")
    return stem or job.filename


def safe_stem(title: str) -> str:
    """A file name without its extension; "recording" when nothing is left of the title."""
    name = clean_filename(_FORBIDDEN.sub("_", title))[:LONGEST]
    name = name.encode()[: 2 * LONGEST].decode("utf-8", "ignore").strip(". ") or "recording"
    return f"_{name}" if _DEVICE.fullmatch(name) else name


class Stems:
    """Gives each recording a name that no other one has, whatever its capitals and accents are made of."""

    def __init__(self, *reserved: str) -> None:
        self._taken = set(map(_key, reserved))

    def take(self, title: str) -> str:
        """`talk`, `talk (2)`, `talk (3)`…"""
        stem = safe_stem(title)
        numbered = (f"{stem} ({number})" for number in itertools.count(2))
        name = next(name for name in itertools.chain([stem], numbered) if _key(name) not in self._taken)
        self._taken.add(_key(name))
        return name


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())
