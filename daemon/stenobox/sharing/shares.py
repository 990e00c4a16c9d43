"""Shares as their owners see them: given, listed, taken back.

What is shared is one recording, or everything that has a tag, now or later: so a tag is what a folder is
elsewhere. With whom: an account, or by a link whoever has it. What a link leads to is in `links.py`.
"""

from __future__ import annotations

import functools
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stenobox.access.secrets import fingerprint, new_secret
from stenobox.audit import Action, record
from stenobox.db import Database, Reader, Transaction
from stenobox.errors import InvalidRequest, LinksOff, NotFound, TooManyShares
from stenobox.events import EventHub
from stenobox.idempotency import Note, unnoted
from stenobox.library import tags
from stenobox.paging import before, check_limit
from stenobox.recordings import TITLE, visible
from stenobox.search import index
from stenobox.sharing.statements import LIVE
from stenobox.sharingsettings import SharingSettings
from stenobox.types import Identity, Right

LINK_PREFIX: Final = "stbl_"
"""Of a link's token, so that scanners for secrets know one when they see it."""

MAX_SHARES: Final = 1_000
"""Of one account."""

MAX_PAGE: Final = 200
MAX_DAYS: Final = 365
DAY: Final = 24 * 3_600

_SHOWN = f"""
SELECT shares.seq, shares.id, shares.owner_id, owners.name AS owner, shares.recording_id,
    tags.name AS tag, COALESCE({TITLE}, tags.name) AS title, shares.user_id, people.name AS user,
    shares.rights, shares.created_at, shares.expires_at, shares.used_at
FROM shares JOIN users AS owners ON owners.id = shares.owner_id
    LEFT JOIN users AS people ON people.id = shares.user_id
    LEFT JOIN recordings ON recordings.id = shares.recording_id
    LEFT JOIN tags ON tags.id = shares.tag_id
"""  # noqa: S608 - all parts are constants, here and below

GET = f"{_SHOWN} WHERE shares.id = ?"

# NULL means: do not filter by this.
LIST = f"""
{_SHOWN}
WHERE {LIVE} AND (:owner_id IS NULL OR shares.owner_id = :owner_id)
  AND (:user_id IS NULL OR shares.user_id = :user_id)
  AND (:recording_id IS NULL OR shares.recording_id = :recording_id)
  AND (:tag_id IS NULL OR shares.tag_id = :tag_id)
  AND (:before IS NULL OR shares.seq < :before)
ORDER BY shares.seq DESC LIMIT :limit
"""

TAG = "SELECT id FROM tags WHERE owner_id = ? AND key = ?"

PERSON = "SELECT id FROM users WHERE name = ? AND NOT disabled"

PEOPLE = "SELECT name FROM users WHERE NOT disabled AND id <> ? ORDER BY name"

COUNT = "SELECT COUNT(*) AS n FROM shares WHERE owner_id = ?"

# Rows that are over have no further use: the audit trail tells of them.
FORGET = "DELETE FROM shares WHERE owner_id = ? AND expires_at <= unixepoch()"

PRESENT = """
SELECT id FROM shares
WHERE user_id = :user_id AND (recording_id = :recording_id OR tag_id = :tag_id)
"""

INSERT = """
INSERT INTO shares (id, owner_id, recording_id, tag_id, user_id, token_sha256, rights, created_at, expires_at)
VALUES (:id, :owner_id, :recording_id, :tag_id, :user_id, :sha256, :rights, :now, :expires_at)
"""

CHANGE = "UPDATE shares SET rights = :rights, expires_at = :expires_at WHERE id = :id"

REVOKE = """
DELETE FROM shares WHERE id = :id AND (:user_id IS NULL OR owner_id = :user_id OR user_id = :user_id)
RETURNING recording_id, user_id
"""


@dataclass(frozen=True, slots=True)
class Share:
    """`recording_id` or `tag` says what; `user` with whom, None for a link. `title` is the recording's or the
    tag. `expires_at` None is never; `used_at` is when a link was opened last.
    """

    id: str
    owner_id: int
    owner: str
    recording_id: str | None
    tag: str | None
    title: str
    user: str | None
    right: Right
    created_at: float
    expires_at: float | None
    used_at: float | None


@dataclass(frozen=True, slots=True)
class Given:
    """`token` opens a link and is shown this once; None if shared with an account. `new` False: it was shared
    with that account before, and its rights and end are those of now.
    """

    share: Share
    token: str | None
    new: bool


@dataclass(frozen=True, slots=True)
class SharePage:
    """Some shares, newest first; `next` is the cursor of the page after this one, None on the last."""

    shares: tuple[Share, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Thing:
    """What is shared: a recording by its id, or what has one's own tag, by its name. Exactly one is given."""

    recording_id: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    owner_id: int
    recording_id: str | None
    tag_id: int | None

    @property
    def target(self) -> str:
        return f"recording:{self.recording_id}" if self.recording_id else f"tag:{self.tag_id}"


class Shares:
    """All shares; everybody sees those that they gave, administrators all."""

    def __init__(
        self,
        db: Database,
        events: EventHub,
        settings: SharingSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._events = events
        self._settings = settings
        self._clock = clock

    async def people(self, identity: Identity) -> list[str]:
        """Names of the accounts with which one may share."""
        async with self._db.read() as reader:
            return [row["name"] for row in await reader.fetch_all(PEOPLE, (identity.user.id,))]

    async def list(
        self,
        identity: Identity,
        thing: Thing | None = None,
        limit: int = MAX_PAGE,
        cursor: str | None = None,
        *,
        received: bool = False,
    ) -> SharePage:
        """The shares that are not over: of one thing, or all that one gave (an admin: that anybody gave), or
        all that one `received`.

        Raises NotFound, NotYours; InvalidRequest for a limit out of range, a cursor that is not ours, or
        both a thing and what was received.
        """
        check_limit(limit, MAX_PAGE)
        if received and thing is not None:
            raise InvalidRequest(problem="What was received is listed without a recording or a tag.")
        async with self._db.read() as reader:
            found = None if thing is None else await _find(reader, identity, thing)
            whose = None if found or received or identity.is_admin else identity.user.id
            values = {
                "owner_id": whose,
                "user_id": identity.user.id if received else None,
                "recording_id": found.recording_id if found else None,
                "tag_id": found.tag_id if found else None,
                "before": before(cursor),
                "limit": limit + 1,
            }
            rows = await reader.fetch_all(LIST, values)
        shown = rows[:limit]
        following = str(shown[-1]["seq"]) if len(rows) > limit else None
        return SharePage(tuple(_share_of(row) for row in shown), following)

    async def give(
        self,
        identity: Identity,
        thing: Thing,
        name: str,
        right: Right,
        days: int | None = None,
        *,
        note: Note = unnoted,
    ) -> Given:
        """Share with an account, for `days` or until it is taken back. Raises NotFound (the thing, the
        account), NotYours, InvalidRequest, TooManyShares.
        """
        if right not in (Right.READ, Right.EDIT):
            raise InvalidRequest(problem="What is shared can be read, or read and corrected.")
        expires_at = self._end(days, MAX_DAYS)
        async with self._db.write() as tx:
            found = await _find(tx, identity, thing)
            person = await tx.fetch_one(PERSON, (name,))
            if person is None:
                raise NotFound(what="user")
            user_id = int(person["id"])
            if user_id == found.owner_id:
                raise InvalidRequest(problem="It belongs to that account already.")
            which = {"recording_id": found.recording_id, "tag_id": found.tag_id, "user_id": user_id}
            present = await tx.fetch_one(PRESENT, which)
            if present is None:
                share = await self._insert(tx, found, right, expires_at, user_id=user_id)
            else:
                values = {"id": present["id"], "rights": int(right), "expires_at": expires_at}
                await tx.execute(CHANGE, values)
                share = await _get(tx, present["id"])
            action = Action.SHARE_CREATED if present is None else Action.SHARE_CHANGED
            await _record(tx, action, share, found, user_id)
            await note(tx, f"share:{share.id}")
            await self._reaches_others(tx, found.recording_id, user_id)
        return Given(share, None, present is None)

    async def give_link(
        self,
        identity: Identity,
        thing: Thing,
        right: Right = Right.READ,
        days: int | None = None,
        *,
        note: Note = unnoted,
    ) -> Given:
        """Make a link by which anybody who has it may read and listen, for `days` or as long as the settings
        say. Raises LinksOff, NotFound, NotYours, TooManyShares; InvalidRequest also for any other right.
        """
        if not self._settings.links:
            raise LinksOff
        if right is not Right.READ:
            raise InvalidRequest(
                problem="A link lets people read. Share with an account to have it corrected."
            )
        longest = self._settings.max_link_days
        expires_at = self._end(min(self._settings.link_days, longest) if days is None else days, longest)
        token = new_secret(LINK_PREFIX)
        async with self._db.write() as tx:
            found = await _find(tx, identity, thing)
            share = await self._insert(tx, found, Right.READ, expires_at, sha256=fingerprint(token))
            await _record(tx, Action.SHARE_CREATED, share, found, None)
            await note(tx, f"share:{share.id}")
        return Given(share, token, new=True)

    async def get(self, share_id: str, identity: Identity) -> Share:
        """Raises NotFound, also for what somebody else gave, unless they are an administrator."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(GET, (share_id,))
        if row is None or not identity.owns(row["owner_id"]):
            raise NotFound(what="share")
        return _share_of(row)

    async def revoke(self, share_id: str, identity: Identity) -> None:
        """Take a share back; the account with which it is shared may leave it too. Raises NotFound."""
        async with self._db.write() as tx:
            values = {"id": share_id, "user_id": None if identity.is_admin else identity.user.id}
            row = await tx.fetch_one(REVOKE, values)
            if row is None:
                raise NotFound(what="share")
            await record(tx, Action.SHARE_REVOKED, f"share:{share_id}")
            await tx.execute(tags.DROP_UNUSED)
            await self._reaches_others(tx, row["recording_id"], row["user_id"])

    def _end(self, days: int | None, longest: int) -> float | None:
        if days is not None and not 1 <= days <= longest:
            raise InvalidRequest(problem=f"days is between 1 and {longest}.")
        return None if days is None else self._clock() + days * DAY

    async def _insert(
        self,
        tx: Transaction,
        found: _Found,
        right: Right,
        expires_at: float | None,
        *,
        user_id: int | None = None,
        sha256: str | None = None,
    ) -> Share:
        await tx.execute(FORGET, (found.owner_id,))
        count = await tx.fetch_one(COUNT, (found.owner_id,))
        if count is not None and count["n"] >= MAX_SHARES:
            raise TooManyShares(limit=MAX_SHARES)
        values = {
            "id": f"sh_{secrets.token_hex(12)}",
            "owner_id": found.owner_id,
            "recording_id": found.recording_id,
            "tag_id": found.tag_id,
            "user_id": user_id,
            "sha256": sha256,
            "rights": int(right),
            "now": self._clock(),
            "expires_at": expires_at,
        }
        await tx.execute(INSERT, values)
        return await _get(tx, str(values["id"]))

    async def _reaches_others(self, tx: Transaction, recording_id: str | None, user_id: int | None) -> None:
        """The index finds it for others than before, and an open page shows it, or no longer."""
        if user_id is None:
            return
        if recording_id is not None:
            await index.rescope(tx, recording_id)
        tx.after_commit(functools.partial(self._events.reload, user_id))


async def _find(reader: Reader, identity: Identity, thing: Thing) -> _Found:
    """What is to be shared. Raises NotFound, NotYours, InvalidRequest."""
    if (thing.recording_id is None) is (thing.tag is None):
        raise InvalidRequest(problem="Either a recording or a tag is shared.")
    if thing.recording_id is not None:
        recording = await visible(reader, thing.recording_id, identity, Right.OWN)
        return _Found(recording.owner_id, recording.id, None)
    key = tags.key_of(tags.clean(thing.tag or ""))
    row = await reader.fetch_one(TAG, (identity.user.id, key))
    if row is None:
        raise NotFound(what="tag")
    return _Found(identity.user.id, None, int(row["id"]))


async def _get(reader: Reader, share_id: str) -> Share:
    row = await reader.fetch_one(GET, (share_id,))
    if row is None:
        raise RuntimeError("the share vanished inside its own transaction")
    return _share_of(row)


async def _record(tx: Transaction, action: Action, share: Share, found: _Found, user_id: int | None) -> None:
    until = None if share.expires_at is None else int(share.expires_at)
    await record(
        tx,
        action,
        f"share:{share.id}",
        owner=found.owner_id,
        user=user_id,
        what=found.target,
        right=share.right.name.lower(),
        until=until,
    )


def _share_of(row: sqlite3.Row) -> Share:
    values = dict(row)
    right = Right(values.pop("rights"))
    del values["seq"], values["user_id"]
    return Share(**values, right=right)
