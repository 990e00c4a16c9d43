"""Signing in at the office's provider. The browser goes there and comes back; the page only begins it."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.errors import StenoboxError
from stenobox.log import get_logger
from stenobox.web import people_shapes as shapes
from stenobox.web.auth import open_session
from stenobox.web.bodies import json_response
from stenobox.web.keys import LOGIN_LIMIT, OIDC

PLAIN = "stenobox_oidc"
SECURE = "__Host-stenobox_oidc"
COOKIE_S = 600

log = get_logger(__name__)


async def state(request: web.Request) -> web.Response:
    return json_response(shapes.OidcState(request.app[OIDC].label))


async def begin(request: web.Request) -> web.Response:
    """POST, and the page goes where the answer says: another site's page cannot begin it."""
    request.app[LOGIN_LIMIT].take(f"provider for {request.remote}")
    url, browser = await request.app[OIDC].begin()
    response = json_response(shapes.OidcBegun(url))
    response.set_cookie(
        _cookie(request),
        browser,
        max_age=COOKIE_S,
        path="/",
        secure=request.secure,
        httponly=True,
        # Not Strict: the provider's page sends the browser back.
        samesite="Lax",
    )
    return response


async def callback(request: web.Request) -> web.Response:
    """A person looks at this answer: what went wrong is told by the page, to which it leads in any case."""
    query = request.query
    browser = request.cookies.get(_cookie(request), "")
    response = web.Response(status=303, headers={hdrs.LOCATION: "/"})
    try:
        user = await request.app[OIDC].finish(
            query.get("state", ""), query.get("code", ""), browser, query.get("iss")
        )
        await open_session(request, response, user)
        request.app[LOGIN_LIMIT].give_back(f"provider for {request.remote}")
    except StenoboxError as error:
        if error.status >= 500:
            log.warning("provider_failed", code=error.code)
        response.headers[hdrs.LOCATION] = f"/?sign_in={error.code}"
    response.del_cookie(_cookie(request), path="/", secure=request.secure, httponly=True, samesite="Lax")
    return response


def _cookie(request: web.Request) -> str:
    return SECURE if request.secure else PLAIN
