"""Whether the trail is whole: read from the file itself, beside a running daemon or without one.

Found is every row that was edited, removed, moved or put in between without the chain being made anew from
there on. Who can write the database can make it anew; that, and rows missing at the end, is found by what is
kept elsewhere: the head in `audit.head`, the heads in the journal, an export. What is written after the last
head that is kept where the intruder cannot reach can be changed unseen, by whoever owns the box.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stenobox.audit.actions import Action
from stenobox.audit.chain import COLUMNS, GENESIS, Row, row_of
from stenobox.audit.reading import Filter, Head
from stenobox.db.migrations import AUDIT_TRIGGERS
from stenobox.errors import DataError

BUSY_SECONDS = 5.0

_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`problem` is a sentence for people, None when all is well; `bad` the number of the first row that is
    wrong, where it is one row. `first` and `last` are the rows that are there, 0 when there are none.
    """

    first: int
    last: Head
    problem: str | None = None
    bad: int | None = None

    @property
    def whole(self) -> bool:
        return self.problem is None


def head_of(text: str) -> Head:
    """`seq:hash`. Raises ValueError."""
    match = _HEAD.fullmatch(text.strip())
    if match is None:
        raise ValueError("a head is written as NUMBER:HASH")
    return Head(int(match[1]), match[2])


def heads_in(lines: Iterable[str]) -> Iterator[Head]:
    """The heads in a log of the daemon's, in either format; other lines are passed over."""
    for line in lines:
        if "audit_head" in line and (match := re.search(r"head\W{1,4}(\d{1,18}:[0-9a-f]{64})", line)):
            yield head_of(match[1])


def read_head(path: Path) -> Head | None:
    """The head that the daemon kept beside the database; None when there is none yet. Raises DataError."""
    try:
        return head_of(path.read_text("ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(problem=f"{path} does not hold the head of an audit trail.") from error


@contextlib.contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """The database file, only to read. A reader of its own process never checkpoints, so it may stand beside
    the daemon. Raises DataError.
    """
    if not database.is_file():
        raise DataError(problem=f"There is no database {database}.")
    try:
        connection = sqlite3.connect(
            f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS
        )
    except sqlite3.Error as error:
        raise _unreadable(database, error) from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        yield connection
    except sqlite3.Error as error:
        raise _unreadable(database, error) from error
    finally:
        connection.close()


def rows_in(connection: sqlite3.Connection, wanted: Filter | None = None) -> Iterator[Row]:
    """Every row, oldest first, one at a time."""
    wanted = wanted or Filter()
    statement = f"SELECT {COLUMNS} FROM audit WHERE 1{wanted.where} ORDER BY seq"  # noqa: S608 - constants
    return map(row_of, connection.execute(statement, wanted.given))


def verify(connection: sqlite3.Connection, heads: Iterable[Head] = ()) -> Verdict:
    """Walk the whole chain, in memory that does not grow with it, and compare it with `heads`.

    A head that names a row that was pruned says nothing any more.
    """
    pruned = _pruned(connection)
    verdict = _walk(rows_in(connection), pruned)
    if not verdict.whole:
        return verdict
    problem, bad = _missing_end(connection, verdict.last.seq), None
    for head in heads:
        if problem is None:
            problem, bad = _against(connection, head, verdict)
    problem = problem or _guards(connection)
    return Verdict(verdict.first, verdict.last, problem, bad)


def _walk(rows: Iterator[Row], pruned: Head) -> Verdict:
    first, last = 0, Head(0, GENESIS)
    checkpoint: Head | None = None
    for row in rows:
        if not first:
            first = row.seq
            if row.seq != pruned.seq + 1:
                problem = (
                    f"The trail begins with row {row.seq}, and no row of it says that earlier ones may go."
                )
                return Verdict(first, last, problem, row.seq)
            last = pruned
        if row.seq != last.seq + 1:
            missing = f"row {last.seq + 1} is" if row.seq == last.seq + 2 else "rows are"
            problem = f"Between rows {last.seq} and {row.seq} {missing} missing."
            return Verdict(first, last, problem, last.seq + 1)
        if row.hash != row.digest(last.hash):
            return Verdict(first, last, f"Row {row.seq} is not what was written.", row.seq)
        if row.action == Action.AUDIT_PRUNED:
            checkpoint = _checkpoint(row) or checkpoint
        last = Head(row.seq, row.hash)
    if pruned.seq and checkpoint != pruned:
        return Verdict(first, last, "The beginning of the trail does not follow from what was pruned.", first)
    return Verdict(first, last)


def _pruned(connection: sqlite3.Connection) -> Head:
    """Up to where rows went by their age, as the newest of the trail's own rows says; `_walk` proves it."""
    statement = f"SELECT {COLUMNS} FROM audit WHERE action = ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
    row = connection.execute(statement, (Action.AUDIT_PRUNED.value,)).fetchone()
    return (None if row is None else _checkpoint(row_of(row))) or Head(0, GENESIS)


def _checkpoint(row: Row) -> Head | None:
    try:
        return head_of(f"{(row.target or '').removeprefix('row:')}:{row.values['hash']}")
    except (KeyError, ValueError):
        return None


def _missing_end(connection: sqlite3.Connection, last: int) -> str | None:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'audit'").fetchone()
    counted = 0 if row is None else int(row["seq"])
    if counted == last:
        return None
    return f"The trail ends with row {last}, but {counted} were written: the last ones are missing."


def _against(connection: sqlite3.Connection, head: Head, verdict: Verdict) -> tuple[str | None, int | None]:
    if head.seq == 0 or head.seq < verdict.first:
        return None, None
    if head.seq > verdict.last.seq:
        problem = f"The trail ends with row {verdict.last.seq}, but there was a row {head.seq}."
        return problem, verdict.last.seq + 1
    row = connection.execute("SELECT hash FROM audit WHERE seq = ?", (head.seq,)).fetchone()
    if row is not None and row["hash"] == head.hash:
        return None, None
    problem = f"Row {head.seq} is another one than was written: the trail was made anew up to it."
    return problem, head.seq


def _guards(connection: sqlite3.Connection) -> str | None:
    """The triggers that refuse changes are there, as they were made."""
    rows = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit'")
    there = {" ".join(str(row["sql"]).split()) for row in rows}
    if there >= {" ".join(statement.split()) for statement in AUDIT_TRIGGERS}:
        return None
    return "The rules of the database that keep rows of the trail from being changed were removed."


def _unreadable(database: Path, error: sqlite3.Error) -> DataError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return DataError(problem=f"The audit trail in {database} cannot be read ({name}).")
