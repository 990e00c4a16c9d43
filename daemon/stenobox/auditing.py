"""The background part of the audit trail: keeps its head outside the table, and lets old rows go.

The head goes into `audit.head` and into the log, where it is as safe as the place that logs are kept in.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
from pathlib import Path

import stenobox
from stenobox.audit import Action, AuditRetention, Filter, Head, KeyRefusals, LoginFailures, Trail
from stenobox.audit.verifying import read_head
from stenobox.errors import DataError, Unavailable
from stenobox.files import write_durable
from stenobox.log import get_logger
from stenobox.shielding import finish

log = get_logger(__name__)


class AuditKeeper:
    """Once a minute. `settings` is their text as they take effect; only its digest is kept."""

    PERIOD_S = 60.0

    def __init__(
        self,
        trail: Trail,
        failures: LoginFailures,
        refusals: KeyRefusals,
        retention: AuditRetention,
        *,
        head_file: Path,
        settings: str,
    ) -> None:
        self._trail = trail
        self._counted = (failures, refusals)
        self._retention = retention
        self._head_file = head_file
        self._settings = hashlib.sha256(settings.encode()).hexdigest()
        self._kept: Head | None = None

    async def started(self) -> None:
        """Before anything else is recorded: compare with the head that was kept, then record the start.

        Rows that are missing stop nothing, since the box has to work; they are told in the trail itself.
        """
        problem = await self._compare()
        if problem is not None:
            await self._trail.tell(Action.AUDIT_BROKEN, problem=problem)
        before = (await self._trail.page(Filter(action=Action.BOX_STARTED), 1)).rows
        await self._trail.tell(
            Action.BOX_STARTED,
            version=stenobox.__version__,
            settings=self._settings,
            changed=bool(before) and self._settings not in before[0].details,
        )
        await self._keep()

    async def run(self) -> None:
        """Never returns. What the disk refuses is tried again a minute later."""
        try:
            while True:
                await asyncio.sleep(self.PERIOD_S)
                await self._round()
        finally:
            await finish(self._round())

    async def _round(self) -> None:
        try:
            for counted in self._counted:
                await counted.flush()
            if removed := await self._retention.apply():
                log.info("audit_pruned", rows=removed)
            await self._keep()
        except Unavailable as error:
            log.warning("audit_put_off", code=error.code)
        except OSError as error:
            log.error("audit_put_off", code=errno.errorcode.get(error.errno or 0, "OSError"))

    async def _keep(self) -> None:
        head = await self._trail.head()
        if head == self._kept:
            return
        await asyncio.to_thread(write_durable, self._head_file, f"{head}\n".encode())
        log.info("audit_head", head=str(head))
        self._kept = head

    async def _compare(self) -> str | None:
        """A code for what is wrong with the trail since it was last kept; None when nothing is."""
        try:
            kept = await asyncio.to_thread(read_head, self._head_file)
        except DataError:
            log.error("audit_head_unreadable")
            return "head_unreadable"
        if kept is None or kept.seq == 0:
            return None
        if (await self._trail.head()).seq < kept.seq:
            log.error("audit_rows_missing", kept=str(kept))
            return "rows_missing"
        found = await self._trail.row(kept.seq)
        # A row that is not there any more went by its age: the last one is higher.
        if found is None or found.hash == kept.hash:
            return None
        log.error("audit_rows_changed", kept=str(kept))
        return "rows_changed"
