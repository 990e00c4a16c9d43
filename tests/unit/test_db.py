"""The database: one writer that stays usable whatever happens to its callers, readers that cannot write."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from older import older_database
from stenobox.db import Database, Transaction
from stenobox.db.migrations import MIGRATIONS, Migration, migrate
from stenobox.errors import DataError, DiskFull

INSERT = "INSERT INTO users (name, role, password_hash, created_at) VALUES (?, 'user', 'x', 0)"
COUNT = "SELECT COUNT(*) FROM users"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "stenobox.db")
    yield database
    await database.close()


async def count(db: Database) -> int:
    async with db.read() as reader:
        row = await reader.fetch_one(COUNT)
    assert row is not None
    return int(row[0])


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def pragma(reader: Transaction | object, name: str) -> object:
    row = await reader.fetch_one(f"PRAGMA {name}")  # type: ignore[attr-defined]
    return row[0]


async def test_the_writer_is_durable_and_checks_references(db: Database) -> None:
    async with db.write() as tx:
        assert await pragma(tx, "journal_mode") == "wal"
        assert await pragma(tx, "synchronous") == 2  # FULL
        assert await pragma(tx, "foreign_keys") == 1
        assert await pragma(tx, "busy_timeout") == 5_000


async def test_a_reader_sees_what_was_committed_and_nothing_before(db: Database) -> None:
    async with db.write() as tx:
        await tx.execute(INSERT, ("ann",))
        assert await count(db) == 0
    assert await count(db) == 1


async def test_a_read_is_one_snapshot(db: Database) -> None:
    async with db.read() as reader:
        before = await reader.fetch_one(COUNT)
        async with db.write() as tx:
            await tx.execute(INSERT, ("ann",))
        after = await reader.fetch_one(COUNT)
    assert before is not None
    assert after is not None
    assert before[0] == after[0] == 0


async def test_a_reader_cannot_write(db: Database) -> None:
    async with db.read() as reader:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.fetch_all(INSERT, ("ann",))
    assert await count(db) == 0


async def test_an_exception_rolls_back_and_the_writer_goes_on(db: Database) -> None:
    with pytest.raises(KeyError):
        async with db.write() as tx:
            await tx.execute(INSERT, ("ann",))
            raise KeyError
    async with db.write() as tx:
        await tx.execute(INSERT, ("bob",))
    assert await count(db) == 1


@pytest.mark.parametrize("hops", range(12))
async def test_a_cancellation_at_any_moment_commits_all_or_nothing(db: Database, hops: int) -> None:
    async def work() -> None:
        async with db.write() as tx:
            for number in range(3):
                await tx.execute(INSERT, (f"user {number}",))

    task = asyncio.create_task(work())
    for _ in range(hops):
        await asyncio.sleep(0.0005)
    task.cancel()
    await asyncio.wait([task])
    assert await count(db) in (0, 3)
    async with db.write() as tx:
        await tx.execute(INSERT, ("after",))
    assert await count(db) in (1, 4)


async def test_a_cancelled_wait_for_the_writer_leaves_it_to_the_others(db: Database) -> None:
    async def work() -> None:
        async with db.write() as tx:
            await tx.execute(INSERT, ("late",))

    async with db.write() as tx:
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await tx.execute(INSERT, ("ann",))
    assert await count(db) == 1


async def test_a_cancelled_reader_goes_back_to_the_pool(db: Database) -> None:
    async def work() -> None:
        async with db.read() as reader:
            while True:
                await reader.fetch_all(COUNT)

    for _ in range(10):
        task = asyncio.create_task(work())
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])
    async with asyncio.timeout(10):
        assert await count(db) == 0


async def test_writers_wait_in_line(db: Database) -> None:
    async def add(number: int) -> None:
        async with db.write() as tx:
            row = await tx.fetch_one(COUNT)
            assert row is not None
            await asyncio.sleep(0)
            await tx.execute(INSERT, (f"{row[0]} {number}",))

    await asyncio.gather(*(add(number) for number in range(20)))
    async with db.read() as reader:
        names = await reader.fetch_all("SELECT name FROM users ORDER BY id")
    assert [int(row["name"].split()[0]) for row in names] == list(range(20))


async def test_a_transaction_inside_a_transaction_is_refused_instead_of_waiting_for_ever(
    db: Database,
) -> None:
    async with db.write():
        with pytest.raises(RuntimeError, match="inside"):
            async with db.write():
                pass
    async with db.write() as tx:
        await tx.execute(INSERT, ("ann",))


async def test_a_transaction_cannot_be_used_when_it_is_over(db: Database) -> None:
    async with db.write() as tx:
        pass
    with pytest.raises(RuntimeError, match="over"):
        await tx.execute(INSERT, ("ann",))


async def test_callbacks_run_after_commit_and_never_after_rollback(db: Database) -> None:
    told: list[str] = []
    async with db.write() as tx:
        tx.after_commit(lambda: told.append("kept"))
        assert told == []
    with pytest.raises(KeyError):
        async with db.write() as tx:
            tx.after_commit(lambda: told.append("undone"))
            raise KeyError
    assert told == ["kept"]


async def test_a_full_disk_is_disk_full_and_leaves_the_writer_usable(db: Database) -> None:
    async with db.write() as tx:
        pages = await pragma(tx, "page_count")
        await tx.fetch_all(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull):
        async with db.write() as tx:
            for number in range(500):
                await tx.execute(INSERT, (f"{number:060}",))
    assert await count(db) == 0
    async with db.write() as tx:
        await tx.fetch_all("PRAGMA max_page_count = 100000")
        await tx.execute(INSERT, ("ann",))
    assert await count(db) == 1


async def test_what_was_committed_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    for expected in range(3):
        db = await Database.open(tmp_path / "a.db")
        assert await count(db) == expected
        async with db.write() as tx:
            await tx.execute(INSERT, (f"user {expected}",))
        await db.close()
    assert list(modes_in(tmp_path)) == ["a.db"]


async def test_all_files_of_the_database_are_private(db: Database, tmp_path: Path) -> None:
    async with db.write() as tx:
        await tx.execute(INSERT, ("ann",))
    assert modes_in(tmp_path) == {"stenobox.db": 0o600, "stenobox.db-wal": 0o600, "stenobox.db-shm": 0o600}


async def test_a_database_of_a_newer_version_is_refused_and_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    db = await Database.open(path)
    async with db.write() as tx:
        await tx.execute("INSERT INTO schema_migrations (version, description) VALUES (9999, 'x')")
    await db.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="newer Stenobox"):
        await Database.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is not a database, but long enough to be looked at" * 20])
async def test_a_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match="NOTADB"):
        await Database.open(path)
    assert path.read_bytes() == content


async def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    foreign = sqlite3.connect(path)
    foreign.execute("CREATE TABLE things (x)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="another program"):
        await Database.open(path)
    assert path.read_bytes() == before
    assert list(modes_in(tmp_path)) == ["a.db"]


async def test_a_folder_that_is_missing_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ENOENT"):
        await Database.open(tmp_path / "none" / "a.db")


async def test_a_migration_that_fails_leaves_neither_tables_nor_record(db: Database) -> None:
    newest = MIGRATIONS[-1].version
    bad = Migration(newest + 1, "bad", ("CREATE TABLE half (x)", "CREATE TABLE half (x)"))
    with pytest.raises(sqlite3.OperationalError):
        await migrate(db, (*MIGRATIONS, bad))
    async with db.read() as reader:
        assert await reader.fetch_all("SELECT 1 FROM sqlite_schema WHERE name = 'half'") == []
    good = Migration(newest + 1, "good", ("CREATE TABLE half (x)",))
    assert await migrate(db, (*MIGRATIONS, good)) == newest + 1


async def test_each_version_has_a_place_of_its_own_in_the_order() -> None:
    versions = [migration.version for migration in MIGRATIONS]
    assert versions == sorted(set(versions))
    assert versions[0] == 1


async def test_a_step_of_a_lower_number_that_arrives_second_runs_too(db: Database) -> None:
    newest = MIGRATIONS[-1].version
    early = Migration(newest + 2, "early", ("CREATE TABLE early (x)",))
    late = Migration(newest + 1, "late", ("CREATE TABLE late (x)",))
    await migrate(db, (*MIGRATIONS, early))
    for _ in range(2):
        assert await migrate(db, (*MIGRATIONS, late, early)) == newest + 2
    async with db.read() as reader:
        made = await reader.fetch_all("SELECT 1 FROM sqlite_schema WHERE name IN ('early', 'late')")
    assert len(made) == 2


async def test_recordings_from_before_the_library_have_their_age_and_stay_forever(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with older_database(path, MIGRATIONS[:2]) as old:
        old.execute(INSERT, ("ann",))
        old.execute("INSERT INTO recordings VALUES ('r', 1, ?, 5, 'a.wav', 1.5, 1000.0)", ("a" * 64,))
    db = await Database.open(path)
    async with db.read() as reader:
        row = await reader.fetch_one("SELECT * FROM recordings")
    await db.close()
    assert row is not None
    assert (row["filename"], row["stored_at"], row["revision"]) == ("a.wav", 1000.0, 1)
    for name in ("given_title", "trashed_at", "audio_removed_at", "audio_days", "transcript_days"):
        assert row[name] is None


async def test_every_reference_has_an_index_so_that_a_deletion_need_not_scan(db: Database) -> None:
    async with db.read() as reader:
        tables = [row["name"] for row in await reader.fetch_all("SELECT name FROM pragma_table_list")]
        for table in tables:
            leading = set()
            for index in await reader.fetch_all("SELECT name FROM pragma_index_list(?)", (table,)):
                first = await reader.fetch_one("SELECT name FROM pragma_index_info(?)", (index["name"],))
                assert first is not None
                leading.add(first["name"])
            key = await reader.fetch_all("SELECT name FROM pragma_table_info(?) WHERE pk = 1", (table,))
            leading |= {row["name"] for row in key}
            for reference in await reader.fetch_all(
                'SELECT "from" FROM pragma_foreign_key_list(?)', (table,)
            ):
                assert reference["from"] in leading, (table, reference["from"])
