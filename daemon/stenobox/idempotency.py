"""Requests that a client sends again because it did not hear the answer: done once, and answered again.

The client names its request by a key of its own choice (draft-ietf-httpapi-idempotency-key-header). What was
made of it is noted in the transaction that makes it.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import Final

from stenobox.db import Database, Transaction
from stenobox.errors import InvalidRequest, KeyReused
from stenobox.intake.direct import DirectIntake, Received
from stenobox.joboptions import Order
from stenobox.jobs import Jobs
from stenobox.jobs.page import encode_options
from stenobox.types import Identity, Job

KEPT_SECONDS: Final = 24 * 3_600.0
"""A client that has not come back for so long has given up."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

FIND: Final = """
SELECT sha256, job_id FROM idempotent_requests
WHERE owner_id = :owner_id AND key = :key AND part = :part AND created_at > :since
"""

# One that is over in the way of a new one goes with the others of its age.
FORGET: Final = "DELETE FROM idempotent_requests WHERE created_at <= ?"

NOTE: Final = """
INSERT INTO idempotent_requests (owner_id, key, part, sha256, job_id, created_at)
VALUES (:owner_id, :key, :part, :sha256, :job_id, :now)
"""


def key_of(header: str | None) -> str | None:
    """The key that a header holds, with or without its quotes. Raises InvalidRequest."""
    if header is None:
        return None
    key = header.strip().strip('"')
    if not _KEY.fullmatch(key):
        raise InvalidRequest(problem="An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return key


class Once:
    """Makes a job of a received file, or finds the one that the same request has made before."""

    def __init__(
        self, db: Database, intake: DirectIntake, jobs: Jobs, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._intake = intake
        self._jobs = jobs
        self._clock = clock

    async def accept(
        self, identity: Identity, received: Received, order: Order, *, key: str | None, part: int = 0
    ) -> Job:
        """As `DirectIntake.accept`; with a key once for the file number `part` of the request.

        Raises KeyReused besides, and NotFound when the job of before is in the trash.
        """
        if key is None:
            return await self._intake.accept(identity, received, order.options, order.priority)
        values = {
            "owner_id": identity.user.id,
            "key": key,
            "part": part,
            "sha256": _fingerprint(received, order),
        }
        if (job := await self._known(identity, values)) is not None:
            await self._intake.discard(received)
            return job
        try:
            return await self._intake.accept(
                identity, received, order.options, order.priority, also=self._note(values)
            )
        except sqlite3.IntegrityError:
            # The same request came a second time while the first one was being read.
            if (job := await self._known(identity, values)) is None:
                raise
            return job

    async def _known(self, identity: Identity, values: dict[str, object]) -> Job | None:
        async with self._db.read() as reader:
            row = await reader.fetch_one(FIND, {**values, "since": self._clock() - KEPT_SECONDS})
        if row is None:
            return None
        if row["sha256"] != values["sha256"]:
            raise KeyReused
        return await self._jobs.get(row["job_id"], identity)

    def _note(self, values: dict[str, object]) -> Callable[[Transaction, Job], Awaitable[None]]:
        async def note(tx: Transaction, job: Job) -> None:
            now = self._clock()
            await tx.execute(FORGET, (now - KEPT_SECONDS,))
            await tx.execute(NOTE, {**values, "job_id": job.id, "now": now})

        return note


def _fingerprint(received: Received, order: Order) -> str:
    wishes = f"{received.sha256} {int(order.priority)} {encode_options(order.options)}"
    return hashlib.sha256(wishes.encode()).hexdigest()
