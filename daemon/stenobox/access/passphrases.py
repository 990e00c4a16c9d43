"""Which passwords are taken: long enough, and not among the first that somebody would try.

OWASP ASVS 4.0.3, 2.1.1 to 2.1.9, and NIST SP 800-63B, 5.1.1.2: a length, a list of common ones, and no rule
about which characters have to occur. zxcvbn (Wheeler, USENIX Security 2016) carries the list, and knows the
usual ways around one too: a year behind a name, 4 for a, keys that lie side by side, repetition.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from stenobox.errors import InvalidRequest, WeakPassword

MIN_LENGTH = 8
MAX_LENGTH = 128
"""Longer ones only make the server work (OWASP, Password Storage Cheat Sheet)."""

MIN_GUESSES = 10**6
"""Fewer are found online in time: zxcvbn's scores 0 and 1."""

_PRODUCT: Final = ("stenobox", "steno", "whisper")
"""Who attacks this box tries its own names first."""


def normalised(password: str) -> str:
    """NFKC, so that the same characters typed on another keyboard are the same password (SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def check_length(password: str) -> None:
    """Raises InvalidRequest unless the password has 8 to 128 characters once it is normalised."""
    if not MIN_LENGTH <= len(normalised(password)) <= MAX_LENGTH:
        raise InvalidRequest(problem=f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.")


def check_guessable(password: str, about: Iterable[str] = ()) -> None:
    """Raises WeakPassword if few guesses find it; `about` are words that belong to its user.

    Blocks for some milliseconds, at 128 characters for some tens.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415  # word lists of some megabytes, not wanted by every command

    found = zxcvbn(normalised(password), user_inputs=[*about, *_PRODUCT], max_length=MAX_LENGTH)
    if found["guesses"] < MIN_GUESSES:
        raise WeakPassword(why=found["feedback"]["warning"] or "It is too easy to guess.")
