"""The outbox: what waits to be sent, and what came of it. A notice leaves it only once its receiver has
acknowledged it or its day is over, so it is sent at least once, always under the same id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from stenobox.audit import BOX, Action, record
from stenobox.config import DAY
from stenobox.db import Database, Transaction
from stenobox.notices.schedule import GIVE_UP_S, delay

KEPT_DAYS = 30
"""What is over stays so long, to be looked at and sent again."""

MAX_PROBLEM = 200

# The oldest that is due for each receiver. One that failed is left alone for a while as a whole, however much
# waits for it: for a tenth of the time that it has been failing, 5 seconds to 5 minutes. Titles as they are
# now, and only for those who want them.
DUE = """
SELECT outbox.id, message_id, outbox.user_id, webhook_id, event, job_id, recording_id, error, queued_at,
    started_at, finished_at, outbox.created_at, attempts, webhooks.url, webhooks.secret,
    mail_notices.address, users.disabled,
    CASE WHEN COALESCE(webhooks.with_title, mail_notices.with_title) THEN (
        SELECT COALESCE(given_title, file_title, filename) FROM recordings
        WHERE recordings.id = outbox.recording_id) END AS title
FROM outbox JOIN users ON users.id = outbox.user_id
    LEFT JOIN webhooks ON webhooks.id = outbox.webhook_id
    LEFT JOIN mail_notices ON outbox.webhook_id IS NULL AND mail_notices.user_id = outbox.user_id
WHERE webhooks.disabled IS NULL
  AND (webhooks.failing_since IS NULL OR :now - webhooks.last_error_at
       >= MIN(300, MAX(5, (webhooks.last_error_at - webhooks.failing_since) / 10)))
  AND outbox.id IN (
    SELECT MIN(id) FROM outbox WHERE state = 'waiting' AND due_at <= :now GROUP BY user_id, webhook_id)
ORDER BY due_at LIMIT :limit
"""

NEXT = """
SELECT MIN(due_at) AS due_at FROM outbox LEFT JOIN webhooks ON webhooks.id = webhook_id
WHERE state = 'waiting' AND webhooks.disabled IS NULL AND due_at > ?
"""

DELIVERED = """
UPDATE outbox
SET state = 'delivered', attempts = attempts + 1, tried_at = :now, status = :status, problem = NULL
WHERE id = :id AND state = 'waiting'
"""

PUT_OFF = """
UPDATE outbox
SET state = :state, attempts = attempts + 1, tried_at = :now, status = :status, problem = :problem,
    due_at = :due_at
WHERE id = :id AND state = 'waiting'
"""

WORKED = "UPDATE webhooks SET failing_since = NULL, last_success_at = :now WHERE id = :webhook_id"

FAILED = """
UPDATE webhooks
SET failing_since = COALESCE(failing_since, :now), last_error = :problem, last_error_at = :now
WHERE id = :webhook_id
"""

DISABLE = """
UPDATE webhooks SET disabled = :why
WHERE id = :webhook_id AND disabled IS NULL AND (:why = 'gone' OR failing_since <= :now - :give_up)
"""

# A webhook that was switched off for so long gets nothing of that time when it is switched on again.
EXPIRE = """
UPDATE outbox SET state = 'failed', problem = COALESCE(problem, 'It was not sent within a day.')
WHERE state = 'waiting' AND created_at < :now - :give_up AND due_at < :now - :slack
"""

FORGET = "DELETE FROM outbox WHERE state <> 'waiting' AND COALESCE(tried_at, created_at) < ?"

COUNTS = "SELECT webhook_id IS NULL AS mail, COUNT(*) AS n FROM outbox WHERE state = 'waiting' GROUP BY mail"

DISABLED_COUNT = "SELECT COUNT(*) AS n FROM webhooks WHERE disabled IN ('failing', 'gone')"

OLDEST = "SELECT MIN(created_at) AS oldest FROM outbox WHERE state = 'waiting'"


@dataclass(frozen=True, slots=True)
class Due:
    """A notice to send now: by webhook where there is a `url`, else by mail to `address`; to nobody where
    there is neither any more. `title` None: not wanted, or gone.
    """

    id: int
    message_id: str
    user_id: int
    webhook_id: str | None
    event: str
    job_id: str | None
    recording_id: str | None
    error: str | None
    queued_at: float | None
    started_at: float | None
    finished_at: float | None
    created_at: float
    attempts: int
    url: str | None
    secret: str | None
    address: str | None
    disabled: bool
    title: str | None

    @property
    def receiver(self) -> str:
        """Notices to the same receiver go one after the other."""
        return self.webhook_id or f"mail {self.user_id}"


@dataclass(frozen=True, slots=True)
class Depth:
    """What waits, by road; `oldest` in seconds of age, None when nothing does; `disabled`: webhooks that were
    switched off because they failed.
    """

    webhooks: int
    mail: int
    oldest: float | None
    disabled: int


class Outbox:
    """`clock` gives Unix seconds."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def due(self, limit: int, busy: Collection[str] = ()) -> list[Due]:
        """What may be sent now, one notice for each receiver that is not `busy`."""
        values = {"now": self._clock(), "limit": limit + len(busy)}
        async with self._db.read() as reader:
            rows = await reader.fetch_all(DUE, values)
        found = [Due(**{**dict(row), "disabled": bool(row["disabled"])}) for row in rows]
        return [notice for notice in found if notice.receiver not in busy][:limit]

    async def wait_s(self, longest: float) -> float:
        """Seconds until something more is due, at most `longest`."""
        now = self._clock()
        async with self._db.read() as reader:
            row = await reader.fetch_one(NEXT, (now,))
        if row is None or row["due_at"] is None:
            return longest
        return float(min(longest, max(0.0, row["due_at"] - now)))

    async def delivered(self, notice: Due, status: int | None = None) -> None:
        """Its receiver has it."""
        values = {"id": notice.id, "webhook_id": notice.webhook_id, "now": self._clock(), "status": status}
        async with self._db.write() as tx:
            await tx.execute(DELIVERED, values)
            await tx.execute(WORKED, values)

    async def failed(
        self,
        notice: Due,
        problem: str,
        status: int | None = None,
        *,
        asked: float | None = None,
        final: bool = False,
        gone: bool = False,
    ) -> bool:
        """It was not taken; `problem` in a sentence for people. Tried again unless it is `final`, the
        receiver is `gone`, or its day is over. `asked`: seconds of Retry-After. True when it will not be
        tried again.
        """
        now = self._clock()
        due_at = now + delay(notice.attempts + 1, asked)
        over = final or gone or due_at > notice.created_at + GIVE_UP_S
        values = {
            "id": notice.id,
            "webhook_id": notice.webhook_id,
            "state": "failed" if over else "waiting",
            "now": now,
            "status": status,
            "problem": problem[:MAX_PROBLEM],
            "due_at": due_at,
            "why": "gone" if gone else "failing",
            "give_up": GIVE_UP_S,
        }
        async with self._db.write() as tx:
            await tx.execute(PUT_OFF, values)
            if notice.webhook_id is not None:
                await tx.execute(FAILED, values)
                await self._disable(tx, notice.webhook_id, values)
        return over

    async def sweep(self) -> None:
        """What is over: given up, or kept for long enough."""
        now = self._clock()
        async with self._db.write() as tx:
            await tx.execute(EXPIRE, {"now": now, "give_up": GIVE_UP_S, "slack": 3_600.0})
            await tx.execute(FORGET, (now - KEPT_DAYS * DAY,))

    async def depth(self) -> Depth:
        """For the metrics."""
        async with self._db.read() as reader:
            counts = {bool(row["mail"]): row["n"] for row in await reader.fetch_all(COUNTS)}
            disabled = await reader.fetch_one(DISABLED_COUNT)
            row = await reader.fetch_one(OLDEST)
        oldest = row["oldest"] if row else None
        return Depth(
            webhooks=counts.get(False, 0),
            mail=counts.get(True, 0),
            oldest=None if oldest is None else max(0.0, self._clock() - oldest),
            disabled=disabled["n"] if disabled else 0,
        )

    async def _disable(self, tx: Transaction, webhook_id: str, values: Mapping[str, object]) -> None:
        if await tx.execute(DISABLE, values):
            why = str(values["why"])
            await record(tx, Action.WEBHOOK_DISABLED, f"webhook:{webhook_id}", actor=BOX, reason=why)
