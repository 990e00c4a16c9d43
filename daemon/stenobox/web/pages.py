"""The page itself: `/`, `/setup`, and its files under `/static/`."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.errors import NotFound
from stenobox.web.keys import SITE
from stenobox.web.site import INDEX


async def index(request: web.Request) -> web.StreamResponse:
    """One document for all views; which one is shown is decided in the browser."""
    return _serve(request, INDEX)


async def static(request: web.Request) -> web.StreamResponse:
    return _serve(request, request.match_info["name"])


async def favicon(request: web.Request) -> web.StreamResponse:
    return _serve(request, "favicon.svg")


def _serve(request: web.Request, name: str) -> web.Response:
    asset = request.app[SITE].assets.get(name)
    if asset is None:
        raise NotFound(what="file")
    # no-cache: kept, but asked for each time, so that an update of the box is an update of the page.
    headers = {hdrs.ETAG: asset.etag, hdrs.CACHE_CONTROL: "no-cache"}
    known = request.if_none_match or ()
    if any(f'"{etag.value}"' == asset.etag or etag.value == "*" for etag in known):
        return web.Response(status=304, headers=headers)
    headers[hdrs.CONTENT_TYPE] = asset.content_type
    return web.Response(body=asset.body, headers=headers)
