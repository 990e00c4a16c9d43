"""The SQL of the queue. A block that changes a running job names its attempt; that guard is the whole
point.
"""

from __future__ import annotations

from stenobox.sharing.statements import SHARED_RECORDINGS, reaching, right_to
from stenobox.types import Right

_FIELDS = """
jobs.seq, jobs.id, jobs.recording_id, jobs.owner_id, jobs.state, jobs.priority, jobs.options, jobs.attempt,
jobs.failures, jobs.progress, jobs.error, jobs.error_detail, jobs.created_at, jobs.started_at,
jobs.finished_at, jobs.trashed_at, recordings.filename, recordings.duration, recordings.audio_removed_at,
COALESCE(recordings.given_title, recordings.file_title, recordings.filename) AS title,
(SELECT json_group_array(tags.name) FROM recording_tags JOIN tags ON tags.id = recording_tags.tag_id
 WHERE recording_tags.recording_id = recordings.id) AS tags,
(SELECT name FROM users WHERE users.id = jobs.owner_id) AS owner
"""

COLUMNS = f"{_FIELDS}, {int(Right.OWN)} AS rights"

_SHARED_COLUMNS = f"{_FIELDS}, {right_to('jobs.recording_id')} AS rights"

GET = f"""
SELECT {COLUMNS} FROM jobs JOIN recordings ON recordings.id = jobs.recording_id WHERE jobs.id = ?
"""  # noqa: S608 - both parts are constants, here and below


def listing(
    *,
    own: bool,
    state: bool,
    tag: bool,
    trashed: bool,
    shared: bool = False,
    many: bool = False,
    owned: bool = False,
) -> str:
    """Jobs, newest first: those of `:owner_id`, in `:state`, whose recording has the tag with the key `:tag`,
    or is shared with `:reader_id`, as `many` are. `owned`: whoever asks owns whatever it is.

    `seq` never repeats and never changes, so a page starts where the last one ended however many jobs were
    added meanwhile. A filter that is not asked for is not in the statement: with "or there is none" in it,
    SQLite would look at every job of the box for the few that are sought.
    """
    # By default SQLite goes through the jobs as they are to be listed. What is in the trash, has a tag or is
    # shared is rather few: `+` and INDEXED BY have it begin with those, and put them in order. Of what is
    # shared and many, some are soon met by going through all.
    among = shared and many and not tag
    few = "+" if tag or trashed or (shared and not among) else ""
    where = ["jobs.trashed_at IS NOT NULL" if trashed else "jobs.trashed_at IS NULL"]
    where += [f"{few}jobs.owner_id = :owner_id"] if own else []
    where += [f"{few}jobs.state = :state"] if state else []
    where += [_TAGGED] if tag else []
    where += [_REACHED if among else f"jobs.recording_id IN ({SHARED_RECORDINGS})"] if shared else []
    # What is shown of a job is looked up for a page of them, and not for all that are put in order.
    return f"""
    SELECT {_SHARED_COLUMNS if shared and not owned else COLUMNS} FROM jobs
        JOIN recordings ON recordings.id = jobs.recording_id
    WHERE jobs.seq IN (
        SELECT jobs.seq FROM jobs {"INDEXED BY jobs_in_trash" if trashed else ""}
        WHERE {" AND ".join(where)} AND (:before IS NULL OR {few}jobs.seq < :before)
        ORDER BY {few}jobs.seq DESC LIMIT :limit)
    ORDER BY jobs.seq DESC
    """  # noqa: S608


_REACHED = f"""
EXISTS (SELECT 1 FROM shares WHERE shares.user_id = :reader_id AND {reaching("jobs.recording_id")})
"""  # noqa: S608

_TAGGED = """
jobs.recording_id IN (
    SELECT recording_id FROM recording_tags JOIN tags ON tags.id = tag_id WHERE tags.key = :tag)
"""

CREATE = """
INSERT INTO jobs (id, recording_id, owner_id, priority, options, created_at)
VALUES (:id, :recording_id, :owner_id, :priority, :options, :now)
"""

# The next job: the most urgent priority, in it the owner whose last turn is longest ago, of that owner the
# oldest.
CLAIM = """
UPDATE jobs
SET state = 'running', attempt = attempt + 1, started_at = :now, finished_at = NULL,
    lease_seconds = :lease_seconds, lease_expires_at = :now + :lease_seconds
WHERE seq = (
    SELECT jobs.seq FROM jobs LEFT JOIN queue_turns AS turns ON turns.owner_id = jobs.owner_id
    WHERE jobs.state = 'queued'
    ORDER BY jobs.priority, COALESCE(turns.turn, 0), jobs.seq
    LIMIT 1
)
RETURNING id, owner_id
"""

# The owner has had its turn.
TAKE_TURN = """
INSERT INTO queue_turns (owner_id, turn)
VALUES (:owner_id, (SELECT COALESCE(MAX(turn), 0) + 1 FROM queue_turns))
ON CONFLICT (owner_id) DO UPDATE SET turn = excluded.turn
"""

CHECKPOINT = "SELECT body FROM job_checkpoints WHERE job_id = ?"

SAVE_CHECKPOINT = """
INSERT INTO job_checkpoints (job_id, attempt, body, updated_at) VALUES (:id, :attempt, :body, :now)
ON CONFLICT (job_id) DO UPDATE
SET attempt = excluded.attempt, body = excluded.body, updated_at = excluded.updated_at
"""

DROP_CHECKPOINT = "DELETE FROM job_checkpoints WHERE job_id = :id"

RENEW = """
UPDATE jobs SET lease_expires_at = :now + lease_seconds
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

# Progress is a sign of life, so it renews too.
PROGRESS = """
UPDATE jobs SET progress = :progress, lease_expires_at = :now + lease_seconds
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

COMPLETE = """
UPDATE jobs
SET state = 'done', progress = 1, error = NULL, error_detail = NULL, finished_at = :now,
    lease_expires_at = NULL
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

# A clean stop: back in line at the old place, and not counted as a failure.
RELEASE = """
UPDATE jobs SET state = 'queued', started_at = NULL, lease_expires_at = NULL
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

# The recording cannot be transcribed: no further attempt would help.
FAIL = """
UPDATE jobs
SET state = 'failed', failures = failures + 1, error = :error, error_detail = :detail, finished_at = :now,
    lease_expires_at = NULL
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

# An attempt failed or was lost: once more from the checkpoint, until it has happened too often.
SET_BACK = """
UPDATE jobs
SET failures = failures + 1, error = :error, error_detail = :detail, lease_expires_at = NULL,
    state = CASE WHEN failures + 1 >= :max_attempts THEN 'quarantined' ELSE 'queued' END,
    started_at = CASE WHEN failures + 1 >= :max_attempts THEN started_at END,
    finished_at = CASE WHEN failures + 1 >= :max_attempts THEN :now END
WHERE id = :id AND attempt = :attempt AND state = 'running'
"""

RUNNING = "SELECT id, attempt, failures FROM jobs WHERE state = 'running' ORDER BY seq"

EXPIRED = """
SELECT id, attempt, failures FROM jobs WHERE state = 'running' AND lease_expires_at < ? ORDER BY seq
"""

CANCEL = """
UPDATE jobs SET state = 'cancelled', finished_at = :now, lease_expires_at = NULL
WHERE id = :id AND state IN ('queued', 'running')
"""

# A person asks again: the count of failures and the work done so far start from nothing.
RETRY = """
UPDATE jobs
SET state = 'queued', failures = 0, progress = 0, error = NULL, error_detail = NULL, started_at = NULL,
    finished_at = NULL
WHERE id = :id AND state IN ('failed', 'cancelled', 'quarantined')
"""

SET_PRIORITY = "UPDATE jobs SET priority = :priority WHERE id = :id AND state IN ('queued', 'running')"

OF_RECORDING = f"""
SELECT {COLUMNS} FROM jobs JOIN recordings ON recordings.id = jobs.recording_id
WHERE jobs.recording_id = ? AND jobs.trashed_at IS NULL ORDER BY jobs.seq
"""  # noqa: S608

COUNT_STATES = "SELECT state, COUNT(*) AS jobs FROM jobs WHERE trashed_at IS NULL GROUP BY state"

OLDEST_QUEUED = "SELECT MIN(created_at) AS oldest FROM jobs WHERE state = 'queued'"
