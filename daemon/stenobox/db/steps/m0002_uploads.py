"""Version 2: uploads that come in pieces.

A row is there before its first byte and stays until it expires, so that the question "what became of my
upload?" has an answer after the job was made. `ranges` holds what is durable in the file, as JSON.
"""

from __future__ import annotations

DESCRIPTION = "uploads that come in pieces"

# No reference to `jobs`: an upload whose job was deleted must not make a second one.
UPLOADS = """
CREATE TABLE uploads (
    id         TEXT PRIMARY KEY,
    owner_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    road       TEXT NOT NULL CHECK (road IN ('chunked', 'tus')),
    filename   TEXT NOT NULL,
    size       INTEGER CHECK (size > 0),
    sha256     TEXT CHECK (length(sha256) = 64),
    wishes     TEXT NOT NULL,
    metadata   TEXT NOT NULL,
    part       TEXT NOT NULL CHECK (part IN ('whole', 'partial', 'final')),
    ranges     TEXT NOT NULL,
    job_id     TEXT,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL
) STRICT
"""

INDEXES = (
    "CREATE INDEX uploads_of_owner ON uploads (owner_id)",
    "CREATE INDEX uploads_by_end ON uploads (expires_at)",
)

STATEMENTS: tuple[str, ...] = (UPLOADS, *INDEXES)
