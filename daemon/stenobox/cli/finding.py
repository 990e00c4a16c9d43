"""Which files `stenobox push` sends: those that are named, and the recordings in folders that are named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from stenobox.errors import InvalidRequest

SUFFIXES = frozenset(
    (
        *(
            ".aac",
            ".aif",
            ".aiff",
            ".amr",
            ".caf",
            ".flac",
            ".m4a",
            ".m4b",
            ".mka",
            ".mp2",
            ".mp3",
            ".oga",
            ".ogg",
        ),
        *(".opus", ".wav", ".wma"),
        *(".3gp", ".avi", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv"),
    )
)
"""Of recordings, for files that nobody named one by one. The server judges by content."""


def recordings_of(named: Sequence[Path]) -> list[Path]:
    """Each file once, in the order of the call, folders sorted by name with all that is below them.

    In folders, hidden files and what has no suffix of a recording are passed over. Raises InvalidRequest for
    a name that is nothing, and when nothing is left.
    """
    found: dict[Path, Path] = {}
    for path in named:
        if path.is_dir():
            for file in _below(path):
                found.setdefault(file.resolve(), file)
        elif path.is_file():
            found.setdefault(path.resolve(), path)
        else:
            raise InvalidRequest(problem=f"{path} is neither a file nor a folder.")
    if not found:
        raise InvalidRequest(problem="There is no recording in these folders.")
    return list(found.values())


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith((".", "~")) and path.suffix.lower() in SUFFIXES and path.is_file():
                yield path
