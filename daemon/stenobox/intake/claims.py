"""Who may write to an upload now. The newest request wins: an older one is most often that of a connection
which its client has given up.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from stenobox.errors import UploadTaken

__all__ = ["Claim", "Claims"]


@dataclass(eq=False, slots=True)
class Claim:
    """A request that writes [first, last) of an upload, and the read that it waits for."""

    first: int
    last: float
    lost: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Timeout | None = None

    def lose(self) -> None:
        self.lost = True
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    async def next(self, stream: AsyncIterator[bytes]) -> bytes:
        """The next bytes, b"" at the end. Raises UploadTaken when a newcomer has the upload."""
        if self.lost:
            raise UploadTaken
        # A timeout that only `lose` lets run out: it costs less than a task for every piece.
        try:
            async with asyncio.timeout(None) as self._reading:
                return await anext(stream, b"")
        except TimeoutError:
            if self.lost:
                raise UploadTaken from None
            raise
        finally:
            self._reading = None


class Claims:
    """The claims on all uploads."""

    def __init__(self) -> None:
        self._of: dict[str, list[Claim]] = {}

    def __contains__(self, upload_id: object) -> bool:
        return upload_id in self._of

    @contextlib.asynccontextmanager
    async def take(self, upload_id: str, first: int, last: float) -> AsyncIterator[Claim]:
        """Make older requests for bytes in [first, last) let go, and wait until they have."""
        claim = Claim(first, last)
        claims = self._of.setdefault(upload_id, [])
        older = [other for other in claims if other.first < last and first < other.last]
        claims.append(claim)
        try:
            for other in older:
                other.lose()
            for other in older:
                await other.over.wait()
            yield claim
        finally:
            claim.over.set()
            claims.remove(claim)
            if not claims:
                del self._of[upload_id]
