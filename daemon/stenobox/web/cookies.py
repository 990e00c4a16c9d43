"""The session cookie.

Over HTTPS it has the prefix `__Host-` (RFC 6265bis, section 4.1.3.2), which a browser accepts only with
Secure, Path=/ and no Domain: no other host of the network can set or read it. Over plain HTTP on the box
itself that prefix is not possible.
"""

from __future__ import annotations

from aiohttp import web

PLAIN = "stenobox_session"
SECURE = "__Host-stenobox_session"


def session_token(request: web.Request) -> str | None:
    """The token that the browser sent, if any."""
    return request.cookies.get(SECURE if request.secure else PLAIN)


def set_session(request: web.Request, response: web.Response, token: str, max_age: float) -> None:
    """HttpOnly: no script reads it. SameSite=Lax: other sites' requests that change something come without
    it.
    """
    response.set_cookie(
        SECURE if request.secure else PLAIN,
        token,
        max_age=int(max_age),
        path="/",
        secure=request.secure,
        httponly=True,
        samesite="Lax",
    )


def clear_session(request: web.Request, response: web.Response) -> None:
    response.del_cookie(
        SECURE if request.secure else PLAIN, path="/", secure=request.secure, httponly=True, samesite="Lax"
    )
