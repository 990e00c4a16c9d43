"""Accepted recordings: a row for each owner, and the bytes once, under their SHA-256.

Owners that sent the same bytes share one file in `media/`. The rule that keeps this safe: a file is put into
`media/`, or removed from it, only inside a write transaction. The one writer then puts "publish, insert the
row" and "is there a row? no: remove" in an order, and an upload can never lose its file to a deletion of the
same bytes that runs at the same moment.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from stenobox.db import Database, Transaction
from stenobox.errors import NotFound
from stenobox.files import fsync_dir, publish
from stenobox.paths import Layout
from stenobox.shielding import finish
from stenobox.types import Identity, Recording

# Same owner and same bytes: the row stays, and takes the name that the file was given most recently.
INGEST = """
INSERT INTO recordings (id, owner_id, sha256, size, filename, duration, created_at)
VALUES (:id, :owner_id, :sha256, :size, :filename, :duration, :now)
ON CONFLICT (owner_id, sha256) DO UPDATE
SET filename = excluded.filename, duration = COALESCE(excluded.duration, duration)
RETURNING id, owner_id, sha256, size, filename, duration, created_at
"""

GET = "SELECT id, owner_id, sha256, size, filename, duration, created_at FROM recordings WHERE id = ?"

SET_DURATION = "UPDATE recordings SET duration = ? WHERE id = ?"

NAMED = "SELECT 1 FROM recordings WHERE sha256 = ? LIMIT 1"

ALL_NAMED = "SELECT DISTINCT sha256 FROM recordings"

# The recording goes with its last job.
FORGET = """
DELETE FROM recordings
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM jobs WHERE recording_id = :id)
RETURNING sha256
"""


class Recordings:
    """Rows in `recordings`, files in `media/`."""

    def __init__(self, db: Database, layout: Layout, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._layout = layout
        self._clock = clock

    async def publish(self, tx: Transaction, temp: Path, sha256: str) -> None:
        """Move received bytes to their place in `media/`, durably; before `ingest`, in the same transaction.

        Raises DiskFull. Bytes that are there already are replaced by the same bytes.
        """
        del tx  # Named to make sure that there is one: see the rule above.
        await finish(asyncio.to_thread(publish, temp, self._layout.media_file(sha256)))

    async def ingest(
        self,
        tx: Transaction,
        owner_id: int,
        *,
        sha256: str,
        size: int,
        filename: str,
        duration: float | None,
    ) -> Recording:
        """The owner's row for these bytes, made if there is none. `duration` in seconds, None if unknown
        yet.
        """
        row = await tx.fetch_one(
            INGEST,
            {
                "id": secrets.token_hex(12),
                "owner_id": owner_id,
                "sha256": sha256,
                "size": size,
                "filename": filename,
                "duration": duration,
                "now": self._clock(),
            },
        )
        if row is None:
            raise RuntimeError("INSERT ... RETURNING gave no row")
        return _recording(row)

    async def get(self, recording_id: str) -> Recording:
        """For the box's own parts: no question of whose it is. Raises NotFound."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(GET, (recording_id,))
        if row is None:
            raise NotFound(what="recording")
        return _recording(row)

    async def get_for(self, recording_id: str, identity: Identity) -> Recording:
        """For a person: raises NotFound also when the recording is somebody else's and they are no admin."""
        recording = await self.get(recording_id)
        if recording.owner_id != identity.user.id and not identity.is_admin:
            raise NotFound(what="recording")
        return recording

    async def set_duration(self, recording_id: str, seconds: float) -> None:
        """Record the length that decoding found, where the file itself did not say."""
        async with self._db.write() as tx:
            await tx.execute(SET_DURATION, (seconds, recording_id))

    def path(self, recording: Recording) -> Path:
        """Where its bytes are."""
        return self._layout.media_file(recording.sha256)

    async def forget(self, tx: Transaction, recording_id: str) -> str | None:
        """Remove the row if no job uses it any more; returns the SHA-256 to hand to `discard` after
        COMMIT.
        """
        row = await tx.fetch_one(FORGET, {"id": recording_id})
        return str(row["sha256"]) if row else None

    async def discard(self, sha256: str) -> bool:
        """Remove the bytes from `media/` unless a row still names them; returns whether they were removed.

        Rows go first and are committed: a crash in between leaves a file that no row names, never the
        reverse.
        """
        path = self._layout.media_file(sha256)
        async with self._db.write() as tx:
            if await tx.fetch_one(NAMED, (sha256,)):
                return False
            return await finish(asyncio.to_thread(_remove, path))

    async def orphans(self) -> list[Path]:
        """Files in `media/` that no row names: a crash came between their arrival and the COMMIT.

        A file that is not at the place of a recording is none of ours and is not reported.
        """
        # A file whose row is about to be committed may be reported; `discard` asks again, in its turn.
        files = await asyncio.to_thread(_media_files, self._layout)
        async with self._db.read() as reader:
            named = {row["sha256"] for row in await reader.fetch_all(ALL_NAMED)}
        return [path for path in files if path.name not in named]


def _recording(row: sqlite3.Row) -> Recording:
    return Recording(**dict(row))


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    fsync_dir(path.parent)
    return True


def _media_files(layout: Layout) -> list[Path]:
    return sorted(path for path in layout.media.rglob("*") if path.is_file() and _in_its_place(path, layout))


def _in_its_place(path: Path, layout: Layout) -> bool:
    try:
        return path == layout.media_file(path.name)
    except ValueError:
        return False
