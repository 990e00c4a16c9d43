"""Version 9: the audit trail. Rows are only ever added, each bound to the one before it by its hash.

`seq` has no gaps. AUTOINCREMENT keeps the highest number in a table of its own, which still tells it when the
last rows are gone. The oldest rows may go, and only those: once a row `audit.pruned` names the last of them
(`row:NUMBER`).
"""

from __future__ import annotations

DESCRIPTION = "audit trail"

# `details` is a JSON object; `actor` the name at the time, since accounts go and are renamed.
AUDIT = """
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    actor_id INTEGER,
    actor    TEXT COLLATE NOCASE,
    via      TEXT NOT NULL,
    address  TEXT,
    action   TEXT NOT NULL,
    target   TEXT,
    details  TEXT NOT NULL,
    hash     TEXT NOT NULL CHECK (length(hash) = 64)
) STRICT
"""

INDEXES = (
    "CREATE INDEX audit_by_time ON audit (at_ms)",
    "CREATE INDEX audit_by_action ON audit (action, seq)",
    "CREATE INDEX audit_by_actor ON audit (actor, seq)",
    "CREATE INDEX audit_by_target ON audit (target, seq)",
)

# The first also keeps INSERT OR REPLACE away, which deletes without asking a trigger.
TRIGGERS = (
    """
    CREATE TRIGGER audit_only_grows BEFORE INSERT ON audit
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM audit)
    BEGIN SELECT RAISE(ABORT, 'a row of the audit trail comes after the last one'); END
    """,
    """
    CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'a row of the audit trail is not changed'); END
    """,
    """
    CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
    WHEN OLD.seq > COALESCE(
        (SELECT CAST(substr(target, 5) AS INTEGER) FROM audit WHERE action = 'audit.pruned'
         ORDER BY seq DESC LIMIT 1), 0)
    BEGIN SELECT RAISE(ABORT, 'a row of the audit trail is not deleted'); END
    """,
)

STATEMENTS: tuple[str, ...] = (AUDIT, *INDEXES, *TRIGGERS)
