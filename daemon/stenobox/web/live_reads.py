"""Tells the audit trail of transcripts that somebody reads while they are made."""

from __future__ import annotations

import asyncio

from stenobox.audit import Reads
from stenobox.errors import StenoboxError
from stenobox.log import get_logger
from stenobox.shielding import finish
from stenobox.types import Event, Identity

log = get_logger(__name__)


class LiveReads:
    """For one stream of events. `saw` never waits: a transaction per line would hold the stream up, so the
    rows are written beside it, as few as `Reads` wants.
    """

    def __init__(self, reads: Reads, identity: Identity) -> None:
        self._reads = reads
        self._identity = identity
        self._owners: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def saw(self, event: Event) -> None:
        """Text of somebody else is on its way to the reader."""
        if event.kind != "segments" or event.owner_id == self._identity.user.id:
            return
        self._owners[f"job:{event.data['job_id']}"] = event.owner_id
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    async def close(self) -> None:
        """What was read is recorded, also when the reader has gone."""
        if self._task is not None:
            await finish(self._task)

    async def _write(self) -> None:
        while self._owners:
            owners, self._owners = self._owners, {}
            try:
                await self._reads.note_all(self._identity, "transcript", owners, download=False)
            except StenoboxError as error:
                # The next line of the same transcript tries again.
                log.warning("read_not_recorded", code=error.code)
