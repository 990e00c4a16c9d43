"""What a sender calls a file is shown to people and used for nothing else, least of all for a path."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath

LONGEST = 200
LONGEST_SUFFIX = 16
UNNAMED = "recording"


def clean_filename(name: str) -> str:
    """The last part of a path, without control, formatting (such as right-to-left override) or lone-surrogate
    characters, at most LONGEST characters with its suffix kept; "recording" when nothing is left.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(
        character
        for character in unicodedata.normalize("NFC", last)
        if unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ).strip()
    if not shown.strip(". "):
        return UNNAMED
    if len(shown) <= LONGEST:
        return shown
    suffix = PurePosixPath(shown).suffix
    if len(suffix) > LONGEST_SUFFIX:
        suffix = ""
    return shown[: LONGEST - len(suffix)] + suffix
