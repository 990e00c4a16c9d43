"""One SQLite database, one connection that writes, a few that read.

Exactly one connection writes and checkpoints. That is a rule of correctness and not only of order: in SQLite
up to 3.51.2 two connections that write or checkpoint at the same moment can lose a committed WAL frame
("WAL-reset" fault). Readers are `query_only` and never checkpoint; they close before the writer does,
because the last connection to close is the one that checkpoints. The DataLock keeps other processes out.

Durability: WAL with synchronous=FULL, so that a COMMIT returns only after its frames are on the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import aiosqlite

from stenobox.db.migrations import migrate, refuse_foreign
from stenobox.errors import DataError, DiskFull
from stenobox.files import PRIVATE_FILE, fsync_dir
from stenobox.shielding import finish

Params = Sequence[Any] | Mapping[str, Any]

READERS = 4
BUSY_TIMEOUT_MS = 5_000
JOURNAL_LIMIT_BYTES = 64 * 2**20

PRAGMAS_OF_ALL = (f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}", "PRAGMA trusted_schema = OFF")

PRAGMAS_OF_WRITER = (
    # The triggers of the search write to FTS5, which not every SQLite (3.40 for one) counts among the tables
    # that a schema may use without being trusted. This connection alone runs triggers; the one function of
    # ours that a schema could name is `casefold`, and extensions cannot be loaded.
    "PRAGMA trusted_schema = ON",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA journal_size_limit = {JOURNAL_LIMIT_BYTES}",
    # A deleted transcript is overwritten, not only unlinked from its table.
    "PRAGMA secure_delete = ON",
)

READER_CACHE_KIB = 16_000
"""Of each reader, as far as it is used: a search reads some thousand pages of its index."""

PRAGMAS_OF_READER = (
    "PRAGMA query_only = ON",
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA cache_size = -{READER_CACHE_KIB}",
)

# SQLite reports a full disk as FULL, but as an I/O error when the room is missing for its shared-memory file.
_FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE})


@contextlib.contextmanager
def sqlite_errors() -> Iterator[None]:
    """Turn "database or disk is full" into DiskFull; other errors of SQLite pass unchanged."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) in _FULL:
            raise DiskFull from error
        raise


class Reader:
    """Statements that read, inside one snapshot of the database."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._open = True

    async def fetch_all(self, sql: str, params: Params = ()) -> list[sqlite3.Row]:
        """All rows of a statement."""
        with sqlite_errors():
            return list(await self._live().execute_fetchall(sql, params))

    async def fetch_one(self, sql: str, params: Params = ()) -> sqlite3.Row | None:
        """The first row, or None. Also the way to run `INSERT ... RETURNING` in a Transaction."""
        rows = await self.fetch_all(sql, params)
        return rows[0] if rows else None

    def end(self) -> None:
        """Refuse further statements: the transaction is over, the connection serves somebody else."""
        self._open = False

    def _live(self) -> aiosqlite.Connection:
        if not self._open:
            raise RuntimeError("this transaction is over")
        return self._connection


class Transaction(Reader):
    """Statements that are committed together or not at all."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection)
        self._after_commit: list[Callable[[], None]] = []

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement; returns the number of rows that it changed."""
        with sqlite_errors():
            async with self._live().execute(sql, params) as cursor:
                return cursor.rowcount

    async def execute_many(self, sql: str, rows: Iterable[Params]) -> None:
        """Run a statement once per row."""
        with sqlite_errors():
            async with self._live().executemany(sql, rows):
                pass

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have `callback` called once the changes are durable, in order; never after a rollback.

        What others are told (events, wake-ups) goes through here, so that nobody hears of what did not
        happen.
        """
        self._after_commit.append(callback)

    def committed(self) -> None:
        for callback in self._after_commit:
            callback()


class Database:
    """`async with db.write() as tx` and `async with db.read() as reader`; made by `Database.open`."""

    def __init__(self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection]) -> None:
        self._writer = writer
        self._write_lock = asyncio.Lock()
        self._writing_task: asyncio.Task[Any] | None = None
        self._reader_count = len(readers)
        self._readers: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(reader)

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or create the database, and bring its schema up to date.

        Raises DataError when the file is not a database of Stenobox, is of a newer version, or cannot be
        opened.
        """
        async with contextlib.AsyncExitStack() as undo:
            try:
                await asyncio.to_thread(_create_private, path)
                writer = await _connect(path, PRAGMAS_OF_ALL, undo)
                # Before anything is set: a file that is refused is left without a change.
                await refuse_foreign(Reader(writer))
                await _set(writer, PRAGMAS_OF_WRITER)
                database = cls(writer, ())
                await migrate(database)
                for _ in range(READERS):
                    database._add_reader(await _connect(path, PRAGMAS_OF_ALL + PRAGMAS_OF_READER, undo))
            except (sqlite3.DatabaseError, OSError) as error:
                # The class name only: SQLite's own words may quote content.
                problem = f"The database {path} cannot be opened ({_reason(error)})."
                raise DataError(problem=problem) from error
            undo.pop_all()
            return database

    def _add_reader(self, reader: aiosqlite.Connection) -> None:
        self._reader_count += 1
        self._readers.put_nowait(reader)

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """One transaction on the writing connection, alone: BEGIN IMMEDIATE, the block, COMMIT or ROLLBACK.

        An exception or a cancellation inside the block rolls back. A cancellation that arrives during COMMIT
        is raised after the COMMIT, which then holds. Keep blocks short: all writers of the daemon wait in
        line here. Raises DiskFull when there is no room; nothing is changed then.
        """
        if self._writing_task is asyncio.current_task():
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        async with self._write_lock:
            self._writing_task = asyncio.current_task()
            tx = Transaction(self._writer)
            try:
                await tx.execute("BEGIN IMMEDIATE")
                yield tx
                tx.end()
                await finish(self._commit(tx))
            except BaseException:
                tx.end()
                # Statements of a cancelled task may still be queued; the connection's thread runs them in
                # order, so this rollback comes after them. Without an open transaction it does nothing.
                await finish(self._writer.rollback())
                raise
            finally:
                self._writing_task = None

    async def _commit(self, tx: Transaction) -> None:
        with sqlite_errors():
            await self._writer.commit()
        tx.committed()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """One consistent snapshot of what is committed, on a connection that cannot write."""
        connection = await self._readers.get()
        reader = Reader(connection)
        try:
            await reader.fetch_all("BEGIN")
            yield reader
        finally:
            reader.end()
            try:
                await finish(connection.rollback())
            finally:
                self._readers.put_nowait(connection)

    async def close(self) -> None:
        """Wait for transactions in progress, checkpoint, close. The database cannot be used afterwards."""
        async with self._write_lock:
            for _ in range(self._reader_count):
                await finish((await self._readers.get()).close())
            self._reader_count = 0
            await finish(self._writer.close())


def _create_private(path: Path) -> None:
    """Create the file with its mode, which -wal and -shm take over; SQLite itself would go by the umask."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    except FileExistsError:
        return
    os.close(descriptor)
    fsync_dir(path.parent)


async def _connect(
    path: Path, pragmas: Iterable[str], undo: contextlib.AsyncExitStack
) -> aiosqlite.Connection:
    # isolation_level=None: the module's own implicit BEGIN would start transactions behind our back.
    connection = await aiosqlite.connect(path, isolation_level=None)
    undo.push_async_callback(connection.close)
    connection.row_factory = sqlite3.Row
    # SQLite's own lower() and LIKE know the letters of English only.
    await connection.create_function("casefold", 1, _casefold, deterministic=True)
    await _set(connection, pragmas)
    return connection


async def _set(connection: aiosqlite.Connection, pragmas: Iterable[str]) -> None:
    for pragma in pragmas:
        await connection.execute_fetchall(pragma)


def _casefold(text: str | None) -> str | None:
    return None if text is None else unicodedata.normalize("NFC", text.casefold())


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "OSError")
    return str(getattr(error, "sqlite_errorname", type(error).__name__))
