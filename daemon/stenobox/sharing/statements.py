"""The SQL of shares that several parts build on. `:reader_id` is the account that asks."""

from __future__ import annotations

LIVE = "(shares.expires_at IS NULL OR shares.expires_at > unixepoch())"

_BY_THEMSELVES = f"""
SELECT shares.recording_id FROM shares
WHERE shares.user_id = :reader_id AND shares.recording_id IS NOT NULL AND {LIVE}
"""  # noqa: S608 - all parts are constants, here and below

_BY_TAG = f"""
SELECT recording_tags.recording_id FROM shares JOIN recording_tags ON recording_tags.tag_id = shares.tag_id
WHERE shares.user_id = :reader_id AND {LIVE}
"""  # noqa: S608

SHARED_RECORDINGS = f"{_BY_THEMSELVES} UNION {_BY_TAG}"

HOW_MANY = f"SELECT COUNT(*) AS n FROM ({_BY_THEMSELVES} UNION ALL {_BY_TAG} LIMIT :most)"  # noqa: S608
"""Recordings that are shared with `:reader_id`, counted no further than `:most`."""


def reaching(recording: str) -> str:
    """The condition on `shares` that one is live and of this recording, by itself or by one of its tags.
    `recording` is a column or a parameter.
    """
    return f"""{LIVE} AND (shares.recording_id = {recording} OR shares.tag_id IN (
        SELECT tag_id FROM recording_tags WHERE recording_tags.recording_id = {recording}))"""  # noqa: S608


def right_to(recording: str) -> str:
    """The right that shares give to `:reader_id`, as an expression; NULL is none."""
    return f"""(
        SELECT MAX(shares.rights) FROM shares
        WHERE shares.user_id = :reader_id AND {reaching(recording)})"""  # noqa: S608


RIGHT = f"SELECT {right_to(':recording_id')} AS rights"

READERS = f"""
SELECT shares.user_id, MAX(shares.rights) AS rights FROM shares
WHERE shares.user_id IS NOT NULL AND {reaching(":recording_id")} GROUP BY shares.user_id
"""  # noqa: S608
