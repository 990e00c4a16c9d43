"""Scripts that have no blanks between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese.

The tokenizer of FTS5 would take all that stands between two punctuation marks for one word. So such texts are
indexed a character at a time, and a word of a search becomes a phrase of its characters: what is found holds
them one after the other. No dictionary is needed, and none can be wrong.
"""

from __future__ import annotations

import re
from typing import Final

SPREAD: Final = "\u200b"
"""A zero-width space, which is what Unicode has for this: it separates words and is not seen."""

_DENSE: Final = re.compile(
    "(["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Hiragana, Katakana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "])"
)


def is_dense(text: str) -> bool:
    """Whether some of it is in such a script."""
    return _DENSE.search(text) is not None


def spread(text: str) -> str:
    """The text with each character of such a script apart."""
    return _DENSE.sub(rf"{SPREAD}\1{SPREAD}", text)


def together(text: str) -> str:
    """A text as people wrote it, of one that was spread."""
    return text.replace(SPREAD, "")
