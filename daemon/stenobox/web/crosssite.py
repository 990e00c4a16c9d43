"""Requests that a page of another site makes a browser send: they carry the cookie, so they are told apart
here.

Two checks, no tokens. `Sec-Fetch-Site` is set by the browser and cannot be set by a page (Fetch Metadata,
W3C); where a browser does not send it (plain HTTP off localhost) `Origin` is compared to `Host`. A request
with neither comes from no browser, and a cross-site attack needs one.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from stenobox.errors import CrossSite, InvalidRequest

SAFE_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def refuse_cross_site(request: web.Request) -> None:
    """Raises CrossSite for an unsafe method that another site's page caused."""
    if request.method in SAFE_METHODS:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        # "same-site" is refused too: another service on the same host name is not this page.
        if fetch_site not in {"same-origin", "none"}:
            raise CrossSite
        return
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return
    scheme, netloc, *_ = urlsplit(origin)
    # Whoever is on the network can serve any page under this name without encryption. The other way round is
    # a proxy that encrypts and does not say so.
    if netloc.lower() != request.host.lower() or (request.secure and scheme != "https"):
        raise CrossSite


def refuse_foreign_host(request: web.Request, names: Iterable[str]) -> None:
    """Raises InvalidRequest unless `Host` is loopback or one of `names`.

    Against DNS rebinding: a page of another site whose name is made to point to 127.0.0.1 is of the same
    origin for the browser, and only the name in `Host` tells.
    """
    if host_name(request.host) not in LOOPBACK_NAMES | {name.lower() for name in names}:
        problem = "The box does not answer under this name. Use 'localhost', or add the name to listen.names."
        raise InvalidRequest(problem=problem)


def host_name(host: str) -> str:
    """The name of `Host` without port, lower case; IPv6 addresses without brackets; "" for nonsense."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
