"""Version 11: requests that may be sent again without being done again.

A row is written in the transaction that makes the job, so that after a crash there are both or neither.
`part` counts the files of a request from 0. `sha256` is of the file and the wishes: the same key with
something else is a mistake.
"""

from __future__ import annotations

DESCRIPTION = "idempotency keys"

REQUESTS = """
CREATE TABLE idempotent_requests (
    owner_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    part       INTEGER NOT NULL CHECK (part >= 0),
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    job_id     TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at REAL NOT NULL,
    PRIMARY KEY (owner_id, key, part)
) STRICT, WITHOUT ROWID
"""

INDEXES = (
    "CREATE INDEX idempotent_requests_by_age ON idempotent_requests (created_at)",
    "CREATE INDEX idempotent_requests_by_job ON idempotent_requests (job_id)",
)

STATEMENTS: tuple[str, ...] = (REQUESTS, *INDEXES)
