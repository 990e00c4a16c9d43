"""API keys, for scripts: `Authorization: Bearer stbx_...`.

A key is shown once, when it is made. Stored is its SHA-256 and its first characters, by which people tell
keys apart.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass

from stenobox.access.secrets import fingerprint, new_secret
from stenobox.access.users import user_of
from stenobox.audit import Action, record
from stenobox.db import Database
from stenobox.errors import InvalidRequest, NotFound
from stenobox.types import User

PREFIX = "stbx_"
SHOWN = len(PREFIX) + 6
"""Characters of a key that stay visible in lists: 36 of its 256 random bits."""

MAX_NAME = 100

# `last_used_at` tells which keys may go; a write per request would cost more than that is worth.
USE_RESOLUTION_S = 60.0

INSERT = """
INSERT INTO api_keys (user_id, name, prefix, secret_sha256, created_at)
VALUES (:user_id, :name, :prefix, :sha256, :now) RETURNING id
"""

LIST = """
SELECT k.id, k.user_id, u.name AS user, k.name, k.prefix, k.created_at, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.revoked_at IS NULL AND (:user_id IS NULL OR k.user_id = :user_id) ORDER BY k.id
"""

BY_ID = """
SELECT k.id, k.user_id, u.name AS user, k.name, k.prefix, k.created_at, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.id = :id AND k.revoked_at IS NULL AND (:user_id IS NULL OR k.user_id = :user_id)
"""

VERIFY = """
SELECT u.id, u.name, u.role, u.disabled, u.created_at, k.id AS key_id, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.secret_sha256 = ? AND k.revoked_at IS NULL AND u.disabled = 0
"""

TOUCH = "UPDATE api_keys SET last_used_at = ? WHERE id = ?"

REVOKE = """
UPDATE api_keys SET revoked_at = :now
WHERE id = :id AND revoked_at IS NULL AND (:user_id IS NULL OR user_id = :user_id)
RETURNING user_id
"""


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key. `prefix` is its visible beginning; `user` the name of the account."""

    id: int
    user_id: int
    user: str
    name: str
    prefix: str
    created_at: float
    last_used_at: float | None


class Keys:
    """The API keys of all users."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def create(self, user_id: int, name: str) -> tuple[KeyInfo, str]:
        """A new key and its secret, which cannot be had again. Raises InvalidRequest (name), NotFound."""
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise InvalidRequest(problem=f"A key's name has 1 to {MAX_NAME} printable characters.")
        secret = new_secret(PREFIX)
        values = {
            "user_id": user_id,
            "name": name,
            "prefix": secret[:SHOWN],
            "sha256": fingerprint(secret),
            "now": self._clock(),
        }
        async with self._db.write() as tx:
            try:
                row = await tx.fetch_one(INSERT, values)
            except sqlite3.IntegrityError as error:
                raise NotFound(what="user") from error
            if row is None:
                raise RuntimeError("INSERT ... RETURNING gave no row")
            await record(tx, Action.KEY_CREATED, f"key:{row['id']}", user=user_id)
            info = await tx.fetch_one(BY_ID, {"id": row["id"], "user_id": user_id})
        if info is None:
            raise NotFound(what="user")
        return _info_of(info), secret

    async def verify(self, secret: str) -> User | None:
        """The account that the key opens; None if it is unknown, revoked, or of a disabled account."""
        if not secret.startswith(PREFIX):
            return None
        async with self._db.read() as reader:
            row = await reader.fetch_one(VERIFY, (fingerprint(secret),))
        if row is None:
            return None
        now = self._clock()
        if row["last_used_at"] is None or abs(now - row["last_used_at"]) >= USE_RESOLUTION_S:
            async with self._db.write() as tx:
                await tx.execute(TOUCH, (now, row["key_id"]))
        return user_of(row)

    async def list(self, user_id: int | None = None) -> list[KeyInfo]:
        """The keys of one user, or of all."""
        async with self._db.read() as reader:
            return [_info_of(row) for row in await reader.fetch_all(LIST, {"user_id": user_id})]

    async def revoke(self, key_id: int, user_id: int | None = None) -> None:
        """End a key at once. With `user_id`, only a key of that user. Raises NotFound."""
        async with self._db.write() as tx:
            row = await tx.fetch_one(REVOKE, {"id": key_id, "user_id": user_id, "now": self._clock()})
            if row is None:
                raise NotFound(what="key")
            await record(tx, Action.KEY_REVOKED, f"key:{key_id}", user=row["user_id"])


def _info_of(row: sqlite3.Row) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        user_id=row["user_id"],
        user=row["user"],
        name=row["name"],
        prefix=row["prefix"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
    )
