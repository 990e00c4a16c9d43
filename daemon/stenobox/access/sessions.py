"""Sessions of the page, kept on the server so that they can be ended there.

A session ends when it was not used for `idle_seconds`, and in any case `max_seconds` after the log-in.
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
from stenobox.errors import NotFound
from stenobox.types import User

# `last_seen_at` is written at most this often: a page that polls would otherwise write with every request.
SEEN_RESOLUTION_S = 60.0

INSERT = """
INSERT INTO sessions (user_id, token_sha256, address, browser, created_at, last_seen_at, expires_at)
VALUES (:user_id, :sha256, :address, :browser, :now, :now, :expires_at)
"""

VERIFY = """
SELECT u.id, u.name, u.role, u.disabled, u.created_at, s.id AS session_id, s.last_seen_at
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_sha256 = :sha256 AND u.disabled = 0 AND s.expires_at > :now AND s.last_seen_at > :idle_since
"""

TOUCH = "UPDATE sessions SET last_seen_at = ? WHERE id = ?"

REVOKE = "DELETE FROM sessions WHERE token_sha256 = ? RETURNING user_id"

REVOKE_ALL = "DELETE FROM sessions WHERE user_id = :user_id AND token_sha256 IS NOT :kept"

REVOKE_ONE = "DELETE FROM sessions WHERE id = :id AND user_id = :user_id"

LIST = """
SELECT id, token_sha256, address, browser, created_at, last_seen_at, expires_at FROM sessions
WHERE user_id = :user_id AND expires_at > :now AND last_seen_at > :idle_since
ORDER BY last_seen_at DESC, id DESC
"""

SWEEP = "DELETE FROM sessions WHERE expires_at <= :now OR last_seen_at <= :idle_since"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What may be shown of a session. `ends_at`: unless it is used, which only moves an earlier end."""

    id: int
    address: str
    browser: str
    created_at: float
    last_seen_at: float
    ends_at: float
    current: bool


class Sessions:
    """All sessions. Times are seconds."""

    def __init__(
        self,
        db: Database,
        *,
        idle_seconds: float,
        max_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._idle = idle_seconds
        self._max = max_seconds
        self._clock = clock

    @property
    def max_seconds(self) -> float:
        """How long a session can live at most."""
        return self._max

    async def create(self, user_id: int, address: str = "", browser: str = "") -> str:
        """The token for the cookie of a new session; always a new one, so nobody can fix it beforehand.

        `address` and `browser`: where it is, for the list that its user sees.
        """
        token = new_secret()
        now = self._clock()
        values = {
            "user_id": user_id,
            "sha256": fingerprint(token),
            "address": address,
            "browser": browser,
            "now": now,
            "expires_at": now + self._max,
        }
        async with self._db.write() as tx:
            await tx.execute(SWEEP, {"now": now, "idle_since": now - self._idle})
            await tx.execute(INSERT, values)
            await record(tx, Action.LOGIN, f"user:{user_id}")
        return token

    async def verify(self, token: str) -> User | None:
        """Who the session belongs to; None when it is unknown, over, or of a disabled account."""
        now = self._clock()
        row = await self._row(token, now)
        if row is None:
            return None
        if now - row["last_seen_at"] >= min(SEEN_RESOLUTION_S, self._idle / 4):
            async with self._db.write() as tx:
                await tx.execute(TOUCH, (now, row["session_id"]))
        return user_of(row)

    async def alive(self, token: str) -> bool:
        """Whether `verify` would know it; asking is no use of the session, and does not prolong it."""
        return await self._row(token, self._clock()) is not None

    async def _row(self, token: str, now: float) -> sqlite3.Row | None:
        values = {"sha256": fingerprint(token), "now": now, "idle_since": now - self._idle}
        async with self._db.read() as reader:
            return await reader.fetch_one(VERIFY, values)

    async def list(self, user_id: int, current: str | None = None) -> list[SessionInfo]:
        """The sessions of a user, the one used last first; `current` is the token of the one that asks."""
        now = self._clock()
        mine = None if current is None else fingerprint(current)
        values = {"user_id": user_id, "now": now, "idle_since": now - self._idle}
        async with self._db.read() as reader:
            rows = await reader.fetch_all(LIST, values)
        return [self._info_of(row, row["token_sha256"] == mine) for row in rows]

    def _info_of(self, row: sqlite3.Row, current: bool) -> SessionInfo:
        return SessionInfo(
            id=row["id"],
            address=row["address"],
            browser=row["browser"],
            created_at=row["created_at"],
            last_seen_at=row["last_seen_at"],
            ends_at=min(row["expires_at"], row["last_seen_at"] + self._idle),
            current=current,
        )

    async def revoke_one(self, session_id: int, user_id: int) -> None:
        """End one session of a user. Raises NotFound."""
        async with self._db.write() as tx:
            if not await tx.execute(REVOKE_ONE, {"id": session_id, "user_id": user_id}):
                raise NotFound(what="session")
            await record(tx, Action.SESSIONS_ENDED, f"user:{user_id}", count=1)

    async def revoke(self, token: str) -> None:
        """End one session; harmless when there is none."""
        async with self._db.write() as tx:
            row = await tx.fetch_one(REVOKE, (fingerprint(token),))
            if row is not None:
                await record(tx, Action.LOGOUT, f"user:{row['user_id']}")

    async def revoke_all(self, user_id: int, *, keep: str | None = None) -> None:
        """End the sessions of a user, except the one with the token `keep`."""
        kept = None if keep is None else fingerprint(keep)
        async with self._db.write() as tx:
            ended = await tx.execute(REVOKE_ALL, {"user_id": user_id, "kept": kept})
            if ended:
                await record(tx, Action.SESSIONS_ENDED, f"user:{user_id}", count=ended)
