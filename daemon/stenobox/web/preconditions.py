"""Preconditions of changes (RFC 9110, section 13.1.1): a change is made of what is there, or not at all."""

from __future__ import annotations

import re

from aiohttp import hdrs, web

from stenobox.errors import ChangedMeanwhile

_TAG = re.compile(r'"(\d{1,18})"', re.ASCII)


def tag_of(number: int) -> str:
    """The ETag of a state that is known by a number."""
    return f'"{number}"'


def expected_number(request: web.Request) -> int | None:
    """The state that If-Match asks for; None when it asks for nothing. Raises ChangedMeanwhile for a tag that
    is none of ours, and so matches no state.
    """
    header = request.headers.get(hdrs.IF_MATCH)
    if header is None or header.strip() == "*":
        return None
    match = _TAG.fullmatch(header.strip())
    if match is None:
        raise ChangedMeanwhile
    return int(match[1])
