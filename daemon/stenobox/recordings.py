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

from stenobox.db import Database, Reader, Transaction
from stenobox.errors import NotFound
from stenobox.files import fsync_dir, make_dir, publish, write_durable
from stenobox.paths import Layout
from stenobox.sharing.rights import demand
from stenobox.shielding import finish
from stenobox.types import Identity, Recording, Right

# What is shown as the title: see types.Recording.
TITLE = "COALESCE(recordings.given_title, recordings.file_title, recordings.filename)"

# Without the table's name: RETURNING takes none.
COLUMNS = """
id, owner_id, sha256, size, filename, duration, created_at,
COALESCE(given_title, file_title, filename) AS title, recorded, stored_at, trashed_at, audio_removed_at,
audio_days, transcript_days, revision
"""

# Same owner and same bytes: the row stays, takes the name that the file was given most recently, and comes
# out of the trash.
INGEST = f"""
INSERT INTO recordings (id, owner_id, sha256, size, filename, duration, file_title, recorded, created_at,
    stored_at)
VALUES (:id, :owner_id, :sha256, :size, :filename, :duration, :file_title, :recorded, :now, :now)
ON CONFLICT (owner_id, sha256) DO UPDATE
SET filename = excluded.filename, duration = COALESCE(excluded.duration, duration),
    file_title = COALESCE(excluded.file_title, file_title), recorded = COALESCE(excluded.recorded, recorded),
    stored_at = excluded.stored_at, trashed_at = NULL, audio_removed_at = NULL, revision = revision + 1
RETURNING {COLUMNS}
"""  # noqa: S608 - both parts are constants, here and below

GET = f"SELECT {COLUMNS} FROM recordings WHERE id = ?"  # noqa: S608

# Not a new revision: nobody's change is overwritten by it, and whoever edits meanwhile need not begin again.
SET_DURATION = "UPDATE recordings SET duration = ? WHERE id = ?"

# A row whose audio was removed names its bytes no longer.
NAMED = "SELECT 1 FROM recordings WHERE sha256 = ? AND audio_removed_at IS NULL LIMIT 1"

ALL_NAMED = "SELECT DISTINCT sha256 FROM recordings WHERE audio_removed_at IS NULL"

# The recording goes with its last job.
FORGET = """
DELETE FROM recordings
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM jobs WHERE recording_id = :id)
RETURNING sha256
"""


class Recordings:
    """Rows in `recordings`, files in `media/` and `peaks/`."""

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
        file_title: str | None = None,
        recorded: str | None = None,
    ) -> Recording:
        """The owner's row for these bytes, made if there is none. `duration` in seconds, None if unknown
        yet; `file_title` and `recorded` from the file's own tags.
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
                "file_title": file_title,
                "recorded": recorded,
                "now": self._clock(),
            },
        )
        if row is None:
            raise RuntimeError("INSERT ... RETURNING gave no row")
        return recording_of(row)

    async def get(self, recording_id: str) -> Recording:
        """For the box's own parts: no question of whose it is. Raises NotFound."""
        async with self._db.read() as reader:
            row = await reader.fetch_one(GET, (recording_id,))
        if row is None:
            raise NotFound(what="recording")
        return recording_of(row)

    async def get_for(self, recording_id: str, identity: Identity) -> Recording:
        """For a person: raises NotFound also when the recording is in the trash, or somebody else's and not
        shared with them.
        """
        async with self._db.read() as reader:
            return await visible(reader, recording_id, identity)

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
        """Remove the bytes and their waveform unless a row still names them; returns whether something was
        removed.

        Rows go first and are committed: a crash in between leaves a file that no row names, never the
        reverse.
        """
        media, peaks = self._layout.media_file(sha256), self._layout.peaks_file(sha256)
        async with self._db.write() as tx:
            if await tx.fetch_one(NAMED, (sha256,)):
                return False
            removed = await finish(asyncio.to_thread(_remove, media))
            return await finish(asyncio.to_thread(_remove, peaks)) or removed

    async def keep_waveform(self, sha256: str, data: bytes) -> None:
        """Keep the waveform of these bytes for as long as the bytes themselves. Raises DiskFull."""
        path = self._layout.peaks_file(sha256)
        async with self._db.write() as tx:
            # They may have gone while it was computed.
            if await tx.fetch_one(NAMED, (sha256,)):
                await finish(asyncio.to_thread(_write, path, data))

    async def orphans(self) -> list[Path]:
        """Files in `media/` and `peaks/` that no row names: a crash came between their arrival and the
        COMMIT, or between that and their removal.

        A file that is not at the place of a recording is none of ours and is not reported.
        """
        # A file whose row is about to be committed may be reported; `discard` asks again, in its turn.
        files = await asyncio.to_thread(_files, self._layout)
        async with self._db.read() as reader:
            named = {row["sha256"] for row in await reader.fetch_all(ALL_NAMED)}
        return [path for path in files if path.name not in named]


async def visible(
    reader: Reader,
    recording_id: str,
    identity: Identity,
    needed: Right = Right.READ,
    *,
    trashed: bool = False,
) -> Recording:
    """A recording for a person, in the caller's transaction: one in the trash if `trashed`, else one that is
    not. Raises NotFound, NotYours.
    """
    row = await reader.fetch_one(GET, (recording_id,))
    if row is None or (row["trashed_at"] is not None) is not trashed:
        raise NotFound(what="recording")
    await demand(
        reader,
        identity,
        needed,
        owner_id=row["owner_id"],
        recording_id=recording_id,
        what="recording",
        trashed=trashed,
    )
    return recording_of(row)


def recording_of(row: sqlite3.Row) -> Recording:
    """A row of COLUMNS as a value."""
    return Recording(**dict(row))


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    fsync_dir(path.parent)
    return True


def _write(path: Path, data: bytes) -> None:
    make_dir(path.parent)
    write_durable(path, data)


def _files(layout: Layout) -> list[Path]:
    places = ((layout.media, layout.media_file), (layout.peaks, layout.peaks_file))
    return [
        path
        for folder, place in places
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _in_its_place(path, place)
    ]


def _in_its_place(path: Path, place: Callable[[str], Path]) -> bool:
    try:
        return path == place(path.name)
    except ValueError:
        return False
