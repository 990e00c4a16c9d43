"""What a search is narrowed by: whose transcripts, in which language, with which tag."""

from __future__ import annotations

from dataclasses import dataclass

from stenobox.access.owners import sought_owner
from stenobox.db import Reader
from stenobox.search.index import LANGUAGE, OWNER, READER, TAG
from stenobox.sharing.statements import LIVE, SHARED_RECORDINGS
from stenobox.types import Identity

TAGS_NAMED = "SELECT id FROM tags WHERE key = :key AND (:owner_id IS NULL OR owner_id = :owner_id)"

SHARED_TAGS = f"SELECT DISTINCT tag_id FROM shares WHERE user_id = :reader_id AND {LIVE}"  # noqa: S608

OWN = "(:owner_id IS NULL OR docs.owner_id = :owner_id)"
"""The condition on `search_docs AS docs` that a transcript may be found; the index holds only hints of it."""

OWN_AND_SHARED = f"(docs.owner_id = :reader_id OR docs.recording_id IN ({SHARED_RECORDINGS}))"


@dataclass(frozen=True, slots=True)
class Scope:
    """`match` narrows the index, empty if nothing does; `condition` with `values` decides who sees what."""

    match: str
    condition: str
    values: dict[str, int | None]


async def scope_of(
    reader: Reader, identity: Identity, *, owner: str | None, language: str | None, tag: str | None
) -> Scope | None:
    """None when nothing can fit. `tag` is a key of `library.tags`. Raises NotFound for such an owner."""
    owner_id = await sought_owner(reader, identity, owner)
    values: dict[str, int | None] = {"owner_id": owner_id, "reader_id": identity.user.id}
    shared = [] if identity.is_admin else await reader.fetch_all(SHARED_TAGS, values)
    parts: list[str] = []
    if owner_id is not None:
        parts.append(_any([f"{OWNER}{owner_id}", *_shared(identity, [row["tag_id"] for row in shared])]))
    if language is not None:
        parts.append(_any([f"{LANGUAGE}{language}"]))
    if tag is not None:
        # A tag of the same name of whoever shares something counts too.
        whose = None if shared else owner_id
        rows = await reader.fetch_all(TAGS_NAMED, {"key": tag, "owner_id": whose})
        if not rows:
            return None
        parts.append(_any([f"{TAG}{row['id']}" for row in rows]))
    return Scope(" AND ".join(parts), OWN_AND_SHARED if shared else OWN, values)


def _shared(identity: Identity, tag_ids: list[int | None]) -> list[str]:
    """A row without a tag is of a recording that is shared by itself."""
    by_itself = [f"{READER}{identity.user.id}"] if None in tag_ids else []
    return by_itself + [f"{TAG}{tag_id}" for tag_id in tag_ids if tag_id is not None]


def _any(tokens: list[str]) -> str:
    return "(" + " OR ".join(f'"{token}"' for token in tokens) + ")"
