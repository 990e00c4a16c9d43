"""The certificate that new connections get, and the part that notices its renewal.

Connections that are open go on with what they began with. A renewed certificate that cannot be used changes
nothing: the box serves the one before, and says so in its log.
"""

from __future__ import annotations

import asyncio
import ssl

from stenobox.errors import CertificateInvalid
from stenobox.log import get_logger
from stenobox.tls.context import server_context
from stenobox.tls.pair import Pair
from stenobox.tls.places import Places

LOOK_SECONDS = 5.0
"""How often the files are looked at. A look is two calls of stat(2)."""

log = get_logger(__name__)


class ServedCertificate:
    """`pair` and `context` are None while there is no certificate: then the box speaks plain HTTP."""

    def __init__(self, places: Places) -> None:
        self.pair: Pair | None = None
        self.context: ssl.SSLContext | None = None
        self.places = places
        self._stamp: object = None

    @classmethod
    def load(cls, places: Places) -> ServedCertificate:
        """What is there at the start. Blocks. Raises CertificateInvalid."""
        served = cls(places)
        served._stamp = places.stamp()
        served._take(*_read(places))
        return served

    async def reload(self) -> None:
        """Serve what the files hold now. Raises CertificateInvalid, and then nothing has changed."""
        self._stamp = await asyncio.to_thread(self.places.stamp)
        pair, context = await asyncio.to_thread(_read, self.places)
        if pair is None or context is None:
            # A file that is gone is no reason to speak without encryption.
            return
        changed = self.pair is None or self.pair.fingerprint != pair.fingerprint
        self._take(pair, context)
        if changed:
            log.info("certificate_taken", fingerprint=pair.fingerprint, until=pair.not_after.isoformat())

    async def run(self) -> None:
        """Reload whenever the files change; never returns."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await asyncio.to_thread(self.places.stamp) != self._stamp:
                await self.try_reload()

    async def try_reload(self) -> None:
        """The same for those who cannot do anything about a fault: it is logged."""
        try:
            await self.reload()
        except CertificateInvalid as error:
            log.warning("certificate_refused", code=error.code)

    def _take(self, pair: Pair | None, context: ssl.SSLContext | None) -> None:
        self.pair, self.context = pair, context


def _read(places: Places) -> tuple[Pair | None, ssl.SSLContext | None]:
    pair = places.read()
    return pair, None if pair is None else server_context(pair)
