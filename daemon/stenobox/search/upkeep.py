"""What is erased leaves the index too.

FTS5 does not remove the words of a row at once: it notes that the row is gone, and drops its words when it
merges the parts of the index next. A transcript that was erased would leave its words on the disk until then.
So the parts are merged into one after something was erased, at most once a day since that writes the index
anew, in steps that are short enough for other writers between them (FTS5, "The 'merge' Command").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from stenobox.config import DAY
from stenobox.db import Database
from stenobox.errors import Unavailable
from stenobox.log import get_logger

log = get_logger(__name__)

PAGES: Final = 500
"""Of 4 KiB, written in one step."""

PENDING = "SELECT erased FROM search_upkeep WHERE erased > 0 AND merged_at <= ?"

MERGE = "INSERT INTO search_index (search_index, rank) VALUES ('merge', ?)"

CHANGES = "SELECT total_changes() AS n"

MERGED = "UPDATE search_upkeep SET erased = erased - ?, merged_at = ?"


class Upkeep:
    """A background part."""

    PERIOD_S = 3_600.0

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    async def run(self) -> None:
        """Never returns. A full disk puts it off to the next hour."""
        while True:
            try:
                if steps := await self.apply():
                    log.info("index_merged", steps=steps)
            except Unavailable as error:
                log.warning("index_merge_put_off", code=error.code)
            await asyncio.sleep(self.PERIOD_S)

    async def apply(self) -> int:
        """Merge if something was erased and the last time is a day ago; returns in how many steps. Raises
        DiskFull; what was merged by then stays so.
        """
        async with self._db.read() as reader:
            row = await reader.fetch_one(PENDING, (self._clock() - DAY,))
        if row is None:
            return 0
        # A negative number begins with all parts, whatever their sizes; positive ones go on with that.
        steps, pages, more = 0, -PAGES, True
        while more:
            async with self._db.write() as tx:
                before = await tx.fetch_one(CHANGES)
                await tx.execute(MERGE, (pages,))
                after = await tx.fetch_one(CHANGES)
                # As FTS5 says it: a step that changed less than two rows found nothing to do.
                more = before is not None and after is not None and after["n"] - before["n"] >= 2
                if not more:
                    await tx.execute(MERGED, (row["erased"], self._clock()))
            steps, pages = steps + 1, PAGES
        return steps
