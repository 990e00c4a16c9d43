"""The chain: each row's hash covers the row and the hash before it, so no row can change unseen.

    hash = SHA-256(previous hash, 32 bytes || canonical form of the row)

The canonical form is a JSON array without white space, in UTF-8, of FORM and the columns in the order of
`Row.fields`; `details` stands in it as the text that is stored. The first row follows GENESIS. Anyone can
check an export with that much.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass

import msgspec

from stenobox.audit.acting import Actor, current_actor
from stenobox.audit.actions import Action
from stenobox.db import Transaction

FORM = "stenobox.audit.1"
GENESIS = "0" * 64

COLUMNS = "seq, at_ms, actor_id, actor, via, address, action, target, details, hash"

LAST = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"

INSERT = f"INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608

Detail = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the trail; `at_ms` in milliseconds since 1970, UTC. `details` is a JSON object as text."""

    seq: int
    at_ms: int
    actor_id: int | None
    actor: str | None
    via: str
    address: str | None
    action: str
    target: str | None
    details: str
    hash: str = ""

    @property
    def fields(self) -> tuple[object, ...]:
        """What the hash covers, in order."""
        return (
            self.seq,
            self.at_ms,
            self.actor_id,
            self.actor,
            self.via,
            self.address,
            self.action,
            self.target,
            self.details,
        )

    @property
    def values(self) -> dict[str, Detail]:
        """The details; empty when the text is not what we write, which only somebody else can have done."""
        try:
            return msgspec.json.decode(self.details, type=dict[str, Detail])
        except msgspec.DecodeError:
            return {}

    def digest(self, previous: str) -> str:
        """The hash that this row has after a row with the hash `previous`, both 64 hex digits."""
        form = json.dumps([FORM, *self.fields], ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(bytes.fromhex(previous) + form.encode("utf-8", "surrogatepass")).hexdigest()


async def record(
    tx: Transaction,
    action: Action,
    target: str | None = None,
    *,
    actor: Actor | None = None,
    **details: Detail,
) -> None:
    """Add a row in the caller's transaction: what is committed is recorded, and the reverse.

    `details` hold numbers, ids and codes: never a secret, a file name, a title or text that was heard. Raises
    DiskFull.
    """
    who = actor or current_actor()
    last = await tx.fetch_one(LAST)
    row = Row(
        seq=last["seq"] + 1 if last else 1,
        at_ms=int(time.time() * 1_000),
        actor_id=who.id,
        actor=who.name,
        via=who.via,
        address=who.address,
        action=action.value,
        target=target,
        details=json.dumps(details, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
    )
    await tx.execute(INSERT, (*row.fields, row.digest(last["hash"] if last else GENESIS)))


def row_of(row: sqlite3.Row) -> Row:
    """A row of COLUMNS as a value."""
    return Row(**dict(row))
