"""Which names in an inbox are recordings, and what results are called."""

from __future__ import annotations

import fnmatch
import itertools
import os
import re
from collections.abc import Iterable, Iterator
from typing import Final

from stenobox.exports import FORMATS
from stenobox.hotfolder.folders import Place
from stenobox.inboxes import OVERRIDE_FILE

__all__ = ["DONE", "ERROR_SUFFIX", "FAILED", "Rules", "free_names", "result_names", "shown", "tags_of"]

DONE: Final = "done"
FAILED: Final = "failed"
ERROR_SUFFIX: Final = ".error.txt"

# What programs write while they copy, and what systems leave behind.
_NEVER: Final = (
    ".*", "~*", "*~", "*.part", "*.partial", "*.filepart", "*.tmp", "*.temp", "*.crdownload", "*.download",
    "*.swp", "thumbs.db", "desktop.ini", "*.lnk", "@eadir", "#recycle", "$recycle.bin", "lost+found",
    OVERRIDE_FILE,
)  # fmt: skip
# What we write is no recording that somebody waits for.
_TEXTS: Final = tuple(f"*.{form.extension}" for form in FORMATS.values())


class Rules:
    """Whether a name is left alone; capitals do not matter, as on the computers that share the folder."""

    def __init__(self, further: Iterable[str] = ()) -> None:
        patterns = (*_NEVER, *(pattern.lower() for pattern in further))
        self._folders = re.compile("|".join(map(fnmatch.translate, patterns)))
        self._files = re.compile("|".join(map(fnmatch.translate, (*patterns, *_TEXTS))))

    def skips_folder(self, parents: Place, name: str) -> bool:
        """Of our own folders only those at the top are ours."""
        return (not parents and name in (DONE, FAILED)) or self._folders.match(name.lower()) is not None

    def skips_file(self, name: str) -> bool:
        return self._files.match(name.lower()) is not None

    def skips(self, place: Place) -> bool:
        """For a place that was told rather than found."""
        folders = any(self.skips_folder(place[:depth], name) for depth, name in enumerate(place[:-1]))
        return folders or self.skips_file(place[-1])


def result_names(name: str, extension: str) -> Iterator[str]:
    """`talk.txt` for `talk.wav`, and where that is somebody else's, `talk.wav.txt`, `talk.wav (2).txt`…"""
    stem, dot, _ = name.rpartition(".")
    if dot and stem:
        yield f"{stem}.{extension}"
    yield f"{name}.{extension}"
    for number in itertools.count(2):
        yield f"{name} ({number}).{extension}"


def free_names(name: str) -> Iterator[str]:
    """The name itself, and `talk (2).wav`, `talk (3).wav`… where it is taken."""
    yield name
    stem, dot, extension = name.rpartition(".")
    for number in itertools.count(2):
        yield f"{stem} ({number}).{extension}" if dot and stem else f"{name} ({number})"


def shown(name: str) -> str:
    """A name as people read it, whatever bytes it has."""
    return os.fsencode(name).decode("utf-8", "replace")


def tags_of(place: Place) -> tuple[str, ...]:
    """The folders that a recording lies in, from the inbox on."""
    return tuple(dict.fromkeys(shown(part) for part in place[:-1]))
