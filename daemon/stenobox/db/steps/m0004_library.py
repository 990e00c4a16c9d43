"""Version 4: the library. Titles, tags, the trash, how long things are kept, and how much by whom.

A recording has three titles: the one that a person gave, the one that the file's own tags hold, and the
file's name; the first that is there is shown. `stored_at` is when its bytes last came in, from which its
age counts. `revision` grows with every change of a row, so that two people cannot overwrite each other
unseen. Numbers of days and bytes: NULL is the default of the settings, 0 is "never" and "no limit".
"""

from __future__ import annotations

DESCRIPTION = "library: titles, tags, trash, retention, quotas"

RECORDINGS = (
    "ALTER TABLE recordings ADD COLUMN given_title TEXT",
    "ALTER TABLE recordings ADD COLUMN file_title TEXT",
    "ALTER TABLE recordings ADD COLUMN recorded TEXT",
    "ALTER TABLE recordings ADD COLUMN stored_at REAL NOT NULL DEFAULT 0",
    "ALTER TABLE recordings ADD COLUMN trashed_at REAL",
    "ALTER TABLE recordings ADD COLUMN audio_removed_at REAL",
    "ALTER TABLE recordings ADD COLUMN audio_days INTEGER CHECK (audio_days >= 0)",
    "ALTER TABLE recordings ADD COLUMN transcript_days INTEGER CHECK (transcript_days >= 0)",
    "ALTER TABLE recordings ADD COLUMN revision INTEGER NOT NULL DEFAULT 1",
    "UPDATE recordings SET stored_at = created_at",
)

OTHERS = (
    "ALTER TABLE jobs ADD COLUMN trashed_at REAL",
    "ALTER TABLE users ADD COLUMN quota_bytes INTEGER CHECK (quota_bytes >= 0)",
)

# `name` as it was first written, `key` as it is compared.
TAGS = """
CREATE TABLE tags (
    id       INTEGER PRIMARY KEY,
    owner_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    key      TEXT NOT NULL,
    UNIQUE (owner_id, key)
) STRICT
"""

RECORDING_TAGS = """
CREATE TABLE recording_tags (
    recording_id TEXT NOT NULL REFERENCES recordings (id) ON DELETE CASCADE,
    tag_id       INTEGER NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (recording_id, tag_id)
) STRICT, WITHOUT ROWID
"""

INDEXES = (
    "CREATE INDEX recordings_by_age ON recordings (created_at, id)",
    "CREATE INDEX recordings_of_owner ON recordings (owner_id, created_at, id)",
    "CREATE INDEX recordings_in_trash ON recordings (trashed_at) WHERE trashed_at IS NOT NULL",
    "CREATE INDEX jobs_in_trash ON jobs (trashed_at) WHERE trashed_at IS NOT NULL",
    "CREATE INDEX recordings_of_tag ON recording_tags (tag_id)",
)

# The work on a recording needs its bytes, and what is in the trash is not worked on: the database itself
# refuses a statement that forgets it.
TRIGGERS = (
    """
    CREATE TRIGGER live_job_keeps_audio BEFORE UPDATE OF audio_removed_at ON recordings
    WHEN NEW.audio_removed_at IS NOT NULL AND EXISTS (
        SELECT 1 FROM jobs WHERE recording_id = NEW.id AND state IN ('queued', 'running'))
    BEGIN SELECT RAISE(ABORT, 'a job still needs this audio'); END
    """,
    """
    CREATE TRIGGER trash_holds_no_live_job BEFORE UPDATE OF trashed_at, state ON jobs
    WHEN NEW.trashed_at IS NOT NULL AND NEW.state IN ('queued', 'running')
    BEGIN SELECT RAISE(ABORT, 'a job in the trash does not run'); END
    """,
)

STATEMENTS: tuple[str, ...] = (*RECORDINGS, *OTHERS, TAGS, RECORDING_TAGS, *INDEXES, *TRIGGERS)
