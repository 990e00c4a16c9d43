"""Versions of the schema. Each step and the record that it ran commit together, so a crash repeats or skips
none.

A step, once released, is never edited: a change is a new step at the end of MIGRATIONS. Which steps ran is
told by their numbers, not by the highest: steps of two areas may be written side by side, and the lower
number may arrive second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stenobox.db.steps import (
    m0001_initial,
    m0002_uploads,
    m0003_drops,
    m0004_library,
    m0005_channels,
    m0006_words,
    m0007_people,
    m0008_texts,
    m0009_audit,
    m0010_notices,
    m0011_idempotency,
    m0012_shares,
)
from stenobox.errors import DataError

if TYPE_CHECKING:
    from stenobox.db.connection import Database, Reader

APPLICATION_ID = 0x53544E42
"""Bytes 68 to 71 of the file ("STNB"), by which `file` and we know a database of Stenobox from any other."""

CREATE_RECORD = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version     INTEGER PRIMARY KEY,
    description TEXT NOT NULL,
    applied_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT
"""

APPLIED = "SELECT version FROM schema_migrations"

RECORD = "INSERT INTO schema_migrations (version, description) VALUES (?, ?)"

COUNT_TABLES = "SELECT COUNT(*) AS tables FROM sqlite_schema WHERE type = 'table'"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; its statements run in order in one transaction."""

    version: int
    description: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, m0001_initial.DESCRIPTION, m0001_initial.STATEMENTS),
    Migration(2, m0002_uploads.DESCRIPTION, m0002_uploads.STATEMENTS),
    Migration(3, m0003_drops.DESCRIPTION, m0003_drops.STATEMENTS),
    Migration(4, m0004_library.DESCRIPTION, m0004_library.STATEMENTS),
    Migration(5, m0005_channels.DESCRIPTION, m0005_channels.STATEMENTS),
    Migration(6, m0006_words.DESCRIPTION, m0006_words.STATEMENTS),
    Migration(7, m0007_people.DESCRIPTION, m0007_people.STATEMENTS),
    Migration(8, m0008_texts.DESCRIPTION, m0008_texts.STATEMENTS),
    Migration(9, m0009_audit.DESCRIPTION, m0009_audit.STATEMENTS),
    Migration(10, m0010_notices.DESCRIPTION, m0010_notices.STATEMENTS),
    Migration(11, m0011_idempotency.DESCRIPTION, m0011_idempotency.STATEMENTS),
    Migration(12, m0012_shares.DESCRIPTION, m0012_shares.STATEMENTS),
)


AUDIT_TRIGGERS = m0009_audit.TRIGGERS
"""What keeps the audit trail from being changed, for whoever checks that it is still there."""


async def refuse_foreign(reader: Reader, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Raise DataError for a database of another program or of a newer Stenobox; only reads."""
    identity = await reader.fetch_one("PRAGMA application_id")
    tables = await reader.fetch_one(COUNT_TABLES)
    if identity is None or tables is None:
        raise DataError(problem="The database does not answer.")
    if not tables["tables"]:
        return
    if identity["application_id"] != APPLICATION_ID:
        raise DataError(problem="The database file belongs to another program.")
    unknown = await _applied(reader) - {migration.version for migration in migrations}
    if unknown:
        problem = (
            f"The database has version {max(unknown)}, made by a newer Stenobox; this one knows "
            f"{migrations[-1].version}. "
            "Install the newer version again, or restore a snapshot from before the update."
        )
        raise DataError(problem=problem)


async def migrate(database: Database, migrations: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Run the steps that are missing; returns the version reached. Call `refuse_foreign` first."""
    async with database.write() as tx:
        await tx.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        await tx.execute(CREATE_RECORD)
        applied = await _applied(tx)
    for migration in migrations:
        if migration.version not in applied:
            async with database.write() as tx:
                for statement in migration.statements:
                    await tx.execute(statement)
                await tx.execute(RECORD, (migration.version, migration.description))
    return migrations[-1].version


async def _applied(reader: Reader) -> set[int]:
    return {row["version"] for row in await reader.fetch_all(APPLIED)}
