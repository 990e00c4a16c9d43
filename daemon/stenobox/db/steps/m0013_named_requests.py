"""Version 13: requests that may be sent again make other things than jobs too.

`made` is the kind and the id of what a request made. It names rows of several tables, which no reference
can: triggers let a request be forgotten with what it made, also because the number of an account or of a key
may be given again. A table whose rows are to be named later gets a trigger of its own.
"""

from __future__ import annotations

DESCRIPTION = "idempotency keys for everything that is made"

REQUESTS = """
CREATE TABLE named_requests (
    owner_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key        TEXT NOT NULL,
    part       INTEGER NOT NULL CHECK (part >= 0),
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    made       TEXT NOT NULL,
    created_at REAL NOT NULL,
    PRIMARY KEY (owner_id, key, part)
) STRICT, WITHOUT ROWID
"""

INDEXES = (
    "CREATE INDEX named_requests_by_age ON named_requests (created_at)",
    "CREATE INDEX named_requests_by_made ON named_requests (made)",
)

MOVE = (
    """
    INSERT INTO named_requests (owner_id, key, part, sha256, made, created_at)
    SELECT owner_id, key, part, sha256, 'job:' || job_id, created_at FROM idempotent_requests
    """,
    "DROP TABLE idempotent_requests",
)

TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_forget_request AFTER DELETE ON {table}
    BEGIN DELETE FROM named_requests WHERE made = '{kind}:' || OLD.id; END
    """  # noqa: S608 - constants
    for kind, table in (
        ("job", "jobs"),
        ("upload", "uploads"),
        ("key", "api_keys"),
        ("user", "users"),
        ("webhook", "webhooks"),
        ("share", "shares"),
    )
)

STATEMENTS: tuple[str, ...] = (REQUESTS, *INDEXES, *MOVE, *TRIGGERS)
