"""Log-ins and API keys that were refused, in rows whose number nobody outside can drive up.

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

KNOWN_KEY = "SELECT id, revoked_at FROM api_keys WHERE secret_sha256 = ?"

BURST = 50
SECONDS_PER_ROW = 20.0
"""At most 50 rows at once, then 4,320 a day, some 2 MB with their indexes."""


class _Refusals:
    """One action of the trail. `clock` in seconds; only differences count."""

    action: Action

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

    async def flush(self) -> None:
        """Write down what was only counted; called once a minute and at the end."""
        counts, self._uncounted = self._uncounted, Counter()
        if not counts:
            return
        try:
            async with self._db.write() as tx:
                for reason, count in sorted(counts.items()):
                    await record(tx, self.action, actor=BOX, reason=reason, count=count)
        except BaseException:
            self._uncounted += counts
            raise

    def _take(self, reason: str) -> bool:
        """Whether there may be a row now; if not, it is counted."""
        if self._rows.take():
            return True
        self._uncounted[reason] += 1
        return False


class LoginFailures(_Refusals):
    """Names and passwords."""

    action = Action.LOGIN_FAILED

    async def failed(self, reason: str, name: str | None = None) -> None:
        """Somebody was refused; `reason` is the code of the error, `name` what they said who they were.

        Of a name that is no account nothing is kept: people type passwords into the wrong field (OWASP,
        Logging Cheat Sheet).
        """
        if not self._take(reason):
            return
        async with self._db.write() as tx:
            row = None if name is None else await tx.fetch_one(KNOWN, (name,))
            target = None if row is None else f"user:{row['id']}"
            await record(tx, self.action, target, reason=reason)


class KeyRefusals(_Refusals):
    """API keys. A script whose key has ended goes on asking, so they have a count of their own: it would
    else take the rows of those who guess passwords.
    """

    action = Action.KEY_REFUSED

    async def refused(self, sha256: str) -> None:
        """A key with this fingerprint opened nothing. A key that there was is named by its number, of any
        other nothing is kept: it may be what opens another door.
        """
        if not self._take("various"):
            return
        async with self._db.write() as tx:
            row = await tx.fetch_one(KNOWN_KEY, (sha256,))
            if row is None:
                await record(tx, self.action, reason="unknown")
                return
            # Those of a disabled account are revoked with it.
            reason = "expired" if row["revoked_at"] is None else "revoked"
            await record(tx, self.action, f"key:{row['id']}", reason=reason)
