"""Accounts: a name, a role, a password.

Names are told apart without regard to case, so that `Anna` cannot pose as `anna`.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable

from stenobox.access.passwords import Passwords
from stenobox.audit import Action, record
from stenobox.db import Database, Reader, Transaction
from stenobox.errors import InvalidRequest, LastAdmin, NameTaken, NotFound, WrongCredentials
from stenobox.idempotency import Note, unnoted
from stenobox.types import Role, User

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

INSERT = """
INSERT INTO users (name, role, password_hash, created_at) VALUES (:name, :role, :hash, :now)
RETURNING id, name, role, disabled, created_at
"""

LIST = "SELECT id, name, role, disabled, created_at FROM users ORDER BY name"

BY_ID = "SELECT id, name, role, disabled, created_at FROM users WHERE id = ?"

BY_NAME = "SELECT id, name, role, disabled, created_at, password_hash FROM users WHERE name = ?"

HASH_OF = "SELECT password_hash FROM users WHERE id = ?"

COUNT = "SELECT COUNT(*) AS n FROM users"

SET_HASH = "UPDATE users SET password_hash = ? WHERE id = ?"

# Nobody is left to let others in when the last administrator goes.
OTHER_ADMINS = "SELECT COUNT(*) AS n FROM users WHERE role = 'admin' AND disabled = 0 AND id <> ?"

SET_ROLE = "UPDATE users SET role = ? WHERE id = ?"

SET_DISABLED = "UPDATE users SET disabled = ? WHERE id = ?"

# Not only shut out while the account is disabled: what ended must not open again when it is enabled.
END_KEYS = "UPDATE api_keys SET revoked_at = ? WHERE user_id = ? AND revoked_at IS NULL"

END_SESSIONS = "DELETE FROM sessions WHERE user_id = ?"

# Or they would be an administrator's again should their user ever become one.
TAKE_ADMIN_FROM_KEYS = """
UPDATE api_keys SET scopes = trim(replace(' ' || scopes || ' ', ' admin ', ' ')) WHERE user_id = ?
"""

HAS_RECORDINGS = "SELECT 1 FROM recordings WHERE owner_id = ? LIMIT 1"

DELETE = "DELETE FROM users WHERE id = ?"


class Users:
    """The accounts of the box."""

    def __init__(self, db: Database, passwords: Passwords, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._passwords = passwords
        self._clock = clock

    async def count(self) -> int:
        async with self._db.read() as reader:
            return await count(reader)

    async def list(self) -> list[User]:
        async with self._db.read() as reader:
            return [user_of(row) for row in await reader.fetch_all(LIST)]

    async def get(self, user_id: int) -> User:
        """Raises NotFound."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(BY_ID, (user_id,))
        if row is None:
            raise NotFound(what="user")
        return user_of(row)

    async def find(self, name: str) -> User:
        """Raises NotFound."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(BY_NAME, (name,))
        if row is None:
            raise NotFound(what="user")
        return user_of(row)

    async def add(
        self, name: str, role: Role, password: str, *, only_as_first: bool = False, note: Note = unnoted
    ) -> User:
        """Make an account. Raises InvalidRequest (name, password), WeakPassword, NameTaken.

        With `only_as_first` any account that exists already is NameTaken too: two people who follow the
        set-up link at the same moment cannot both become the first administrator.
        """
        check_name(name)
        encoded = await self._passwords.hash(password, about=words_of(name))
        async with self._db.write() as tx:
            if only_as_first and await count(tx):
                raise NameTaken
            values = {"name": name, "role": str(role), "hash": encoded, "now": self._clock()}
            try:
                row = await tx.fetch_one(INSERT, values)
            except sqlite3.IntegrityError as error:
                raise NameTaken from error
            if row is None:
                raise RuntimeError("INSERT ... RETURNING gave no row")
            await record(tx, Action.USER_CREATED, f"user:{row['id']}", name=name, role=str(role))
            await note(tx, f"user:{row['id']}")
            return user_of(row)

    async def verify(self, name: str, password: str) -> User:
        """The account that these belong to. Raises WrongCredentials, in all cases after the same work."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(BY_NAME, (name,))
        encoded = None if row is None else str(row["password_hash"])
        matches = await self._passwords.verify(encoded, password)
        if row is None or encoded is None or not matches or row["disabled"]:
            raise WrongCredentials
        if self._passwords.outdated(encoded):
            await self._store_hash(row["id"], await self._passwords.encode(password), told=False)
        return user_of(row)

    async def check_password(self, user_id: int, password: str) -> None:
        """Raises WrongCredentials unless it is the user's password."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(HASH_OF, (user_id,))
        if not await self._passwords.verify(None if row is None else row["password_hash"], password):
            raise WrongCredentials

    async def stretched(self, password: str, about: str) -> str:
        """See `Passwords.stretched`."""
        return await self._passwords.stretched(password, about)

    async def set_password(self, user_id: int, password: str) -> None:
        """Raises InvalidRequest (length), WeakPassword, NotFound."""
        user = await self.get(user_id)
        await self._store_hash(
            user_id, await self._passwords.hash(password, about=words_of(user.name)), told=True
        )

    async def _store_hash(self, user_id: int, encoded: str, *, told: bool) -> None:
        async with self._db.write() as tx:
            if not await tx.execute(SET_HASH, (encoded, user_id)):
                raise NotFound(what="user")
            if told:
                await record(tx, Action.PASSWORD_CHANGED, f"user:{user_id}")

    async def remove(self, user_id: int) -> bool:
        """Delete the account, or only disable it while recordings belong to it. True when it was deleted.

        Keys and sessions end with it. Raises NotFound, LastAdmin.
        """
        async with self._db.write() as tx:
            name = await _keep_an_admin(tx, user_id)
            if await tx.fetch_one(HAS_RECORDINGS, (user_id,)) is None:
                await record(tx, Action.USER_REMOVED, f"user:{user_id}", name=name)
                await tx.execute(DELETE, (user_id,))
                return True
            await self._disable(tx, user_id, name)
            return False

    async def change(self, user_id: int, role: Role | None = None, disabled: bool | None = None) -> User:
        """Another role, or no access for a while; None leaves it as it is. Both happen, or neither.

        Disabling ends keys and sessions for good. Raises NotFound, LastAdmin.
        """
        async with self._db.write() as tx:
            if disabled or role not in (None, Role.ADMIN):
                await _keep_an_admin(tx, user_id)
            before = await tx.fetch_one(BY_ID, (user_id,))
            if before is None:
                raise NotFound(what="user")
            if role is not None and role != before["role"]:
                await tx.execute(SET_ROLE, (str(role), user_id))
                if role is not Role.ADMIN:
                    await tx.execute(TAKE_ADMIN_FROM_KEYS, (user_id,))
                await record(tx, Action.USER_CHANGED, f"user:{user_id}", name=before["name"], role=str(role))
            if disabled and not before["disabled"]:
                await self._disable(tx, user_id, before["name"])
            elif disabled is not None and not disabled and before["disabled"]:
                await tx.execute(SET_DISABLED, (0, user_id))
                await record(tx, Action.USER_ENABLED, f"user:{user_id}", name=before["name"])
            row = await tx.fetch_one(BY_ID, (user_id,))
        if row is None:
            raise NotFound(what="user")
        return user_of(row)

    async def _disable(self, tx: Transaction, user_id: int, name: str) -> None:
        await record(tx, Action.USER_DISABLED, f"user:{user_id}", name=name)
        await tx.execute(SET_DISABLED, (1, user_id))
        await tx.execute(END_KEYS, (self._clock(), user_id))
        await tx.execute(END_SESSIONS, (user_id,))


def check_name(name: str) -> None:
    """Raises InvalidRequest unless the name can stand in a URL, a log and a shell without quoting."""
    if not NAME.fullmatch(name):
        problem = "A name has 1 to 64 letters, digits or any of . _ @ -, and starts with a letter or a digit."
        raise InvalidRequest(problem=problem)


def words_of(name: str) -> tuple[str, ...]:
    """What of a name somebody would try as a password: all of it, and each of its words."""
    return (name, *(word for word in re.split(r"[._@-]+", name) if len(word) > 2 and word != name))


async def _keep_an_admin(tx: Transaction, user_id: int) -> str:
    """The account's name. Raises LastAdmin if nobody else could let others in; NotFound."""
    row = await tx.fetch_one(BY_ID, (user_id,))
    if row is None:
        raise NotFound(what="user")
    others = await tx.fetch_one(OTHER_ADMINS, (user_id,))
    if row["role"] == Role.ADMIN and not row["disabled"] and (others is None or not others["n"]):
        raise LastAdmin
    return str(row["name"])


async def count(reader: Reader | Transaction) -> int:
    row = await reader.fetch_one(COUNT)
    return 0 if row is None else int(row["n"])


def user_of(row: sqlite3.Row) -> User:
    """A row with the columns id, name, role, disabled, created_at."""
    return User(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        disabled=bool(row["disabled"]),
        created_at=row["created_at"],
    )
