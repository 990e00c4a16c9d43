"""Pages of lists: how many to a page, and the cursor that leads to the next one."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

import msgspec

from stenobox.errors import InvalidRequest

T = TypeVar("T")


def check_limit(limit: int, most: int) -> None:
    """Raises InvalidRequest for a number of rows that no page has."""
    if not 1 <= limit <= most:
        raise InvalidRequest(problem=f"The limit must be between 1 and {most}.")


def before(cursor: str | None) -> int | None:
    """The position that a cursor stands for. Raises InvalidRequest for one that we never gave out."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise foreign("list")
    return int(cursor)


def packed(position: tuple[Any, ...]) -> str:
    """A cursor for a position of several values; `unpacked` reads it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def unpacked(cursor: str, kind: type[T], what: str) -> T:
    """The position, of the type `kind`, that a cursor of a `what` stands for. Raises InvalidRequest."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return msgspec.json.decode(text, type=kind)
    except (ValueError, msgspec.DecodeError):
        raise foreign(what) from None


def foreign(what: str) -> InvalidRequest:
    return InvalidRequest(problem=f"The cursor is not one of a {what} that this box gave.")
