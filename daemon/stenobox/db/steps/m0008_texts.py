"""Version 8: corrected transcripts, the search over all of them, and people's own words.

What the model heard stays in `transcripts` and `segments` and is version 1; `transcript_versions` holds those
that people made of it, whole: `lines` are `[start, end, channel]` as JSON, `text` has one line of text for
each, so that it is kept once and the index can read it.

`search_docs` has a row for each transcript that may be found: of a done job that is not in the trash, in its
current version. `search_index` is the full text of the same rows. It keeps no copy of the text, but reads it
through the view `search_content`; FTS5 has to be told the old text before it changes, and the triggers on
`search_docs` do that. So whoever changes what is found changes `search_docs`, and nothing else.

`scope` holds tokens for what a search is narrowed by: owner, language and tags. They begin with characters of
the private use area, which the words of a search never hold. They are in the index because a filter beside
it would have to look at every match of a common word.
"""

from __future__ import annotations

DESCRIPTION = "versions of transcripts, search, glossaries"

VERSIONS = """
CREATE TABLE transcript_versions (
    job_id        TEXT NOT NULL REFERENCES transcripts (job_id) ON DELETE CASCADE,
    number        INTEGER NOT NULL CHECK (number >= 2),
    author        TEXT NOT NULL,
    created_at    REAL NOT NULL,
    restored_from INTEGER,
    lines         TEXT NOT NULL,
    text          TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT
"""

# `id` is the sequence number of the job.
DOCS = """
CREATE TABLE search_docs (
    id           INTEGER PRIMARY KEY,
    job_id       TEXT NOT NULL UNIQUE,
    recording_id TEXT NOT NULL,
    owner_id     INTEGER NOT NULL,
    created_at   REAL NOT NULL,
    version      INTEGER NOT NULL,
    scope        TEXT NOT NULL,
    title        TEXT NOT NULL,
    tags         TEXT NOT NULL
) STRICT
"""

# Of transcripts in scripts that have no blanks between words: the text of the current version, spread as
# `search/scripts.py` does it. It stays while the transcript is in the trash.
BODIES = """
CREATE TABLE search_bodies (
    job_id  TEXT NOT NULL REFERENCES transcripts (job_id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (job_id, version)
) STRICT
"""

CONTENT = """
CREATE VIEW search_content AS
SELECT docs.id, docs.scope, docs.title, docs.tags, COALESCE(
    (SELECT body FROM search_bodies WHERE job_id = docs.job_id AND version = docs.version),
    CASE docs.version
        WHEN 1 THEN COALESCE((
            SELECT group_concat(text, char(10)) FROM (
                SELECT replace(text, char(10), ' ') AS text FROM segments
                WHERE job_id = docs.job_id ORDER BY id)), '')
        ELSE (SELECT text FROM transcript_versions WHERE job_id = docs.job_id AND number = docs.version)
    END) AS body
FROM search_docs AS docs
"""

# With a short prefix the index would otherwise have to merge the lists of thousands of words.
INDEX = """
CREATE VIRTUAL TABLE search_index USING fts5 (
    scope, title, tags, body,
    content = 'search_content', content_rowid = 'id',
    tokenize = 'unicode61 remove_diacritics 2', prefix = '3'
)
"""

# How many transcripts were erased since the index was merged last; see `search/upkeep.py`.
UPKEEP = (
    """
    CREATE TABLE search_upkeep (
        id        INTEGER PRIMARY KEY CHECK (id = 1),
        erased    INTEGER NOT NULL,
        merged_at REAL NOT NULL
    ) STRICT
    """,
    "INSERT INTO search_upkeep (id, erased, merged_at) VALUES (1, 0, 0)",
)

GLOSSARIES = """
CREATE TABLE glossaries (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    words      TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    updated_at REAL NOT NULL
) STRICT
"""

INDEXES = (
    "CREATE INDEX search_docs_of_recording ON search_docs (recording_id)",
    "CREATE INDEX search_docs_by_age ON search_docs (created_at)",
    # For lists of jobs in one state, whoever's they are.
    "CREATE INDEX jobs_of_state ON jobs (state, seq)",
    "CREATE INDEX jobs_of_owner_in_state ON jobs (owner_id, state, seq)",
)

# A row for each transcript that may be found; the triggers and `search/index.py` say of which.
FIND = """
INSERT INTO search_docs (id, job_id, recording_id, owner_id, created_at, version, scope, title, tags)
SELECT jobs.seq, jobs.id, jobs.recording_id, jobs.owner_id, jobs.created_at,
    COALESCE((SELECT MAX(number) FROM transcript_versions WHERE job_id = jobs.id), 1),
    char(57344) || jobs.owner_id || ' ' || char(57345) || transcripts.language || COALESCE((
        SELECT group_concat(' ' || char(57346) || tag_id, '') FROM recording_tags
        WHERE recording_id = recordings.id), ''),
    COALESCE(recordings.given_title, recordings.file_title, recordings.filename),
    COALESCE((
        SELECT group_concat(tags.name, char(10)) FROM recording_tags JOIN tags ON tags.id = tag_id
        WHERE recording_id = recordings.id), '')
FROM jobs JOIN transcripts ON transcripts.job_id = jobs.id
    JOIN recordings ON recordings.id = jobs.recording_id
WHERE jobs.trashed_at IS NULL
"""

_INDEX_IT = """
INSERT INTO search_index (rowid, scope, title, tags, body)
SELECT id, scope, title, tags, body FROM search_content WHERE id = NEW.id;
"""

_FORGET_IT = """
INSERT INTO search_index (search_index, rowid, scope, title, tags, body)
SELECT 'delete', id, scope, title, tags, body FROM search_content WHERE id = OLD.id;
"""

_CHANGED = """
WHEN (OLD.version, OLD.scope, OLD.title, OLD.tags) IS NOT (NEW.version, NEW.scope, NEW.title, NEW.tags)
"""

TRIGGERS = (
    f"CREATE TRIGGER search_doc_added AFTER INSERT ON search_docs BEGIN {_INDEX_IT} END",
    f"CREATE TRIGGER search_doc_changes BEFORE UPDATE ON search_docs {_CHANGED} BEGIN {_FORGET_IT} END",
    f"CREATE TRIGGER search_doc_changed AFTER UPDATE ON search_docs {_CHANGED} BEGIN {_INDEX_IT} END",
    f"CREATE TRIGGER search_doc_goes BEFORE DELETE ON search_docs BEGIN {_FORGET_IT} END",
    # Before, since its lines go by their foreign key after it, and the index has to be told what they were.
    """
    CREATE TRIGGER transcript_goes_from_search BEFORE DELETE ON transcripts
    BEGIN
        DELETE FROM search_docs WHERE job_id = OLD.job_id;
        UPDATE search_upkeep SET erased = erased + 1;
    END
    """,
    """
    CREATE TRIGGER trash_is_not_found AFTER UPDATE OF trashed_at ON jobs
    WHEN OLD.trashed_at IS NULL AND NEW.trashed_at IS NOT NULL
    BEGIN DELETE FROM search_docs WHERE job_id = NEW.id; END
    """,
    f"""
    CREATE TRIGGER restored_is_found AFTER UPDATE OF trashed_at ON jobs
    WHEN OLD.trashed_at IS NOT NULL AND NEW.trashed_at IS NULL
    BEGIN {FIND} AND jobs.id = NEW.id; END
    """,
    """
    CREATE TRIGGER title_is_found AFTER UPDATE OF given_title, file_title, filename ON recordings
    BEGIN
        UPDATE search_docs SET title = COALESCE(NEW.given_title, NEW.file_title, NEW.filename)
        WHERE recording_id = NEW.id;
    END
    """,
    """
    CREATE TRIGGER new_version_is_found AFTER INSERT ON transcript_versions
    BEGIN UPDATE search_docs SET version = NEW.number WHERE job_id = NEW.job_id; END
    """,
)

# Transcripts that are there already.
FILL = FIND

STATEMENTS: tuple[str, ...] = (
    VERSIONS,
    DOCS,
    BODIES,
    CONTENT,
    INDEX,
    *UPKEEP,
    GLOSSARIES,
    *INDEXES,
    *TRIGGERS,
    FILL,
)
