"""Whose things a list shows."""

from __future__ import annotations

from stenobox.db import Reader
from stenobox.errors import NotFound
from stenobox.types import Identity

OWNER_NAMED = "SELECT id FROM users WHERE name = ?"


async def sought_owner(reader: Reader, identity: Identity, name: str | None) -> int | None:
    """The owner to whom a list is narrowed: oneself, or of administrators whom they name; None is everybody.
    Raises NotFound.
    """
    if not identity.is_admin:
        return identity.user.id
    if name is None:
        return None
    row = await reader.fetch_one(OWNER_NAMED, (name,))
    if row is None:
        raise NotFound(what="user")
    return int(row["id"])
