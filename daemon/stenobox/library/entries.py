"""What people see of recordings, and what they may change of them: titles, tags, how long they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from stenobox.access.owners import sought_owner
from stenobox.audio.tags import MAX_TITLE, title_of
from stenobox.audit import Action, record
from stenobox.config import MAX_DAYS
from stenobox.db import Database, Reader
from stenobox.errors import ChangedMeanwhile, InvalidRequest
from stenobox.jobs import Jobs
from stenobox.library import tags
from stenobox.paging import check_limit, packed, unpacked
from stenobox.recordings import COLUMNS, TITLE, visible
from stenobox.sharing.rights import readers_of
from stenobox.sharing.statements import SHARED_RECORDINGS, right_to
from stenobox.types import Identity, Recording, Right

MAX_PAGE = 200
DAYS = ("audio_days", "transcript_days")
MAX_SOUGHT = 200
"""Characters of a text that is looked for in titles."""

# A recording with the name of its owner and its tags, a JSON array in no order.
SHOWN = f"""
SELECT {COLUMNS}, (SELECT name FROM users WHERE users.id = recordings.owner_id) AS owner,
    (SELECT json_group_array(name) FROM recording_tags JOIN tags ON tags.id = tag_id
     WHERE recording_id = recordings.id) AS tags,
    {right_to("recordings.id")} AS rights
FROM recordings
"""  # noqa: S608 - all parts are constants, here and below

GET = f"{SHOWN} WHERE id = :id"

# Newest first; a page ends at a recording and the next begins after it. NULL means: do not filter by this.
LIST = f"""
{SHOWN}
WHERE (:owner_id IS NULL OR owner_id = :owner_id)
  AND (NOT :shared OR id IN ({SHARED_RECORDINGS}))
  AND (trashed_at IS NOT NULL) = :trashed
  AND (:before IS NULL OR (created_at, id) < (:before, :before_id))
  AND (:text IS NULL OR instr(casefold({TITLE}), :text) > 0)
  AND (:tag IS NULL OR EXISTS (
        SELECT 1 FROM recording_tags JOIN tags ON tags.id = recording_tags.tag_id
        WHERE recording_tags.recording_id = recordings.id AND tags.key = :tag))
ORDER BY created_at DESC, id DESC LIMIT :limit
"""  # noqa: S608

CHANGE = """
UPDATE recordings
SET given_title = CASE WHEN :sets_title THEN :title ELSE given_title END,
    audio_days = CASE WHEN :sets_audio_days THEN :audio_days ELSE audio_days END,
    transcript_days = CASE WHEN :sets_transcript_days THEN :transcript_days ELSE transcript_days END,
    revision = revision + 1
WHERE id = :id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording as people see it; `owner` is a name, `right` that of whoever asked."""

    recording: Recording
    owner: str
    tags: tuple[str, ...]
    right: Right


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Some recordings, newest first; `next` is the cursor of the page after this one, None on the last."""

    entries: tuple[Entry, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """What to list: `text` in the title, one `tag`, an `owner` by name, what is in the trash, what others
    share.
    """

    text: str | None = None
    tag: str | None = None
    owner: str | None = None
    trashed: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What to change, by name: `title` (None: what the file says), `audio_days`, `transcript_days` (None: the
    settings; 0: never) and `tags`. What is not named stays.
    """

    values: dict[str, Any] = field(default_factory=dict)
    tags: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if unknown := set(self.values) - {"title", *DAYS}:
            raise ValueError(f"{sorted(unknown)} cannot be changed")


class Library:
    """Recordings as people see them."""

    def __init__(self, db: Database, jobs: Jobs) -> None:
        self._db = db
        self._jobs = jobs

    async def get(self, recording_id: str, identity: Identity) -> Entry:
        """One recording that is not in the trash. Raises NotFound."""
        async with self._db.read() as reader:
            await visible(reader, recording_id, identity)
            return await _entry(reader, recording_id, identity)

    async def list(
        self, identity: Identity, wanted: Filter, limit: int = 50, cursor: str | None = None
    ) -> EntryPage:
        """Own recordings (an admin: all, or those of `wanted.owner`), newest first, at most `limit` (1 to
        200).

        Following `next` shows each recording that existed at the first page at most once, whatever is added
        or deleted meanwhile. Raises InvalidRequest for a limit out of range, a text that is too long, or a
        cursor that is not ours, or the trash of others; NotFound for an owner who is none.
        """
        check_limit(limit, MAX_PAGE)
        if wanted.trashed and wanted.shared:
            raise InvalidRequest(problem="What others share is never in your trash.")
        if wanted.text is not None and len(wanted.text) > MAX_SOUGHT:
            raise InvalidRequest(problem=f"A text to look for has at most {MAX_SOUGHT} characters.")
        before, before_id = (None, None) if cursor is None else unpacked(cursor, tuple[float, str], "list")
        values = {
            "reader_id": identity.user.id,
            "trashed": wanted.trashed,
            "shared": wanted.shared,
            "before": before,
            "before_id": before_id,
            "text": tags.key_of(wanted.text) if wanted.text else None,
            "tag": None if wanted.tag is None else tags.key_of(tags.clean(wanted.tag)),
            "limit": limit + 1,
        }
        async with self._db.read() as reader:
            owner_id = None if wanted.shared else await sought_owner(reader, identity, wanted.owner)
            rows = await reader.fetch_all(LIST, {**values, "owner_id": owner_id})
        entries = tuple(_entry_of(row, identity) for row in rows[:limit])
        return EntryPage(entries, _cursor(entries[-1].recording) if len(rows) > limit else None)

    async def change(
        self, recording_id: str, identity: Identity, change: Change, *, revision: int | None = None
    ) -> Entry:
        """Change a recording; with `revision`, only if that is still the one that its row has.

        Raises NotFound, NotYours, InvalidRequest, ChangedMeanwhile.
        """
        values = _checked(change)
        async with self._db.write() as tx:
            recording = await visible(tx, recording_id, identity, Right.OWN)
            if revision is not None and revision != recording.revision:
                raise ChangedMeanwhile
            await tx.execute(CHANGE, {"id": recording_id, **values})
            days = {name: change.values[name] for name in DAYS if name in change.values}
            if days:
                await record(tx, Action.RETENTION_CHANGED, f"recording:{recording_id}", **days)
            if change.tags is not None:
                before = await readers_of(tx, recording_id)
                await tags.replace(tx, recording_id, change.tags)
                after = await readers_of(tx, recording_id)
                # With a tag that is shared they gained or lost what it is on.
                self._jobs.tell_to_reload(tx, before.keys() ^ after.keys())
            await self._jobs.tell(tx, recording_id)
            return await _entry(tx, recording_id, identity)


async def _entry(reader: Reader, recording_id: str, identity: Identity) -> Entry:
    row = await reader.fetch_one(GET, {"id": recording_id, "reader_id": identity.user.id})
    if row is None:
        raise RuntimeError("the recording vanished inside its own transaction")
    return _entry_of(row, identity)


def _entry_of(row: sqlite3.Row, identity: Identity) -> Entry:
    values = dict(row)
    owner, names = values.pop("owner"), msgspec.json.decode(values.pop("tags"), type=list[str])
    shared, recording = values.pop("rights"), Recording(**values)
    right = Right.OWN if identity.owns(recording.owner_id) else Right(shared)
    return Entry(recording, owner, tuple(sorted(names, key=tags.key_of)), right)


def _checked(change: Change) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in ("title", *DAYS):
        values[f"sets_{name}"] = name in change.values
        values[name] = change.values.get(name)
        if name != "title" and values[name] is not None and not 0 <= values[name] <= MAX_DAYS:
            raise InvalidRequest(problem=f"{name} is between 0 (never) and {MAX_DAYS}, or null.")
    if values["title"] is not None:
        values["title"] = _title(values["title"])
    return values


def _title(text: str) -> str:
    if len(text) > MAX_TITLE:
        raise InvalidRequest(problem=f"A title has at most {MAX_TITLE} characters.")
    title = title_of(text)
    if title is None:
        raise InvalidRequest(problem="A title has at least one character; null brings the file's own back.")
    return title


def _cursor(last: Recording) -> str:
    return packed((last.created_at, last.id))
