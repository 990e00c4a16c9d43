"""Who may do what with a recording and with its jobs and transcripts. This rule is written here alone."""

from __future__ import annotations

from collections.abc import Mapping

from stenobox.db import Reader
from stenobox.errors import NotFound, NotYours
from stenobox.sharing import statements as sql
from stenobox.types import Identity, Right


async def right_to(reader: Reader, identity: Identity, *, owner_id: int, recording_id: str) -> Right | None:
    """Owners and administrators own it; others have what was shared with them, or None."""
    if identity.owns(owner_id):
        return Right.OWN
    values = {"reader_id": identity.user.id, "recording_id": recording_id}
    row = await reader.fetch_one(sql.RIGHT, values)
    return None if row is None or row["rights"] is None else Right(row["rights"])


async def demand(
    reader: Reader,
    identity: Identity,
    needed: Right,
    *,
    owner_id: int,
    recording_id: str,
    what: str,
    trashed: bool = False,
) -> Right:
    """The right that they have, at least `needed`. Raises NotYours for what they see and may only look at;
    NotFound(`what`) for what is not theirs to see, as everything that is `trashed` and not their own.
    """
    right = await right_to(reader, identity, owner_id=owner_id, recording_id=recording_id)
    # The same answer for "none" and "not yours": the difference would tell which ids exist.
    if right is None or (trashed and right is not Right.OWN):
        raise NotFound(what=what)
    if right < needed:
        raise NotYours
    return right


async def readers_of(reader: Reader, recording_id: str) -> Mapping[int, Right]:
    """With whom it is shared, by the ids of their accounts."""
    rows = await reader.fetch_all(sql.READERS, {"recording_id": recording_id})
    return {int(row["user_id"]): Right(row["rights"]) for row in rows}
