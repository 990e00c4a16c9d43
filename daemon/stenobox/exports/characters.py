"""What characters are to those who lay out and print text."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["is_wide", "plain", "width"]

# XML 1.0, section 2.2, and HTML, section 13.2.3.5: control characters and noncharacters.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(17))
    + "]"
)

# Scripts that are written without spaces: Han, kana, and their punctuation.
_WIDE = re.compile("[\u2e80-\u30ff\u31c0-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")


def plain(text: str) -> str:
    """On one line, its spaces single, without what no document may hold."""
    return " ".join(_UNPRINTABLE.sub("", text).split())


def width(text: str) -> int:
    """How many characters a reader counts: accents that stand over another one are none."""
    if text.isascii():
        return len(text)
    return sum(1 for character in text if unicodedata.category(character) not in ("Mn", "Me", "Cf"))


def is_wide(character: str) -> bool:
    """Whether a line may break before and after it although there is no space."""
    return _WIDE.match(character) is not None
