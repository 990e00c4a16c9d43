"""Version 10: notices of jobs that are over, by webhook and by e-mail, in an outbox.

A trigger puts them in: whatever statement ends a job, its notice is in the same transaction. An outbox row
holds what was true at that moment, and no text and no title: those are read when it is sent.
"""

from __future__ import annotations

DESCRIPTION = "webhooks, e-mail notices, outbox"

_WISHES = """
    on_done        INTEGER NOT NULL CHECK (on_done IN (0, 1)),
    on_failed      INTEGER NOT NULL CHECK (on_failed IN (0, 1)),
    on_quarantined INTEGER NOT NULL CHECK (on_quarantined IN (0, 1)),
    on_cancelled   INTEGER NOT NULL CHECK (on_cancelled IN (0, 1)),
    with_title     INTEGER NOT NULL CHECK (with_title IN (0, 1)),
"""

# `secret` stands in the clear: a signature needs it. `every_job` 0: only jobs that name the webhook.
WEBHOOKS = f"""
CREATE TABLE webhooks (
    id              TEXT PRIMARY KEY,
    owner_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    url             TEXT NOT NULL,
    secret          TEXT NOT NULL,
    every_job       INTEGER NOT NULL CHECK (every_job IN (0, 1)),
{_WISHES}
    created_at      REAL NOT NULL,
    failing_since   REAL,
    last_success_at REAL,
    last_error      TEXT,
    last_error_at   REAL,
    disabled        TEXT CHECK (disabled IN ('user', 'failing', 'gone'))
) STRICT
"""

# The webhooks that a job names itself.
JOB_WEBHOOKS = """
CREATE TABLE job_webhooks (
    job_id     TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, webhook_id)
) STRICT, WITHOUT ROWID
"""

MAIL_NOTICES = f"""
CREATE TABLE mail_notices (
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
{_WISHES}
    address TEXT NOT NULL
) STRICT
"""

# One row for each recipient. `message_id` stays the same however often it is sent. No reference to jobs: a
# notice of a job that was deleted meanwhile is still due.
OUTBOX = """
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   TEXT NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    webhook_id   TEXT REFERENCES webhooks (id) ON DELETE CASCADE,
    event        TEXT NOT NULL,
    job_id       TEXT,
    recording_id TEXT,
    error        TEXT,
    queued_at    REAL,
    started_at   REAL,
    finished_at  REAL,
    created_at   REAL NOT NULL,
    state        TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
    attempts     INTEGER NOT NULL DEFAULT 0,
    due_at       REAL NOT NULL,
    tried_at     REAL,
    status       INTEGER,
    problem      TEXT
) STRICT
"""

INDEXES = (
    "CREATE INDEX webhooks_of_owner ON webhooks (owner_id)",
    "CREATE INDEX job_webhooks_of_webhook ON job_webhooks (webhook_id)",
    "CREATE INDEX outbox_due ON outbox (due_at) WHERE state = 'waiting'",
    "CREATE INDEX outbox_of_webhook ON outbox (webhook_id, id)",
    "CREATE INDEX outbox_of_user ON outbox (user_id)",
)

_INTO = """
INSERT INTO outbox (message_id, user_id, webhook_id, event, job_id, recording_id, error, queued_at,
    started_at, finished_at, created_at, due_at)
"""

_OF_JOB = """
'job.' || NEW.state, NEW.id, NEW.recording_id, CASE NEW.state WHEN 'done' THEN NULL ELSE NEW.error END,
NEW.created_at, NEW.started_at, NEW.finished_at, COALESCE(NEW.finished_at, NEW.created_at),
COALESCE(NEW.finished_at, NEW.created_at)
"""

_WANTED = """
CASE NEW.state WHEN 'done' THEN on_done WHEN 'failed' THEN on_failed
    WHEN 'quarantined' THEN on_quarantined ELSE on_cancelled END
"""

TRIGGER = f"""
CREATE TRIGGER job_over_is_told AFTER UPDATE OF state ON jobs
WHEN NEW.state IN ('done', 'failed', 'quarantined', 'cancelled') AND OLD.state <> NEW.state
BEGIN
    {_INTO}
    SELECT 'msg_' || lower(hex(randomblob(16))), NEW.owner_id, webhooks.id, {_OF_JOB}
    FROM webhooks
    WHERE owner_id = NEW.owner_id AND disabled IS NULL AND {_WANTED}
      AND (every_job OR EXISTS (
        SELECT 1 FROM job_webhooks WHERE job_id = NEW.id AND webhook_id = webhooks.id));
    {_INTO}
    SELECT 'msg_' || lower(hex(randomblob(16))), NEW.owner_id, NULL, {_OF_JOB}
    FROM mail_notices WHERE user_id = NEW.owner_id AND {_WANTED};
END
"""  # noqa: S608 - all parts are constants

STATEMENTS: tuple[str, ...] = (WEBHOOKS, JOB_WEBHOOKS, MAIL_NOTICES, OUTBOX, *INDEXES, TRIGGER)
