"""Version 3: what became of the files that were dropped into hot folders.

A row is there before anything happens to the file, in the transaction that makes its job, so that a crash at
any point is followed by the rest of the work and never by a second job. `path` is relative to the inbox, as
bytes: names on a share need not be text. Inode, size and time of change tell one content at a place from the
next one there.
"""

from __future__ import annotations

DESCRIPTION = "drops in hot folders"

# No reference to `jobs`: a drop whose job was deleted must not make a second one.
DROPS = """
CREATE TABLE drops (
    id          INTEGER PRIMARY KEY,
    inbox       TEXT NOT NULL,
    path        BLOB NOT NULL,
    inode       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('working', 'refused', 'over')),
    stays       INTEGER NOT NULL DEFAULT 0 CHECK (stays IN (0, 1)),
    sha256      TEXT CHECK (length(sha256) = 64),
    wishes      TEXT NOT NULL,
    job_id      TEXT,
    problem     TEXT,
    created_at  REAL NOT NULL,
    UNIQUE (inbox, path, inode, size, modified_ns),
    CHECK (state != 'working' OR (job_id IS NOT NULL AND sha256 IS NOT NULL)),
    CHECK (state != 'refused' OR problem IS NOT NULL)
) STRICT
"""

INDEXES = (
    "CREATE INDEX drops_by_content ON drops (inbox, sha256)",
    "CREATE INDEX drops_by_job ON drops (job_id)",
    "CREATE INDEX drops_open ON drops (inbox) WHERE state != 'over' OR stays",
)

STATEMENTS: tuple[str, ...] = (DROPS, *INDEXES)
