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
    reading: asyncio.Task[bytes] | None = None
    lost: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self) -> None:
        self.lost = True
        if self.reading is not None:
            self.reading.cancel()

    async def next(self, stream: AsyncIterator[bytes]) -> bytes:
        """The next bytes, b"" at the end. Raises UploadTaken when a newcomer has the upload."""
        if self.lost:
            raise UploadTaken
        self.reading = asyncio.ensure_future(_next(stream))
        try:
            return await self.reading
        except asyncio.CancelledError:
            if self.lost:
                raise UploadTaken from None
            self.reading.cancel()
            raise
        finally:
            self.reading = None


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    return await anext(stream, b"")


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
