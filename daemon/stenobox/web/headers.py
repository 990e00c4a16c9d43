"""Headers that every answer carries, whatever made it.

Sources: OWASP HTTP Headers Cheat Sheet; CSP Level 3; Fetch (Cross-Origin-Resource-Policy).
"""

from __future__ import annotations

from aiohttp import hdrs, web

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    # The page builds nodes and never parses strings into markup, so no policy is needed for any.
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""For bytes that a user sent: even if a browser took them for a page, nothing in it would run."""

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Whoever puts the link to a recording on some page does not put the recording into a search engine.
    "X-Robots-Tag": "noindex, nofollow",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: sets what the handler did not set itself, on streams too."""
    add_headers(response)


def add_headers(response: web.StreamResponse) -> None:
    """The same for answers that no application prepares."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    # Answers hold transcripts; none may stay in a cache on the way. Static files set their own.
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers[hdrs.SERVER] = "stenobox"
