"""The trail as administrators read it: filtered pages, newest first, and all of it in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, fields

from stenobox.audit.actions import SUBJECTS, Action
from stenobox.audit.chain import COLUMNS, GENESIS, LAST, Detail, Row, record, row_of
from stenobox.db import Database
from stenobox.errors import InvalidRequest
from stenobox.paging import before, check_limit

MAX_PAGE = 200

BATCH = 500
"""Rows of an export that are in memory at a time."""

_CONDITIONS = {
    "action": "action = :action",
    "subject": "action GLOB :subject || '.*'",
    "actor": "actor = :actor",
    "target": "target = :target",
    "since_ms": "at_ms >= :since_ms",
    "until_ms": "at_ms < :until_ms",
}


@dataclass(frozen=True, slots=True)
class Head:
    """The last row: whoever keeps this elsewhere can tell later whether the trail up to it was changed."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


@dataclass(frozen=True, slots=True)
class Filter:
    """None: do not filter by this. `action` in full or `subject`; `actor` a name; `target` as `kind:id`;
    times in milliseconds, `since_ms` included and `until_ms` not.
    """

    action: str | None = None
    subject: str | None = None
    actor: str | None = None
    target: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def given(self) -> dict[str, object]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def where(self) -> str:
        """Conditions, each with its AND in front; made of constants only."""
        return "".join(f" AND {_CONDITIONS[name]}" for name in self.given)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some rows, newest first; `next` is the cursor of the page after this one, None on the last."""

    rows: tuple[Row, ...]
    next: str | None
    head: Head


def filter_by_action(text: str | None) -> tuple[str | None, str | None]:
    """(action, subject) of what was asked for. Raises InvalidRequest for what is neither."""
    if text is None:
        return None, None
    if text in SUBJECTS:
        return None, text
    try:
        return Action(text).value, None
    except ValueError:
        known = ", ".join(SUBJECTS)
        problem = f"There is no action of that name. Name one in full, or all of: {known}."
        raise InvalidRequest(problem=problem) from None


class Trail:
    """Reads the audit trail, and adds what has no transaction of its own."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def head(self) -> Head:
        """The last row's number and hash; 0 and GENESIS while there is none."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(LAST)
        return Head(0, GENESIS) if row is None else Head(row["seq"], row["hash"])

    async def row(self, seq: int) -> Row | None:
        """One row; None when it is not there."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(f"SELECT {COLUMNS} FROM audit WHERE seq = ?", (seq,))  # noqa: S608
        return None if row is None else row_of(row)

    async def tell(self, action: Action, **details: Detail) -> None:
        """Record what changes nothing else in the database. Raises DiskFull."""
        async with self._db.write() as tx:
            await record(tx, action, None, actor=None, **details)

    async def page(self, wanted: Filter, limit: int = 50, cursor: str | None = None) -> AuditPage:
        """At most `limit` (1 to 200) rows. Raises InvalidRequest for a limit out of range, or a cursor that
        is not ours.
        """
        check_limit(limit, MAX_PAGE)
        position = before(cursor)
        values = {
            **wanted.given,
            "before": 2**62 if position is None else position,
            "limit": limit + 1,
        }
        statement = f"""
            SELECT {COLUMNS} FROM audit WHERE seq < :before{wanted.where} ORDER BY seq DESC LIMIT :limit
        """  # noqa: S608 - constants, see `where`
        async with self._db.read() as reader:
            rows = await reader.fetch_all(
                statement,
                values,
            )
            last = await reader.fetch_one(LAST)
        shown = tuple(row_of(row) for row in rows[:limit])
        head = Head(0, GENESIS) if last is None else Head(last["seq"], last["hash"])
        return AuditPage(shown, str(shown[-1].seq) if len(rows) > limit else None, head)

    async def all(self, wanted: Filter) -> AsyncIterator[list[Row]]:
        """Every row, oldest first, as it was when the reading began, BATCH at a time."""
        through, after = (await self.head()).seq, 0
        statement = f"""
            SELECT {COLUMNS} FROM audit WHERE seq > :after AND seq <= :through{wanted.where}
            ORDER BY seq LIMIT :batch
        """  # noqa: S608
        while True:
            values = {**wanted.given, "after": after, "through": through, "batch": BATCH}
            # A snapshot for each batch: one held through a slow download would keep the log from shrinking.
            async with self._db.read() as reader:
                rows = [row_of(row) for row in await reader.fetch_all(statement, values)]
            if rows:
                yield rows
            if len(rows) < BATCH:
                return
            after = rows[-1].seq
