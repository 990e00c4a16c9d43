"""Version 12: shares. A recording, or everything that has a tag (a folder), for an account or for whoever
has a link.

`rights` are those of `types.Right`: 1 to read, 2 to correct too. A link only reads, and ends. Of its token
the SHA-256 is kept.

The tokens in `search_docs.scope` get a kind: accounts with whom the recording is shared. What is shared by a
tag is found by the tag's own token.
"""

from __future__ import annotations

DESCRIPTION = "shares"

SHARES = """
CREATE TABLE shares (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    id           TEXT NOT NULL UNIQUE,
    owner_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    recording_id TEXT REFERENCES recordings (id) ON DELETE CASCADE,
    tag_id       INTEGER REFERENCES tags (id) ON DELETE CASCADE,
    user_id      INTEGER REFERENCES users (id) ON DELETE CASCADE,
    token_sha256 TEXT UNIQUE CHECK (length(token_sha256) = 64),
    rights       INTEGER NOT NULL CHECK (rights IN (1, 2)),
    created_at   REAL NOT NULL,
    expires_at   REAL,
    used_at      REAL,
    CHECK ((recording_id IS NULL) <> (tag_id IS NULL)),
    CHECK ((user_id IS NULL) <> (token_sha256 IS NULL)),
    CHECK (user_id IS NULL OR user_id <> owner_id),
    CHECK (token_sha256 IS NULL OR (rights = 1 AND expires_at IS NOT NULL))
) STRICT
"""

INDEXES = (
    "CREATE UNIQUE INDEX shares_of_recording ON shares (recording_id, user_id) WHERE user_id IS NOT NULL",
    "CREATE UNIQUE INDEX shares_of_tag ON shares (tag_id, user_id) WHERE user_id IS NOT NULL",
    "CREATE INDEX shares_by_recording ON shares (recording_id)",
    "CREATE INDEX shares_by_tag ON shares (tag_id)",
    "CREATE INDEX shares_with ON shares (user_id)",
    "CREATE INDEX shares_of_owner ON shares (owner_id)",
)

FIND = """
INSERT INTO search_docs (id, job_id, recording_id, owner_id, created_at, version, scope, title, tags)
SELECT jobs.seq, jobs.id, jobs.recording_id, jobs.owner_id, jobs.created_at,
    COALESCE((SELECT MAX(number) FROM transcript_versions WHERE job_id = jobs.id), 1),
    char(57344) || jobs.owner_id || ' ' || char(57345) || transcripts.language || COALESCE((
        SELECT group_concat(' ' || char(57346) || tag_id, '') FROM recording_tags
        WHERE recording_id = recordings.id), '') || COALESCE((
        SELECT group_concat(' ' || char(57347) || user_id, '') FROM shares
        WHERE recording_id = recordings.id AND user_id IS NOT NULL), ''),
    COALESCE(recordings.given_title, recordings.file_title, recordings.filename),
    COALESCE((
        SELECT group_concat(tags.name, char(10)) FROM recording_tags JOIN tags ON tags.id = tag_id
        WHERE recording_id = recordings.id), '')
FROM jobs JOIN transcripts ON transcripts.job_id = jobs.id
    JOIN recordings ON recordings.id = jobs.recording_id
WHERE jobs.trashed_at IS NULL
"""

TRIGGERS = (
    "DROP TRIGGER restored_is_found",
    f"""
    CREATE TRIGGER restored_is_found AFTER UPDATE OF trashed_at ON jobs
    WHEN OLD.trashed_at IS NOT NULL AND NEW.trashed_at IS NULL
    BEGIN {FIND} AND jobs.id = NEW.id; END
    """,
)

STATEMENTS: tuple[str, ...] = (SHARES, *INDEXES, *TRIGGERS)
