"""API keys, for scripts: `Authorization: Bearer stbx_...`.

A key is shown once, when it is made. Stored is its SHA-256 and its first characters, by which people tell
keys apart. It opens its account for what its scopes name, until it expires or is revoked.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stenobox.access.secrets import fingerprint, new_secret
from stenobox.access.users import user_of
from stenobox.audit import Action, record
from stenobox.db import Database
from stenobox.errors import InvalidRequest, NotFound
from stenobox.idempotency import Note, unnoted
from stenobox.types import Role, Scope, User

PREFIX = "stbx_"
SHOWN = len(PREFIX) + 6
"""Characters of a key that stay visible in lists: 36 of its 256 random bits."""

MAX_NAME = 100

DEFAULT_SCOPES = frozenset({Scope.READ, Scope.UPLOAD})

# `last_used_at` tells which keys may go; a write per request would cost more than that is worth.
USE_RESOLUTION_S = 60.0

INSERT = """
INSERT INTO api_keys (user_id, name, prefix, secret_sha256, scopes, created_at, expires_at)
VALUES (:user_id, :name, :prefix, :sha256, :scopes, :now, :expires_at) RETURNING id
"""

ROLE_OF = "SELECT role FROM users WHERE id = ?"

LIST = """
SELECT k.id, k.user_id, u.name AS user, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.revoked_at IS NULL AND (:user_id IS NULL OR k.user_id = :user_id) ORDER BY k.id
"""

BY_ID = """
SELECT k.id, k.user_id, u.name AS user, k.name, k.prefix, k.scopes, k.created_at, k.expires_at, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.id = :id AND k.revoked_at IS NULL AND (:user_id IS NULL OR k.user_id = :user_id)
"""

VERIFY = """
SELECT u.id, u.name, u.role, u.disabled, u.created_at, k.id AS key_id, k.scopes, k.last_used_at
FROM api_keys k JOIN users u ON u.id = k.user_id
WHERE k.secret_sha256 = :sha256 AND k.revoked_at IS NULL AND u.disabled = 0
    AND (k.expires_at IS NULL OR k.expires_at > :now)
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
    scopes: frozenset[Scope]
    created_at: float
    expires_at: float | None
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What a key opens: an account, for these uses."""

    user: User
    scopes: frozenset[Scope]


class Keys:
    """The API keys of all users."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def create(
        self,
        user_id: int,
        name: str,
        scopes: Iterable[Scope] = DEFAULT_SCOPES,
        expires_at: float | None = None,
        note: Note = unnoted,
    ) -> tuple[KeyInfo, str]:
        """A new key and its secret, which cannot be had again. Raises NotFound, and InvalidRequest for the
        name, for no scope, for a scope that the account's role does not have, and for an end in the past.
        """
        granted, now = frozenset(scopes), self._clock()
        _check(name, granted, expires_at, now)
        secret = new_secret(PREFIX)
        values = {
            "user_id": user_id,
            "name": name,
            "prefix": secret[:SHOWN],
            "sha256": fingerprint(secret),
            "scopes": _stored(granted),
            "now": now,
            "expires_at": expires_at,
        }
        async with self._db.write() as tx:
            owner = await tx.fetch_one(ROLE_OF, (user_id,))
            if owner is None:
                raise NotFound(what="user")
            if Scope.ADMIN in granted and owner["role"] != Role.ADMIN:
                raise InvalidRequest(problem="Only a key of an administrator can have the scope 'admin'.")
            row = await tx.fetch_one(INSERT, values)
            if row is None:
                raise RuntimeError("INSERT ... RETURNING gave no row")
            await record(tx, Action.KEY_CREATED, f"key:{row['id']}", user=user_id)
            await note(tx, f"key:{row['id']}")
            info = await tx.fetch_one(BY_ID, {"id": row["id"], "user_id": user_id})
        if info is None:
            raise NotFound(what="user")
        return _info_of(info), secret

    async def get(self, key_id: int, user_id: int | None = None) -> KeyInfo:
        """A key that was not revoked. With `user_id`, only one of that user. Raises NotFound."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(BY_ID, {"id": key_id, "user_id": user_id})
        if row is None:
            raise NotFound(what="key")
        return _info_of(row)

    async def verify(self, secret: str) -> Opened | None:
        """What the key opens; None if it is unknown, revoked, expired, or of a disabled account."""
        if not secret.startswith(PREFIX):
            return None
        now = self._clock()
        async with self._db.read() as reader:
            row = await reader.fetch_one(VERIFY, {"sha256": fingerprint(secret), "now": now})
        if row is None:
            return None
        if row["last_used_at"] is None or abs(now - row["last_used_at"]) >= USE_RESOLUTION_S:
            async with self._db.write() as tx:
                await tx.execute(TOUCH, (now, row["key_id"]))
        return Opened(user_of(row), _scopes_of(row))

    async def list(self, user_id: int | None = None) -> list[KeyInfo]:
        """The keys of one user, or of all; expired ones too, so that people see what has ended."""
        async with self._db.read() as reader:
            return [_info_of(row) for row in await reader.fetch_all(LIST, {"user_id": user_id})]

    async def revoke(self, key_id: int, user_id: int | None = None) -> int:
        """End a key at once; returns whose it was. With `user_id`, only a key of that user.

        Raises NotFound.
        """
        async with self._db.write() as tx:
            row = await tx.fetch_one(REVOKE, {"id": key_id, "user_id": user_id, "now": self._clock()})
            if row is None:
                raise NotFound(what="key")
            await record(tx, Action.KEY_REVOKED, f"key:{key_id}", user=row["user_id"])
        return int(row["user_id"])


def _check(name: str, scopes: frozenset[Scope], expires_at: float | None, now: float) -> None:
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidRequest(problem=f"A key's name has 1 to {MAX_NAME} printable characters.")
    if not scopes:
        raise InvalidRequest(problem=f"A key needs at least one scope of {', '.join(Scope)}.")
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest(problem="The key would have expired already: give a time to come.")


def _stored(scopes: frozenset[Scope]) -> str:
    return " ".join(scope for scope in Scope if scope in scopes)


def _scopes_of(row: sqlite3.Row) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in row["scopes"].split())


def _info_of(row: sqlite3.Row) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        user_id=row["user_id"],
        user=row["user"],
        name=row["name"],
        prefix=row["prefix"],
        scopes=_scopes_of(row),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )
