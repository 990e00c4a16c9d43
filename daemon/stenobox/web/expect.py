"""`Expect: 100-continue` (RFC 9110, section 10.1.1): a body is invited only once its sender may send it.

The framework would invite it before anybody looked at who is calling.
"""

from __future__ import annotations

from aiohttp import hdrs, web

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

INVITED = web.RequestKey("invited", bool)
"""Set once a client that waits for it was told to send the body."""


async def do_not_invite(_request: web.Request) -> None:
    """Replaces the framework's handler of the header."""


def invite_body(request: web.Request) -> None:
    """Send `100 Continue` to a client that waits for it. Raises 417 for any other expectation."""
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None:
        return
    if expectation.lower() != "100-continue":
        raise web.HTTPExpectationFailed
    request[INVITED] = True
    if request.transport is not None:
        request.transport.write(CONTINUE)
