"""Uploads that come in pieces: what the chunked upload and tus share.

A piece is acknowledged only after its bytes are synced and the row that says so is committed, in that order:
what a client was told is there is there after a power cut, and what it was not told it sends again. Bytes
that are acknowledged are never overwritten; the same bytes may come again, others at their place are refused.

At most one request writes to any byte of an upload. A newcomer wins: the older request is most often that of
a connection which its client has given up.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import msgspec

from stenobox.config import UploadsSettings
from stenobox.db import Database, Transaction
from stenobox.errors import (
    ChunkOutOfRange,
    DiskFull,
    EmptyFile,
    FileTooLarge,
    HashMismatch,
    NotFound,
    UploadIncomplete,
)
from stenobox.files import disk_errors, free_bytes
from stenobox.idempotency import Note, unnoted
from stenobox.intake.behind import WriteBehind
from stenobox.intake.claims import Claim, Claims
from stenobox.intake.direct import BLOCK_BYTES, DirectIntake, Received
from stenobox.intake.filenames import clean_filename
from stenobox.intake.piecewriter import PieceWriter, RunningHash
from stenobox.intake.ranges import Ranges, missing, with_range
from stenobox.intake.upload import Part, Road, Upload, upload_of
from stenobox.log import get_logger
from stenobox.paths import Layout
from stenobox.shielding import finish
from stenobox.types import Identity, Job, JobOptions

log = get_logger(__name__)

SYNC_BYTES = 16 * 2**20
"""After so many bytes of one long request what has come is made durable: a crash costs no more than these."""

INSERT = """
INSERT INTO uploads (id, owner_id, road, filename, size, sha256, wishes, metadata, part, ranges, created_at,
    expires_at)
VALUES (:id, :owner_id, :road, :filename, :size, :sha256, :wishes, :metadata, :part, '[]', :created_at,
    :expires_at)
"""
GET = "SELECT * FROM uploads WHERE id = ?"
RECORD = "UPDATE uploads SET ranges = ?, expires_at = ? WHERE id = ?"
SET_SIZE = "UPDATE uploads SET size = ? WHERE id = ? AND size IS NULL"
SET_JOB = "UPDATE uploads SET job_id = ?, ranges = '[]', expires_at = ? WHERE id = ?"
DELETE = "DELETE FROM uploads WHERE id = ?"
EXPIRED = "SELECT id FROM uploads WHERE expires_at < ?"
ALL = "SELECT id FROM uploads WHERE job_id IS NULL"


class Partials:
    """Rows in `uploads`, files in `partials/`."""

    def __init__(
        self,
        settings: UploadsSettings,
        layout: Layout,
        db: Database,
        intake: DirectIntake,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._layout = layout
        self._db = db
        self._intake = intake
        self._clock = clock
        self._claims = Claims()
        self._hashes: dict[str, RunningHash] = {}

    async def begin(
        self,
        identity: Identity,
        road: Road,
        *,
        filename: str,
        size: int | None,
        sha256: str | None = None,
        wishes: Mapping[str, str] | None = None,
        metadata: str = "",
        part: Part = "whole",
        note: Note = unnoted,
    ) -> Upload:
        """A new upload. Raises EmptyFile, FileTooLarge, QuotaExceeded, DiskFull when it could not be kept
        even if it came.
        """
        if size is not None:
            await self._check_size(size)
            await self._intake.refuse_early(identity.user.id, size, sha256)
        upload_id, now = secrets.token_hex(16), self._clock()
        values = {
            "id": upload_id,
            "owner_id": identity.user.id,
            "road": road,
            "filename": clean_filename(filename),
            "size": size,
            "sha256": sha256,
            "wishes": msgspec.json.encode(dict(wishes or {})).decode(),
            "metadata": metadata,
            "part": part,
            "created_at": now,
            "expires_at": now + self._settings.expire_seconds,
        }
        async with self._db.write() as tx:
            await tx.execute(INSERT, values)
            await note(tx, f"upload:{upload_id}")
        return await self._get(upload_id)

    async def get(self, upload_id: str, identity: Identity, road: Road) -> Upload:
        """The caller's own upload. Raises NotFound, also for one that has expired."""
        upload = await self._get(upload_id)
        if upload.owner_id != identity.user.id or upload.road != road:
            raise NotFound(what="upload")
        return upload

    async def declare(self, upload: Upload, size: int) -> Upload:
        """Tell the size of an upload that was begun without. Raises as `begin`; ChunkOutOfRange when more has
        come already.
        """
        await self._check_size(size)
        await self._intake.refuse_early(upload.owner_id, size)
        if upload.size not in (None, size) or any(last > size for _, last in upload.ranges):
            raise ChunkOutOfRange(size=upload.size or upload.offset)
        async with self._db.write() as tx:
            await tx.execute(SET_SIZE, (size, upload.id))
        return await self._get(upload.id)

    async def write(
        self,
        upload: Upload,
        offset: int,
        length: int | None,
        stream: AsyncIterator[bytes],
        *,
        as_it_comes: bool,
        check: Callable[[bytes], None] | None = None,
        verify: Callable[[], None] | None = None,
    ) -> Upload:
        """Take bytes from `offset` on; when this returns, all of them are durable.

        `length` None: as many as come. `as_it_comes`: keep what arrived when the stream breaks off, instead
        of all or nothing. `check` is given every piece, `verify` may raise before anything is kept.

        Raises ChunkOutOfRange, ChunkConflict (other bytes are there), UploadTaken (a newcomer writes here),
        FileTooLarge, DiskFull, or what the stream, `check` or `verify` raises.
        """
        limit = self._settings.max_bytes if upload.size is None else upload.size
        if offset > limit or (length is not None and offset + length > limit):
            raise ChunkOutOfRange(size=limit)
        async with self._claims.take(
            upload.id, offset, limit if length is None else offset + length
        ) as claim:
            upload = await self._get(upload.id)  # What an older request kept meanwhile.
            as_it_comes = as_it_comes and verify is None
            running = self._hashes.setdefault(upload.id, RunningHash())
            writer = PieceWriter(
                self._file(upload), upload.ranges, offset, self._settings.reserve_bytes, running
            )
            try:
                await finish(asyncio.to_thread(writer.open))
                try:
                    await self._take(
                        upload, claim, writer, stream, limit=limit, as_it_comes=as_it_comes, check=check
                    )
                except BaseException:
                    # It may have seen bytes that are not kept, and others may come to their place.
                    self._hashes.pop(upload.id, None)
                    if as_it_comes:
                        with contextlib.suppress(DiskFull, OSError):
                            await finish(self._keep(upload, writer))
                    raise
                try:
                    if verify is not None:
                        verify()
                    await finish(self._keep(upload, writer))
                except BaseException:
                    self._hashes.pop(upload.id, None)
                    raise
            finally:
                await finish(asyncio.to_thread(writer.close))
        return await self._get(upload.id)

    async def _take(
        self,
        upload: Upload,
        claim: Claim,
        writer: PieceWriter,
        stream: AsyncIterator[bytes],
        *,
        limit: int,
        as_it_comes: bool,
        check: Callable[[bytes], None] | None,
    ) -> None:
        behind, keeping, gathered = WriteBehind(), WriteBehind(), bytearray()
        arrived = synced = offset = writer.at
        try:
            while piece := await claim.next(stream):
                arrived += len(piece)
                if arrived > limit:
                    raise ChunkOutOfRange(size=limit)
                if check is not None:
                    check(piece)
                gathered += piece
                if len(gathered) >= BLOCK_BYTES:
                    offset += len(gathered)
                    block, gathered = gathered, bytearray()
                    await behind.start(writer.write, block)
                    if as_it_comes and offset - synced >= SYNC_BYTES:
                        # The disk takes its time, and the next bytes need not wait for it.
                        await behind.end()
                        await keeping.follow(self._keep(upload, writer))
                        synced = offset
        except BaseException:
            await behind.end()
            if as_it_comes:  # A link that breaks often must get on all the same.
                await finish(asyncio.to_thread(writer.write, gathered))
            raise
        else:
            await behind.start(writer.write, gathered)
            await behind.end()
        finally:
            await keeping.end()

    async def _keep(self, upload: Upload, writer: PieceWriter) -> None:
        """Acknowledge what the writer has now: bytes first, then the row. It may go on writing meanwhile."""
        reached = writer.at
        if reached == writer.first:
            return
        await asyncio.to_thread(writer.sync)
        async with self._db.write() as tx:
            row = await tx.fetch_one(GET, (upload.id,))
            if row is None:
                raise NotFound(what="upload")
            ranges = with_range(upload_of(row).ranges, writer.first, reached)
            await tx.execute(RECORD, (_encoded(ranges), self._expiry(), upload.id))

    async def complete(self, identity: Identity, upload: Upload, options: JobOptions, priority: int) -> str:
        """Make a complete upload a job; returns the job's id, the same one however often it is asked.

        Raises UploadIncomplete; HashMismatch, after which the bytes have to come again; what
        `DirectIntake.accept` raises. The upload stays as it is then.
        """
        async with self._claims.take(upload.id, 0, float("inf")):
            upload = await self._get(upload.id)
            if upload.job_id is not None:
                return upload.job_id
            if not upload.complete:
                gaps = missing(upload.ranges, upload.size or 0)
                raise UploadIncomplete(first=gaps[0][0] if gaps else upload.offset)
            running = self._hashes.pop(upload.id, None) or RunningHash()
            sha256 = await finish(asyncio.to_thread(running.of_all, self._file(upload)))
            if upload.sha256 is not None and upload.sha256 != sha256:
                async with self._db.write() as tx:
                    await tx.execute(RECORD, ("[]", self._expiry(), upload.id))
                raise HashMismatch
            received = await finish(asyncio.to_thread(self._link, upload, sha256))

            async def becomes(tx: Transaction, job: Job) -> None:
                await tx.execute(SET_JOB, (job.id, self._expiry(), upload.id))

            job = await self._intake.accept(identity, received, options, priority, also=becomes)
            await finish(asyncio.to_thread(_unlink, self._file(upload)))
            return job.id

    async def join(self, whole: Upload, parts: list[Upload]) -> Upload:
        """Fill an upload with complete ones, in order. Raises UploadIncomplete, FileTooLarge, QuotaExceeded,
        DiskFull.
        """
        if any(not part.complete for part in parts):
            raise UploadIncomplete(first=min(part.offset for part in parts if not part.complete))
        size = sum(part.offset for part in parts)
        await self._check_size(size)
        await self._intake.refuse_early(whole.owner_id, size)
        for part in parts:
            here = (await self._get(whole.id)).offset
            stream = _pieces(self._file(part))
            await self.write(whole, here, part.offset, stream, as_it_comes=False)
        return await self.declare(await self._get(whole.id), size)

    async def drop(self, upload: Upload) -> None:
        """Forget an upload and its bytes; a request that is writing to it is told to stop."""
        async with self._claims.take(upload.id, 0, float("inf")):
            async with self._db.write() as tx:
                await tx.execute(DELETE, (upload.id,))
            self._hashes.pop(upload.id, None)
            await finish(asyncio.to_thread(_unlink, self._file(upload)))

    async def settle(self, upload: Upload) -> Upload:
        """The upload once no request writes to it any more: an offset that stays true."""
        async with self._claims.take(upload.id, 0, float("inf")):
            return await self._get(upload.id)

    async def expire(self) -> int:
        """Drop what has expired and is not being written to, and files that no row names; returns how many
        rows went.
        """
        async with self._db.read() as reader:
            rows = await reader.fetch_all(EXPIRED, (self._clock(),))
        gone = [row["id"] for row in rows if row["id"] not in self._claims]
        for upload_id in gone:
            self._hashes.pop(upload_id, None)
            async with self._db.write() as tx:
                await tx.execute(DELETE, (upload_id,))
        # Names first: a file that appears after the rows were read belongs to a row that is not in them.
        names = await asyncio.to_thread(os.listdir, self._layout.partials)
        async with self._db.read() as reader:
            named = {row["id"] for row in await reader.fetch_all(ALL)}
        for name in {name for name in set(names) - named if name not in self._claims}:
            await finish(asyncio.to_thread(_unlink, self._layout.partials / name))
        return len(gone)

    async def _check_size(self, size: int) -> None:
        if size <= 0:
            raise EmptyFile
        if size > self._settings.max_bytes:
            raise FileTooLarge(limit=self._settings.max_bytes)
        free = await asyncio.to_thread(free_bytes, self._layout.partials)
        if free - size < self._settings.reserve_bytes:
            raise DiskFull

    async def _get(self, upload_id: str) -> Upload:
        async with self._db.read() as reader:
            row = await reader.fetch_one(GET, (upload_id,))
        if row is None or (row["expires_at"] < self._clock() and upload_id not in self._claims):
            raise NotFound(what="upload")
        return upload_of(row)

    def _expiry(self) -> float:
        return self._clock() + self._settings.expire_seconds

    def _file(self, upload: Upload) -> Path:
        return self._layout.partials / upload.id

    def _link(self, upload: Upload, sha256: str) -> Received:
        """A second name of the bytes for `accept`, which may discard it: the upload keeps the first one."""
        path = self._layout.incoming / f"{secrets.token_hex(16)}.part"
        with disk_errors():
            os.link(self._file(upload), path)
        return Received(path, sha256, upload.offset, upload.filename)


class Expiry:
    """Drops unfinished uploads when their time is up: the background part."""

    PERIOD_S = 600.0

    def __init__(self, partials: Partials) -> None:
        self._partials = partials

    async def run(self) -> None:
        """Never returns."""
        while True:
            if dropped := await self._partials.expire():
                log.info("uploads_expired", count=dropped)
            await asyncio.sleep(self.PERIOD_S)


def _encoded(ranges: Ranges) -> str:
    return msgspec.json.encode(ranges).decode()


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
    finally:
        file.close()
