"""The versions of a transcript: listed, read, compared, added, gone back to."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stenobox.audit import Action, record
from stenobox.db import Database, Transaction
from stenobox.editing import difference, lines
from stenobox.editing.difference import Difference
from stenobox.editing.lines import Kept, Line
from stenobox.errors import ChangedMeanwhile, TooManyVersions
from stenobox.events import EventHub
from stenobox.search import index
from stenobox.sharing.rights import readers_of
from stenobox.transcripts import Transcripts, visible
from stenobox.types import Event, Identity, Right, Transcript

MAX_VERSIONS = 1_000
"""Of one transcript."""

LIST = """
SELECT number, author, created_at, restored_from FROM transcript_versions WHERE job_id = ? ORDER BY number
"""

ADD = """
INSERT INTO transcript_versions (job_id, number, author, created_at, restored_from, lines, text)
VALUES (:job_id, :number, :author, :now, :restored_from, :lines, :text)
"""


@dataclass(frozen=True, slots=True)
class Version:
    """Who made a version and when (Unix seconds). `author` None is the model, whose version is number 1."""

    number: int
    author: str | None
    created_at: float
    restored_from: int | None = None


class Versions:
    """Adds to what `Transcripts` reads."""

    def __init__(
        self,
        db: Database,
        transcripts: Transcripts,
        events: EventHub,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._transcripts = transcripts
        self._events = events
        self._clock = clock

    async def list(self, job_id: str, identity: Identity) -> list[Version]:
        """All versions, the model's first; the last one is current. Raises NotFound, StateConflict."""
        async with self._db.read() as reader:
            first = await visible(reader, job_id, identity)
            rows = await reader.fetch_all(LIST, (job_id,))
        return [Version(1, None, first["created_at"]), *(Version(**dict(row)) for row in rows)]

    async def current(self, job_id: str, identity: Identity, *, expected: int | None = None) -> int:
        """The number of the current version, for whoever may make the next. Raises NotFound, NotYours,
        StateConflict; ChangedMeanwhile when it is not the one that is expected.
        """
        async with self._db.read() as reader:
            number = int((await visible(reader, job_id, identity, Right.EDIT))["version"])
        if expected is not None and expected != number:
            raise ChangedMeanwhile
        return number

    async def get(self, job_id: str, number: int, identity: Identity) -> tuple[Version, Transcript]:
        """One version. Raises NotFound also when there is none of that number, StateConflict."""
        transcript = await self._transcripts.get(job_id, identity, version=number)
        found = next(each for each in await self.list(job_id, identity) if each.number == number)
        return found, transcript

    async def compare(self, job_id: str, old: int, new: int, identity: Identity) -> Difference:
        """What makes version `new` of version `old`. Raises NotFound, StateConflict."""
        before = await self._transcripts.get(job_id, identity, version=old)
        after = await self._transcripts.get(job_id, identity, version=new)
        return await asyncio.to_thread(difference.compare, before.segments, after.segments)

    async def add(
        self, job_id: str, identity: Identity, corrected: Sequence[Line], *, expected: int | None = None
    ) -> Transcript:
        """Make these lines the current version; with `expected`, only if that is the one they were made of.
        Lines that say what the current version says already make none.

        Raises NotFound, NotYours, StateConflict, InvalidRequest, ChangedMeanwhile, TooManyVersions.
        """
        current = await self._to_change(job_id, identity, expected)
        first = current.version == 1
        original = current if first else await self._transcripts.get(job_id, identity, version=1)
        good = await asyncio.to_thread(lines.checked, corrected, lines.latest_end(original))
        return await self._make(identity, current, good)

    async def restore(
        self, job_id: str, number: int, identity: Identity, *, expected: int | None = None
    ) -> Transcript:
        """Make what version `number` says the current version once more, as a version of its own.

        Raises NotFound, NotYours, StateConflict, ChangedMeanwhile, TooManyVersions.
        """
        current = await self._to_change(job_id, identity, expected)
        wanted = await self._transcripts.get(job_id, identity, version=number)
        old = await asyncio.to_thread(lines.of_transcript, wanted)
        return await self._make(identity, current, old, restored_from=number)

    async def _to_change(self, job_id: str, identity: Identity, expected: int | None) -> Transcript:
        """The current version, of which somebody makes the next. Raises as `current`."""
        await self.current(job_id, identity)
        found = await self._transcripts.get(job_id, identity)
        # Of what was read, and not of what was there a moment before.
        if expected is not None and expected != found.version:
            raise ChangedMeanwhile
        return found

    async def _make(
        self,
        identity: Identity,
        current: Transcript,
        wanted: Sequence[Line],
        *,
        restored_from: int | None = None,
    ) -> Transcript:
        if await asyncio.to_thread(lines.same, wanted, current):
            return current
        if current.version >= MAX_VERSIONS:
            raise TooManyVersions(limit=MAX_VERSIONS)
        number = current.version + 1
        kept = await asyncio.to_thread(lines.keep, wanted)
        async with self._db.write() as tx:
            row = await visible(tx, current.job_id, identity, Right.EDIT)
            # Between reading and writing somebody else may have been quicker: their text is not overwritten.
            if row["version"] != current.version:
                raise ChangedMeanwhile
            await index.prepare(tx, current.job_id, number, [line.text for line in wanted])
            await self._insert(tx, current, identity, kept, restored_from)
            await record(tx, Action.TRANSCRIPT_CORRECTED, f"job:{current.job_id}", version=number)
            await index.tidy(tx, current.job_id, number)
            told = {"job_id": current.job_id, "version": number, "author": identity.user.name}
            readers = await readers_of(tx, row["recording_id"])
            event = Event("transcript", row["owner_id"], told, readers)
            tx.after_commit(functools.partial(self._events.publish, event))
        return await self._transcripts.get(current.job_id, identity, version=number)

    async def _insert(
        self, tx: Transaction, current: Transcript, identity: Identity, kept: Kept, restored_from: int | None
    ) -> None:
        await tx.execute(
            ADD,
            {
                "job_id": current.job_id,
                "number": current.version + 1,
                "author": identity.user.name,
                "now": self._clock(),
                "restored_from": restored_from,
                "lines": kept.lines,
                "text": kept.text,
            },
        )
