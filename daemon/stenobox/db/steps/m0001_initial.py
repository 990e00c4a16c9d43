"""Version 1: accounts, recordings, the queue, transcripts.

Times are Unix seconds (REAL, UTC), positions in a recording are seconds. Everything that belongs to a user
goes with the user. Secrets (keys, session tokens) are stored only as SHA-256, as hex.
"""

from __future__ import annotations

DESCRIPTION = "accounts, recordings, jobs, transcripts"

USERS = """
CREATE TABLE users (
    id            INTEGER PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (length(name) BETWEEN 1 AND 64),
    role          TEXT NOT NULL CHECK (role IN ('admin', 'user', 'viewer')),
    password_hash TEXT NOT NULL,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at    REAL NOT NULL
) STRICT
"""

API_KEYS = """
CREATE TABLE api_keys (
    id            INTEGER PRIMARY KEY,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    prefix        TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE CHECK (length(secret_sha256) = 64),
    created_at    REAL NOT NULL,
    last_used_at  REAL,
    revoked_at    REAL
) STRICT
"""

SESSIONS = """
CREATE TABLE sessions (
    id            INTEGER PRIMARY KEY,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_sha256  TEXT NOT NULL UNIQUE CHECK (length(token_sha256) = 64),
    created_at    REAL NOT NULL,
    last_seen_at  REAL NOT NULL,
    expires_at    REAL NOT NULL
) STRICT
"""

RECORDINGS = """
CREATE TABLE recordings (
    id         TEXT PRIMARY KEY,
    owner_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    size       INTEGER NOT NULL CHECK (size > 0),
    filename   TEXT NOT NULL,
    duration   REAL CHECK (duration >= 0),
    created_at REAL NOT NULL,
    UNIQUE (owner_id, sha256)
) STRICT
"""

# `seq` gives the age: it only grows, while the clock may be set back. `attempt` only grows too, so that it
# tells every claim from every other; `failures` counts the claims that failed or crashed since a person last
# asked.
JOBS = """
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    recording_id     TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    owner_id         INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    state            TEXT NOT NULL DEFAULT 'queued'
                     CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'quarantined')),
    priority         INTEGER NOT NULL,
    options          TEXT NOT NULL,
    attempt          INTEGER NOT NULL DEFAULT 0,
    failures         INTEGER NOT NULL DEFAULT 0,
    progress         REAL NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    error            TEXT,
    error_detail     TEXT,
    created_at       REAL NOT NULL,
    started_at       REAL,
    finished_at      REAL,
    lease_seconds    REAL,
    lease_expires_at REAL,
    CHECK ((state = 'running') = (lease_expires_at IS NOT NULL))
) STRICT
"""

# In a table of its own: a checkpoint may be some megabytes, and the queue reads the rows of jobs all the
# time.
JOB_CHECKPOINTS = """
CREATE TABLE job_checkpoints (
    job_id     TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    attempt    INTEGER NOT NULL,
    body       TEXT NOT NULL,
    updated_at REAL NOT NULL
) STRICT
"""

# When each owner was last served, as a number that grows with every claim: owners take turns by it.
QUEUE_TURNS = """
CREATE TABLE queue_turns (
    owner_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    turn     INTEGER NOT NULL
) STRICT
"""

TRANSCRIPTS = """
CREATE TABLE transcripts (
    job_id     TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    language   TEXT NOT NULL,
    duration   REAL NOT NULL,
    text       TEXT NOT NULL,
    provenance TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT
"""

SEGMENTS = """
CREATE TABLE segments (
    job_id            TEXT NOT NULL REFERENCES transcripts (job_id) ON DELETE CASCADE,
    id                INTEGER NOT NULL,
    start             REAL NOT NULL,
    "end"             REAL NOT NULL,
    text              TEXT NOT NULL,
    avg_logprob       REAL NOT NULL,
    no_speech_prob    REAL NOT NULL,
    compression_ratio REAL NOT NULL,
    temperature       REAL NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT
"""

INDEXES = (
    "CREATE INDEX api_keys_of_user ON api_keys (user_id)",
    "CREATE INDEX sessions_of_user ON sessions (user_id)",
    "CREATE INDEX recordings_of_bytes ON recordings (sha256)",
    "CREATE INDEX jobs_of_recording ON jobs (recording_id)",
    "CREATE INDEX jobs_of_owner ON jobs (owner_id, seq)",
    "CREATE INDEX jobs_in_line ON jobs (state, priority, seq)",
)

# Half of "a transcript exists if and only if its job is done", kept by the database itself; the other half
# is the one transaction of Jobs.complete.
TRIGGERS = (
    """
    CREATE TRIGGER transcript_needs_done_job BEFORE INSERT ON transcripts
    WHEN (SELECT state FROM jobs WHERE id = NEW.job_id) IS NOT 'done'
    BEGIN SELECT RAISE(ABORT, 'a transcript belongs to a job that is done'); END
    """,
    """
    CREATE TRIGGER done_job_stays_done BEFORE UPDATE OF state ON jobs
    WHEN OLD.state = 'done' AND NEW.state <> 'done'
    BEGIN SELECT RAISE(ABORT, 'a job that is done stays done'); END
    """,
)

STATEMENTS: tuple[str, ...] = (
    USERS,
    API_KEYS,
    SESSIONS,
    RECORDINGS,
    JOBS,
    JOB_CHECKPOINTS,
    QUEUE_TURNS,
    TRANSCRIPTS,
    SEGMENTS,
    *INDEXES,
    *TRIGGERS,
)
