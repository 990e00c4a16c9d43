"""Old rows of the trail, where the settings let them go at all.

A row `audit.pruned` names the last row that goes and its hash, in the transaction that removes them: the
chain goes on from there, and the database lets nothing else be deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from stenobox.audit.acting import BOX
from stenobox.audit.actions import Action
from stenobox.audit.chain import record
from stenobox.config import DAY
from stenobox.db import Database

BATCH = 5_000
"""Rows in one transaction: other writers wait meanwhile."""

SLACK_DAYS = 1
"""Rows go a day later, and with them those of a whole day: there are not more checkpoints than days."""

# The rows of the beginning that are old enough: up to, not including, the first that is not.
OVER = """
SELECT seq, hash FROM audit
WHERE seq <= :through AND seq < (SELECT MIN(seq) FROM audit) + :batch
  AND seq < COALESCE((SELECT MIN(seq) FROM audit WHERE at_ms >= :keep_ms), :through + 1)
ORDER BY seq DESC LIMIT 1
"""

OLDEST = "SELECT at_ms, (SELECT MAX(seq) FROM audit) AS through FROM audit ORDER BY seq LIMIT 1"

DELETE = "DELETE FROM audit WHERE seq <= ?"


class AuditRetention:
    """`days` 0 keeps everything. `clock` gives Unix seconds."""

    def __init__(self, db: Database, days: int, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._days = days
        self._clock = clock

    async def apply(self) -> int:
        """Remove what is over now; returns how many rows. Raises DiskFull."""
        if not self._days:
            return 0
        today = self._clock() / DAY
        async with self._db.read() as reader:
            oldest = await reader.fetch_one(OLDEST)
        if oldest is None or oldest["at_ms"] >= _milliseconds(today - self._days - SLACK_DAYS):
            return 0
        values = {
            "through": oldest["through"],
            "keep_ms": _milliseconds(today - self._days),
            "batch": BATCH,
        }
        removed = 0
        while True:
            async with self._db.write() as tx:
                last = await tx.fetch_one(OVER, values)
                if last is None:
                    return removed
                await record(tx, Action.AUDIT_PRUNED, f"row:{last['seq']}", actor=BOX, hash=last["hash"])
                removed += await tx.execute(DELETE, (last["seq"],))


def _milliseconds(days: float) -> int:
    return int(days * DAY * 1_000)
