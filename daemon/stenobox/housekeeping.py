"""The background part that removes what is over: once at the start, then every hour."""

from __future__ import annotations

import asyncio
import errno

from stenobox.errors import Unavailable
from stenobox.library import Retention
from stenobox.log import get_logger

log = get_logger(__name__)


class Housekeeping:
    """Applies the retention."""

    PERIOD_S = 3_600.0

    def __init__(self, retention: Retention) -> None:
        self._retention = retention

    async def run(self) -> None:
        """Never returns. What the disk refuses is put off to the next hour: a file that cannot be removed
        must not take the box down with it.
        """
        while True:
            try:
                if cleared := await self._retention.apply():
                    log.info(
                        "cleared",
                        recordings=cleared.recordings, audio=cleared.audio, trash=cleared.trash,
                    )  # fmt: skip
            except Unavailable as error:
                log.warning("clearing_put_off", code=error.code)
            except OSError as error:
                log.error("clearing_put_off", code=errno.errorcode.get(error.errno or 0, "OSError"))
            await asyncio.sleep(self.PERIOD_S)
