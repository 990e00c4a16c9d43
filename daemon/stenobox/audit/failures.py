"""Log-ins that failed, in rows whose number nobody outside can drive up.

The first ones are rows of their own; when they come faster than one every `seconds_per_row`, they are
counted, and a row a minute tells how many there were. A crash loses at most the count of that minute.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from stenobox.audit.acting import BOX
from stenobox.audit.actions import Action
from stenobox.audit.chain import record
from stenobox.db import Database
from stenobox.tokenbucket import TokenBucket

KNOWN = "SELECT id FROM users WHERE name = ?"

BURST = 50
SECONDS_PER_ROW = 20.0
"""At most 50 rows at once, then 4,320 a day, some 2 MB with their indexes."""


class LoginFailures:
    """`clock` in seconds; only differences count."""

    def __init__(
        self,
        db: Database,
        burst: int = BURST,
        seconds_per_row: float = SECONDS_PER_ROW,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db = db
        self._rows = TokenBucket(burst, seconds_per_row, clock)
        self._uncounted: Counter[str] = Counter()

    async def failed(self, reason: str, name: str | None = None) -> None:
        """Somebody was refused; `reason` is the code of the error, `name` what they said who they were.

        Of a name that is no account nothing is kept: people type passwords into the wrong field (OWASP,
        Logging Cheat Sheet).
        """
        if not self._rows.take():
            self._uncounted[reason] += 1
            return
        async with self._db.write() as tx:
            row = None if name is None else await tx.fetch_one(KNOWN, (name,))
            target = None if row is None else f"user:{row['id']}"
            await record(tx, Action.LOGIN_FAILED, target, reason=reason)

    async def flush(self) -> None:
        """Write down what was only counted; called once a minute and at the end."""
        counts, self._uncounted = self._uncounted, Counter()
        if not counts:
            return
        try:
            async with self._db.write() as tx:
                for reason, count in sorted(counts.items()):
                    await record(tx, Action.LOGIN_FAILED, actor=BOX, reason=reason, count=count)
        except BaseException:
            self._uncounted += counts
            raise
