"""Content-Disposition for names that come from other people's computers."""

from __future__ import annotations

import re
from urllib.parse import quote

from stenobox.intake.filenames import clean_filename

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]+")

# RFC 8187, attr-char, without the letters and digits that quote() keeps anyway.
_ATTR_CHARS = "!#$&+-.^_`|~"


def attachment(filename: str, extension: str) -> str:
    """A header value that saves as `filename` with `extension` in place of its own (RFC 6266).

    The plain name is reduced to safe ASCII, the real one is percent-encoded: neither can end the header.
    """
    clean = clean_filename(filename)
    name = f"{clean.rpartition('.')[0] or clean}.{extension}"
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
