"""Marks that belong to a word: openai-whisper's sets, whose members are found as parts of these strings."""

from __future__ import annotations

from typing import Final

__all__ = ["APPENDED", "PREPENDED", "SENTENCE_ENDS"]

PREPENDED: Final = "\"'“¿([{-"  # to the word after them
APPENDED: Final = "\"'.。,，!！?？:：”)]}、"  # noqa: RUF001  # to the word before them
SENTENCE_ENDS: Final = ".。!！?？"  # noqa: RUF001
