"""How deep JSON may be nested: decoders call themselves for each level, and a stack has an end."""

from __future__ import annotations

import re
from typing import Final

MAX_DEPTH: Final = 32
"""Nothing that the API takes has more than a handful of levels."""

_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NO_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def is_too_deep(text: bytes) -> bool:
    """Whether arrays and objects are nested deeper than MAX_DEPTH; in one pass, of any bytes."""
    depth = 0
    for byte in _STRINGS.sub(b"", text).translate(None, _NO_BRACKETS):
        depth += 1 if byte in b"[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False
