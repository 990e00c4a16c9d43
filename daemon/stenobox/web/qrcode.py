"""QR codes (ISO/IEC 18004), made here: what is in them is a secret, which no other machine has to see."""

from __future__ import annotations

import segno

from stenobox.web.people_shapes import QrCode

QUIET = 4
"""Modules that stay light around a code, by the standard."""


def qr_code(text: str) -> QrCode:
    """The code as an SVG path over a square of `size` units: the page draws it as a node, without markup."""
    code = segno.make_qr(text, error="m")
    rows = [list(row) for row in code.matrix]
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, dark in enumerate(row)
        if dark
    )
    return QrCode(len(rows) + 2 * QUIET, path)
