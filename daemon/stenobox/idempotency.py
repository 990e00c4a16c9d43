"""Requests that a client sends again because it did not hear the answer: done once, and answered again.

The client names its request by a key of its own choice (draft-ietf-httpapi-idempotency-key-header). What was
made is noted in the transaction that makes it, so that a crash leaves both or neither. Only its kind and id
are noted: a repeat shows it as it is then, and what was a secret of the first answer is kept nowhere.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from stenobox.db import Database, Transaction
from stenobox.errors import InvalidRequest, KeyReused, StenoboxError

T = TypeVar("T")

Note = Callable[[Transaction, str], Awaitable[None]]
"""Called in the transaction that makes something, with its kind and id as the audit trail has them
(`key:12`).
"""

Make = Callable[[Note], Awaitable[T]]
Again = Callable[[str], Awaitable[T]]
"""Given the id of what a request made before, without its kind."""

KEPT_SECONDS: Final = 24 * 3_600.0
"""A client that has not come back for so long has given up."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")

FIND: Final = """
SELECT sha256, made FROM named_requests
WHERE owner_id = :owner_id AND key = :key AND part = :part AND created_at > :since
"""

# One that is over in the way of a new one goes with the others of its age.
FORGET: Final = "DELETE FROM named_requests WHERE created_at <= ?"

NOTE: Final = """
INSERT INTO named_requests (owner_id, key, part, sha256, made, created_at)
VALUES (:owner_id, :key, :part, :sha256, :made, :now)
"""


@dataclass(frozen=True, slots=True)
class Named:
    """A request under the key of an account; `part` counts what one request makes from 0. `sha256` is of
    what it asks for: the same key with something else is a mistake.
    """

    owner_id: int
    key: str
    sha256: str
    part: int = 0


def key_of(header: str | None) -> str | None:
    """The key that a header holds, with or without its quotes. Raises InvalidRequest."""
    if header is None:
        return None
    key = header.strip().strip('"')
    if not _KEY.fullmatch(key):
        raise InvalidRequest(problem="An Idempotency-Key has 1 to 255 printable ASCII characters.")
    return key


def fingerprint(*said: str) -> str:
    """Of what a request asks for, as `Named` takes it."""
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()


async def unnoted(_tx: Transaction, _made: str) -> None:
    """The Note of a request without a key."""


class Once:
    """Makes what a request asks for, or finds what the same request has made before."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def do(self, named: Named, make: Make[T], again: Again[T]) -> T:
        """What `make` returns, or `again` for a repeat. `make` has to call its Note in its transaction.

        Raises KeyReused, and what the two raise.
        """
        if (made := await self._made(named)) is not None:
            return await again(made)
        try:
            return await make(self._note(named))
        except (sqlite3.IntegrityError, StenoboxError):
            # What stands in the way may be what the same request has made in this moment.
            if (made := await self._made(named)) is None:
                raise
        return await again(made)

    async def _made(self, named: Named) -> str | None:
        values = {
            "owner_id": named.owner_id,
            "key": named.key,
            "part": named.part,
            "since": self._clock() - KEPT_SECONDS,
        }
        async with self._db.read() as reader:
            row = await reader.fetch_one(FIND, values)
        if row is None:
            return None
        if row["sha256"] != named.sha256:
            raise KeyReused
        return str(row["made"]).partition(":")[2]

    def _note(self, named: Named) -> Note:
        async def note(tx: Transaction, made: str) -> None:
            now = self._clock()
            values = {
                "owner_id": named.owner_id,
                "key": named.key,
                "part": named.part,
                "sha256": named.sha256,
                "made": made,
                "now": now,
            }
            await tx.execute(FORGET, (now - KEPT_SECONDS,))
            await tx.execute(NOTE, values)

        return note
