"""Content-Disposition for names that come from, and go to, other people's computers."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from stenobox.intake.filenames import clean_filename

_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]+")

# RFC 8187, attr-char, without the letters and digits that quote() keeps anyway.
_ATTR_CHARS = "!#$&+-.^_`|~"

_PARAMETER = re.compile(r""";\s*([A-Za-z]+\*?)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;"]*))""")

# What browsers write for the characters that would end a quoted name (HTML Standard, section 4.10.21.8).
_FORM_ESCAPES = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


def form_names(header: str) -> tuple[str | None, str | None]:
    """`name` and `filename` of a part of a form (RFC 7578, section 4.2).

    The framework's own parser splits at every semicolon, also inside quotes, and would lose `a; b; c.wav`.
    """
    found: dict[str, str] = {}
    for key, quoted, token in _PARAMETER.findall(";" + header.partition(";")[2]):
        value = re.sub(r'\\(["\\])', r"\1", quoted) if quoted else token.strip()
        for escape, character in _FORM_ESCAPES:
            value = value.replace(escape, character)
        found.setdefault(key.lower(), value)
    filename = found.get("filename")
    if found.get("filename*", "").lower().startswith("utf-8''"):
        filename = unquote(found["filename*"][len("utf-8''") :], "utf-8", "replace")
    return found.get("name"), filename


def attachment(filename: str, extension: str) -> str:
    """A header value that saves as `filename` with `extension` in place of its own (RFC 6266).

    The plain name is reduced to safe ASCII, the real one is percent-encoded: neither can end the header.
    """
    clean = clean_filename(filename)
    name = f"{clean.rpartition('.')[0] or clean}.{extension}"
    plain = _NOT_PLAIN.sub("_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
