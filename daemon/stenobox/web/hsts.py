"""`Strict-Transport-Security` (RFC 6797).

Sent only over a connection that the box itself encrypts with a certificate that somebody else signed. A
browser ignores the header where it distrusts the certificate (section 8.1), and where a self-signed one was
made trusted it would leave people no way in once that one is replaced (sections 8.4 and 11.3). Behind a proxy
the certificate is the proxy's, and so is the decision.
"""

from __future__ import annotations

from aiohttp import web

from stenobox.web.keys import SETTINGS, TLS
from stenobox.web.peer import is_encrypted


async def add_hsts(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`. Without `includeSubDomains`: the box does not own its domain."""
    seconds = request.app[SETTINGS].tls.hsts_seconds
    pair = request.app[TLS].pair
    if seconds and is_encrypted(request) and pair is not None and not pair.is_self_signed:
        response.headers["Strict-Transport-Security"] = f"max-age={seconds}"
