"""What a link leads to, for whoever has it: nobody whom the box knows.

The token is all that they show, so it is made of 256 random bits, kept as a hash, ends by itself, and opens
nothing but what is asked for here. It ends with its owner's access too.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from stenobox.access.secrets import fingerprint
from stenobox.access.users import user_of
from stenobox.db import Database, Reader
from stenobox.errors import NotFound
from stenobox.recordings import TITLE, Recordings
from stenobox.sharing.statements import LIVE
from stenobox.sharingsettings import SharingSettings
from stenobox.types import Identity, Recording, Scope, User

MAX_RECORDINGS: Final = 200
"""Of a folder, the newest ones."""

USE_RESOLUTION_S: Final = 60.0
"""`used_at` tells which links may go; a write for each request would cost more than that is worth."""

OPEN = f"""
SELECT shares.id AS share_id, shares.recording_id, shares.tag_id, shares.expires_at, shares.used_at,
    COALESCE({TITLE}, tags.name) AS title,
    users.id, users.name, users.role, users.disabled, users.created_at
FROM shares JOIN users ON users.id = shares.owner_id
    LEFT JOIN recordings ON recordings.id = shares.recording_id
    LEFT JOIN tags ON tags.id = shares.tag_id
WHERE shares.token_sha256 = ? AND {LIVE} AND NOT users.disabled AND recordings.trashed_at IS NULL
"""  # noqa: S608 - all parts are constants, here and below

TOUCH = "UPDATE shares SET used_at = ? WHERE id = ?"

_REACHED = """
recordings.trashed_at IS NULL AND (recordings.id = :recording_id OR recordings.id IN (
    SELECT recording_id FROM recording_tags WHERE tag_id = :tag_id))
"""

RECORDINGS = f"""
SELECT recordings.id, {TITLE} AS title, recordings.duration, recordings.recorded, recordings.created_at,
    recordings.audio_removed_at IS NULL AS has_audio,
    (SELECT json_group_array(json_array(jobs.id, transcripts.language,
            COALESCE(json_extract(jobs.options, '$.channels'), 'mix'), jobs.finished_at))
     FROM jobs JOIN transcripts ON transcripts.job_id = jobs.id
     WHERE jobs.recording_id = recordings.id AND jobs.trashed_at IS NULL) AS jobs
FROM recordings WHERE {_REACHED}
ORDER BY recordings.created_at DESC, recordings.id DESC LIMIT :limit
"""  # noqa: S608

RECORDING = f"SELECT recordings.id FROM recordings WHERE recordings.id = :wanted AND {_REACHED}"  # noqa: S608

RECORDING_OF_JOB = f"""
SELECT recordings.id FROM jobs JOIN recordings ON recordings.id = jobs.recording_id
WHERE jobs.id = :wanted AND jobs.trashed_at IS NULL AND {_REACHED}
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Link:
    """An open link: whose it is, what it leads to, and until when."""

    share_id: str
    owner: User
    recording_id: str | None
    tag_id: int | None
    title: str
    expires_at: float

    @property
    def as_owner(self) -> Identity:
        """To read with what `Links` has found to be shared, and nothing else: it may do what its owner may by
        a key that only reads.
        """
        return Identity(self.owner, "link", frozenset({Scope.READ}))

    @property
    def reached(self) -> dict[str, str | int | None]:
        return {"recording_id": self.recording_id, "tag_id": self.tag_id}


@dataclass(frozen=True, slots=True)
class LinkedJob:
    """A transcript that a link leads to."""

    id: str
    language: str
    channels: str
    finished_at: float


@dataclass(frozen=True, slots=True)
class LinkedRecording:
    """A recording that a link leads to, with its transcripts, the newest last."""

    id: str
    title: str
    duration: float | None
    recorded: str | None
    created_at: float
    has_audio: bool
    jobs: tuple[LinkedJob, ...]


class Links:
    """`clock` in Unix seconds tells of the last use; SQLite's own decides what is over."""

    def __init__(
        self,
        db: Database,
        recordings: Recordings,
        settings: SharingSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._recordings = recordings
        self._settings = settings
        self._clock = clock

    async def open(self, token: str) -> Link:
        """Raises NotFound for a token that is none, is over, was taken back, or when links are off."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(OPEN, (fingerprint(token),))
        if row is None or not self._settings.links:
            raise NotFound(what="link")
        now = self._clock()
        if row["used_at"] is None or abs(now - row["used_at"]) >= USE_RESOLUTION_S:
            async with self._db.write() as tx:
                await tx.execute(TOUCH, (now, row["share_id"]))
        return _link_of(row)

    async def recordings(self, link: Link) -> tuple[tuple[LinkedRecording, ...], bool]:
        """The newest first, at most MAX_RECORDINGS; and whether there are more."""
        async with self._db.read() as reader:
            rows = await reader.fetch_all(RECORDINGS, {**link.reached, "limit": MAX_RECORDINGS + 1})
        return tuple(_linked(row) for row in rows[:MAX_RECORDINGS]), len(rows) > MAX_RECORDINGS

    async def recording(self, link: Link, recording_id: str) -> Recording:
        """Raises NotFound for one that the link does not lead to."""
        async with self._db.read() as reader:
            await _reach(reader, RECORDING, link, recording_id, "recording")
        return await self._recordings.get(recording_id)

    async def check_job(self, link: Link, job_id: str) -> None:
        """Raises NotFound for a job that the link does not lead to."""
        async with self._db.read() as reader:
            await _reach(reader, RECORDING_OF_JOB, link, job_id, "job")


async def _reach(reader: Reader, statement: str, link: Link, wanted: str, what: str) -> None:
    if await reader.fetch_one(statement, {**link.reached, "wanted": wanted}) is None:
        raise NotFound(what=what)


def _link_of(row: sqlite3.Row) -> Link:
    owner = user_of(row)
    return Link(row["share_id"], owner, row["recording_id"], row["tag_id"], row["title"], row["expires_at"])


def _linked(row: sqlite3.Row) -> LinkedRecording:
    jobs = msgspec.json.decode(row["jobs"], type=list[tuple[str, str, str, float]])
    return LinkedRecording(
        id=row["id"],
        title=row["title"],
        duration=row["duration"],
        recorded=row["recorded"],
        created_at=row["created_at"],
        has_audio=bool(row["has_audio"]),
        jobs=tuple(LinkedJob(*job) for job in sorted(jobs, key=lambda job: job[3])),
    )
