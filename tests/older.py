"""Databases as earlier versions of the program left them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from stenobox.db.migrations import APPLICATION_ID, CREATE_RECORD, Migration

RECORD = "INSERT INTO schema_migrations (version, description) VALUES (?, '')"


@contextlib.contextmanager
def older_database(path: Path, steps: Iterable[Migration]) -> Iterator[sqlite3.Connection]:
    """A new database that only these steps have run in; what is written to it is committed at the end."""
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        old.execute(CREATE_RECORD)
        for step in steps:
            for statement in step.statements:
                old.execute(statement)
            old.execute(RECORD, (step.version,))
        yield old
        old.commit()
