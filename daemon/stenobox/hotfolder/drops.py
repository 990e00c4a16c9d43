"""What was taken from the inboxes, and what is left to do for each file."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from stenobox.db import Database, Transaction
from stenobox.hotfolder.complete import Look
from stenobox.hotfolder.folders import Place

__all__ = ["Drop", "Drops"]

INSERT: Final = """
INSERT INTO drops (inbox, path, inode, size, modified_ns, state, sha256, wishes, job_id, problem, created_at)
VALUES (:inbox, :path, :inode, :size, :modified_ns, :state, :sha256, :wishes, :job_id, :problem, :now)
ON CONFLICT DO NOTHING
"""

# Drops with work left, and those whose files stay where they are: what must not be taken again.
KNOWN: Final = """
SELECT path, inode, size, modified_ns FROM drops WHERE inbox = ? AND (state != 'over' OR stays)
"""

# With the job, if there still is one.
OPEN: Final = """
SELECT drops.id, path, inode, size, modified_ns, job_id, problem, jobs.state AS job_state
FROM drops LEFT JOIN jobs ON jobs.id = drops.job_id
WHERE inbox = ? AND drops.state != 'over'
ORDER BY drops.id
"""

# The work on this content is done, or under way: a job that ended in vain, or that somebody deleted, is no
# reason not to try again.
SAME: Final = """
SELECT jobs.id, jobs.recording_id FROM drops JOIN jobs ON jobs.id = drops.job_id
WHERE drops.inbox = :inbox AND drops.sha256 = :sha256 AND drops.wishes = :wishes AND jobs.owner_id = :owner_id
  AND jobs.state IN ('queued', 'running', 'done') AND jobs.trashed_at IS NULL
ORDER BY drops.id DESC LIMIT 1
"""

OVER: Final = "UPDATE drops SET state = 'over', stays = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Drop:
    """A file with work left. `job_state` None: its job was deleted, or there never was one; then `problem`
    says in a sentence for people why.
    """

    id: int
    place: Place
    look: Look
    job_id: str | None
    job_state: str | None
    problem: str | None


class Same(NamedTuple):
    """What there is of the same content already."""

    job_id: str
    recording_id: str


class Drops:
    """Of one inbox. `db` is open to whoever joins a drop with something else in one transaction."""

    def __init__(self, db: Database, inbox: str, clock: Callable[[], float] = time.time) -> None:
        self.db = db
        self._inbox = inbox
        self._clock = clock

    async def known(self) -> set[tuple[Place, Look]]:
        """What has been taken, or refused, and may lie there still."""
        async with self.db.read() as reader:
            rows = await reader.fetch_all(KNOWN, (self._inbox,))
        return {(_place(row), _look(row)) for row in rows}

    async def open(self) -> list[Drop]:
        """Everything with work left, the oldest first."""
        async with self.db.read() as reader:
            rows = await reader.fetch_all(OPEN, (self._inbox,))
        return [
            Drop(row["id"], _place(row), _look(row), row["job_id"], row["job_state"], row["problem"])
            for row in rows
        ]

    async def same(self, owner_id: int, sha256: str, wishes: str) -> Same | None:
        """The job of a drop with these bytes, owner and wishes, unless it ended in vain."""
        values = {"inbox": self._inbox, "owner_id": owner_id, "sha256": sha256, "wishes": wishes}
        async with self.db.read() as reader:
            row = await reader.fetch_one(SAME, values)
        return None if row is None else Same(row["id"], row["recording_id"])

    async def took(
        self, tx: Transaction, place: Place, look: Look, *, sha256: str, wishes: str, job_id: str
    ) -> None:
        """In the transaction that makes the job, or finds that there is one for the same content."""
        await tx.execute(INSERT, self._values(place, look) | {
            "state": "working", "sha256": sha256, "wishes": wishes, "job_id": job_id, "problem": None,
        })  # fmt: skip

    async def refused(self, place: Place, look: Look, problem: str) -> None:
        """It is no recording; `problem` is a sentence for people."""
        async with self.db.write() as tx:
            await tx.execute(INSERT, self._values(place, look) | {
                "state": "refused", "sha256": None, "wishes": "", "job_id": None, "problem": problem,
            })  # fmt: skip

    async def over(self, drop: Drop, *, stays: bool) -> None:
        """Nothing is left to do. `stays`: the file lies where it was dropped."""
        async with self.db.write() as tx:
            await tx.execute(OVER, (stays, drop.id))

    def _values(self, place: Place, look: Look) -> dict[str, object]:
        return {
            "inbox": self._inbox,
            "path": os.fsencode("/".join(place)),
            "inode": _signed(look.inode),
            "size": look.size,
            "modified_ns": look.modified_ns,
            "now": self._clock(),
        }


def _signed(inode: int) -> int:
    """SQLite's integers have a sign; the numbers of some network file systems use all 64 bits."""
    return inode - 2**64 if inode >= 2**63 else inode


def _place(row: sqlite3.Row) -> Place:
    return tuple(os.fsdecode(bytes(row["path"])).split("/"))


def _look(row: sqlite3.Row) -> Look:
    inode = int(row["inode"])
    return Look(inode + 2**64 if inode < 0 else inode, row["size"], row["modified_ns"])
