"""Direct upload: one request carries the whole file.

The order that makes "201" a promise: bytes synced in `incoming/`, renamed into `media/` with both folders
synced, rows committed, and only then the answer. A failure at any point leaves no row. What a crash can
leave, a file in `incoming/` or one in `media/` that no row names, `sweep()` removes at the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stenobox.config import UploadsSettings
from stenobox.db import Database, Transaction
from stenobox.errors import DiskFull, EmptyFile, FileTooLarge, TooBusy
from stenobox.files import PRIVATE_FILE, begin_writeback, disk_errors, free_bytes
from stenobox.intake.behind import WriteBehind
from stenobox.intake.filenames import clean_filename
from stenobox.jobs import Jobs
from stenobox.library.quotas import Quotas
from stenobox.paths import Layout
from stenobox.recordings import Recordings
from stenobox.shielding import finish
from stenobox.types import Identity, Job, JobOptions

BLOCK_BYTES = 2**20
"""Bytes that are gathered before a thread hashes and writes them: few enough to hold twice (the next block
comes in meanwhile), enough to be worth it.
"""

FLUSH_BYTES = 2**24
"""After so many bytes the kernel is asked to begin writing them to the disk, so that the sync at the end of a
large file has little left to wait for.
"""


LOOKS_AT_ONCE = 8
"""Each look is a process of its own: a thousand people at once must not be a thousand processes."""


class Probed(Protocol):
    """What a look into the file tells; `duration` in seconds, None when the header does not say. `truncated`:
    the header announces more bytes than there are. `title` and `recorded` from its tags.
    """

    @property
    def duration(self) -> float | None: ...
    @property
    def truncated(self) -> bool: ...
    @property
    def title(self) -> str | None: ...
    @property
    def recorded(self) -> str | None: ...


Also = Callable[[Transaction, Job], Awaitable[None]]

Probe = Callable[[Path], Awaitable[Probed]]
"""Looks into a file and raises NotAudio (or another BadInput or AudioError) when it cannot be used."""


@dataclass(frozen=True, slots=True)
class Received:
    """A file in `incoming/`, complete and synced; whoever holds this has to accept or discard it."""

    path: Path
    sha256: str
    size: int
    filename: str


@dataclass(frozen=True, slots=True)
class Swept:
    """Files that a crash had left, by the folder they were removed from."""

    incoming: int
    media: int


class DirectIntake:
    """Receives files and turns them into jobs."""

    def __init__(
        self,
        settings: UploadsSettings,
        layout: Layout,
        db: Database,
        *,
        recordings: Recordings,
        jobs: Jobs,
        quotas: Quotas,
        probe: Probe,
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._db = db
        self._recordings = recordings
        self._jobs = jobs
        self._quotas = quotas
        self._probe = probe
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def refuse_early(self, owner_id: int, size: int, sha256: str | None = None) -> None:
        """Before bytes of a known size are read. Raises QuotaExceeded when they could not be kept."""
        await self._quotas.refuse_early(owner_id, size, sha256)

    async def receive(self, stream: AsyncIterator[bytes], filename: str) -> Received:
        """Write a stream to `incoming/`, hashing it on the way; no more than two blocks are in memory.

        Raises EmptyFile, FileTooLarge (as soon as the limit is passed), DiskFull (before the reserve is
        touched), TooBusy, or what the stream raises. Then, and when the task is cancelled, nothing of it is
        left.
        """
        spool, behind = _Spool(self._layout.incoming, self._settings), WriteBehind()
        try:
            await behind.start(spool.create)
            gathered, arrived = bytearray(), 0
            async for piece in stream:
                arrived += len(piece)
                if arrived > self._settings.max_bytes:
                    raise FileTooLarge(limit=self._settings.max_bytes)
                gathered += piece
                if len(gathered) >= BLOCK_BYTES:
                    block, gathered = gathered, bytearray()
                    await behind.start(spool.write, block)
            await behind.start(spool.write, gathered)
            await behind.end()
            sha256, size = await finish(asyncio.to_thread(spool.complete))
        except BaseException:
            try:
                with contextlib.suppress(Exception):
                    await behind.end()
            finally:
                await finish(asyncio.to_thread(spool.discard))
            raise
        return Received(spool.path, sha256, size, clean_filename(filename))

    async def accept(
        self,
        identity: Identity,
        received: Received,
        options: JobOptions,
        priority: int,
        *,
        check: Callable[[Probed], None] | None = None,
        also: Also | None = None,
    ) -> Job:
        """Make a received file a recording and a job of `identity`; when this returns, both are durable.

        `check` may refuse what the probe tells, by raising. `also` runs in the transaction that makes the
        job, so that what it writes is there if the job is.

        Raises what the probe raises (NotAudio, ...), QuotaExceeded, TooBusy or DiskFull. Then, and when the
        task is cancelled before the COMMIT, the file is gone and no row was made.
        """
        try:
            with _descriptors():
                async with self._looks:
                    probed = await self._probe(received.path)
                if check is not None:
                    check(probed)
                return await self._store(identity, received, options, priority, probed=probed, also=also)
        except BaseException:
            await self.discard(received)
            raise

    async def _store(
        self,
        identity: Identity,
        received: Received,
        options: JobOptions,
        priority: int,
        *,
        probed: Probed,
        also: Also | None,
    ) -> Job:
        try:
            async with self._db.write() as tx:
                await self._quotas.check(tx, identity.user.id, received.size, received.sha256)
                await self._recordings.publish(tx, received.path, received.sha256)
                recording = await self._recordings.ingest(
                    tx,
                    identity.user.id,
                    sha256=received.sha256,
                    size=received.size,
                    filename=received.filename,
                    duration=probed.duration,
                    file_title=probed.title,
                    recorded=probed.recorded,
                )
                job = await self._jobs.create(
                    tx, identity.user.id, recording_id=recording.id, options=options, priority=priority
                )
                if also is not None:
                    await also(tx, job)
                return job
        except BaseException:
            # Asks the rows again: a cancellation during COMMIT ends up here with the rows in place.
            with contextlib.suppress(DiskFull):
                await finish(self._recordings.discard(received.sha256))
            raise

    async def discard(self, received: Received) -> None:
        """Drop a received file that will not be accepted. Harmless after `accept`."""
        await finish(asyncio.to_thread(received.path.unlink, missing_ok=True))

    async def sweep(self) -> Swept:
        """At start, before anything is received: remove what a crash has left."""
        incoming = await asyncio.to_thread(_empty, self._layout.incoming)
        media = 0
        for orphan in await self._recordings.orphans():
            media += await self._recordings.discard(orphan.name)
        return Swept(incoming, media)


@contextlib.contextmanager
def _descriptors() -> Iterator[None]:
    """Turn "too many open files" into TooBusy: it passes when other uploads end."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise TooBusy from error
        raise


class _Spool:
    """One file on its way in. Its methods block; they are called one at a time, each in some thread."""

    def __init__(self, folder: Path, settings: UploadsSettings) -> None:
        self.path = folder / f"{secrets.token_hex(16)}.part"
        self._settings = settings
        self._hash = hashlib.sha256()
        self._size = 0
        self._flushed = 0
        self._descriptor: int | None = None

    def create(self) -> None:
        with disk_errors(), _descriptors():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(self.path, flags, PRIVATE_FILE)

    def write(self, block: bytes | bytearray) -> None:
        if not block:
            return
        if free_bytes(self.path.parent) - len(block) < self._settings.reserve_bytes:
            raise DiskFull
        self._hash.update(block)
        rest = memoryview(block)
        with disk_errors():
            while rest:
                rest = rest[os.write(self._open(), rest) :]
        self._size += len(block)
        if self._size - self._flushed >= FLUSH_BYTES:
            begin_writeback(self._open(), self._flushed, self._size - self._flushed)
            self._flushed = self._size

    def complete(self) -> tuple[str, int]:
        """Sync and close; returns SHA-256 and size. The check of the length is on what the disk has."""
        if self._size == 0:
            raise EmptyFile
        descriptor = self._open()
        with disk_errors():
            os.fsync(descriptor)
        if os.fstat(descriptor).st_size != self._size:
            raise OSError("the file has another length than what was written")
        self._close()
        return self._hash.hexdigest(), self._size

    def discard(self) -> None:
        self._close()
        self.path.unlink(missing_ok=True)

    def _open(self) -> int:
        if self._descriptor is None:
            raise ValueError("the file is closed")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _empty(folder: Path) -> int:
    removed = 0
    for path in folder.iterdir():
        if path.is_symlink() or path.is_file():
            path.unlink()
            removed += 1
    return removed
