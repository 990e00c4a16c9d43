"""How much each account may keep, and how much it does.

What counts is every byte that the owner's rows name, each recording once, the trash included: it is on the
disk. An upload is asked for when its size is told, before a byte is read, and once more in the transaction
that makes its row; there is one writer, so two uploads at once cannot both have the last free bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from stenobox.audit import Action, record
from stenobox.db import Database, Reader, Transaction
from stenobox.errors import NotFound, QuotaExceeded

LIMIT = "SELECT quota_bytes FROM users WHERE id = ?"

USED = """
SELECT COALESCE(SUM(size), 0) AS used FROM recordings WHERE owner_id = ? AND audio_removed_at IS NULL
"""

KEPT = "SELECT 1 FROM recordings WHERE owner_id = ? AND sha256 = ? AND audio_removed_at IS NULL"

ALL = """
SELECT users.id, users.quota_bytes, COALESCE(SUM(recordings.size), 0) AS used
FROM users LEFT JOIN recordings
    ON recordings.owner_id = users.id AND recordings.audio_removed_at IS NULL
GROUP BY users.id
"""

SET = "UPDATE users SET quota_bytes = ? WHERE name = ? RETURNING id"


@dataclass(frozen=True, slots=True)
class Use:
    """Bytes that an account keeps. `limit` None: as many as fit. `own` is the limit that was set for this
    account: None follows the settings, 0 is no limit.
    """

    used: int
    limit: int | None
    own: int | None = None

    @property
    def free(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)


class Quotas:
    """`default_bytes` is the limit of accounts that have none of their own; 0 is no limit."""

    def __init__(self, db: Database, default_bytes: int = 0) -> None:
        self._db = db
        self._default = default_bytes

    async def use(self, user_id: int) -> Use:
        """What an account keeps and may keep; nothing of an account that is none (the operator's socket)."""
        async with self._db.read() as reader:
            return await self._use(reader, user_id)

    async def of_all(self) -> dict[int, Use]:
        """By the id of the account."""
        async with self._db.read() as reader:
            rows = await reader.fetch_all(ALL)
        return {row["id"]: self._made(row["used"], row["quota_bytes"]) for row in rows}

    async def set(self, name: str, quota_bytes: int | None) -> None:
        """Give an account a limit: None follows the settings, 0 is no limit. Raises NotFound.

        What is kept already stays, also when it is more.
        """
        async with self._db.write() as tx:
            row = await tx.fetch_one(SET, (quota_bytes, name))
            if row is None:
                raise NotFound(what="user")
            await record(tx, Action.QUOTA_CHANGED, f"user:{row['id']}", quota_bytes=quota_bytes)

    async def refuse_early(self, user_id: int, size: int, sha256: str | None = None) -> None:
        """Before `size` bytes are read. Raises QuotaExceeded when they cannot be kept."""
        async with self._db.read() as reader:
            await self._check(reader, user_id, size, sha256)

    async def check(self, tx: Transaction, user_id: int, size: int, sha256: str) -> None:
        """In the transaction that makes the row, before it. Raises QuotaExceeded."""
        await self._check(tx, user_id, size, sha256)

    async def _check(self, reader: Reader, user_id: int, size: int, sha256: str | None) -> None:
        use = await self._use(reader, user_id)
        if use.free is None or size <= use.free:
            return
        # Bytes that the owner has already cost nothing more.
        if sha256 is not None and await reader.fetch_one(KEPT, (user_id, sha256)):
            return
        raise QuotaExceeded(quota=use.limit, free=use.free, size=size)

    async def _use(self, reader: Reader, user_id: int) -> Use:
        limit = await reader.fetch_one(LIMIT, (user_id,))
        used = await reader.fetch_one(USED, (user_id,))
        return self._made(int(used["used"]) if used else 0, limit["quota_bytes"] if limit else None)

    def _made(self, used: int, own: int | None) -> Use:
        limit = self._default if own is None else own
        return Use(used, limit or None, own)
