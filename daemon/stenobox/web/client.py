"""Who is at the other end, when a reverse proxy may stand between.

A proxy's word is taken only when the connection comes from an address that the settings list. Of a chain the
right-most entry that is no such proxy is the client: all further left was written by the client itself. One
family of headers is read, the configured one, since a proxy that writes one hands through what a client put
into the other.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from aiohttp import hdrs, web

from stenobox.networks import Address, Client, Network, address_of
from stenobox.web.keys import CLIENT, PROXIES, REQUEST_ID, SETTINGS
from stenobox.web.peer import is_control, is_encrypted
from stenobox.web.problems import Problem, render
from stenobox.web.rules import Handler

MAX_HOPS: Final = 16
"""No chain of proxies is longer; more entries are somebody's attempt at something."""

_HOST: Final = re.compile(r"[A-Za-z0-9._:\[\]-]{1,255}")
# RFC 7239, section 4, with values that are tokens or quoted strings.
_PAIR: Final = re.compile(r'\s*(?P<name>[A-Za-z]+)\s*=\s*(?:"(?P<quoted>[^"\\]*)"|(?P<token>[^\s";,]+))\s*')


@web.middleware
async def see_client(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: what is behind it finds the client in `remote`, `scheme`, `secure` and `host`.

    What both this request and the one for those behind have to know, such as its id, is set here.
    """
    request[REQUEST_ID] = secrets.token_hex(8)
    hosts = request.headers.getall(hdrs.HOST, [])
    if len(hosts) > 1 or (not hosts and request.version >= (1, 1)):
        # RFC 9112, section 3.2.
        problem = Problem(400, "invalid_request", "Bad Request", "A request names one Host.")
        return render(problem, request[REQUEST_ID])
    client = client_of(request, request.app[PROXIES], request.app[SETTINGS].listen.proxy_header)
    request[CLIENT] = client
    return await handler(
        request.clone(
            scheme="https" if client.secure else "http",
            host=client.host,
            remote="local" if client.address is None else str(client.address),
        )
    )


def client_of(request: web.BaseRequest, proxies: tuple[Network, ...], header: str) -> Client:
    """The client by the connection, or by what trusted proxies say of it."""
    secure = is_encrypted(request)
    # Never `request.host` without the header: it would ask the DNS for this machine's name.
    host = request.headers.get(hdrs.HOST, "")
    if is_control(request):
        return Client(None, secure, host)
    peer = address_of(_peer(request))
    if peer is None or not _trusted(peer, proxies):
        return Client(peer, secure, host)
    read = _by_forwarded if header == "forwarded" else _by_x_forwarded
    return read(request, Client(peer, secure, host, proxied=True), proxies)


def _by_x_forwarded(request: web.BaseRequest, near: Client, proxies: tuple[Network, ...]) -> Client:
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    address = near.address
    for hop in reversed(hops[-MAX_HOPS:]):
        found = _node(hop)
        if found is None:
            break  # nonsense: who sent it is all that is known
        address = found
        if not _trusted(found, proxies):
            break
    # The nearest proxy's word, which is the last one.
    scheme = ",".join(request.headers.getall("X-Forwarded-Proto", [])).rpartition(",")[2].strip().lower()
    host = ",".join(request.headers.getall("X-Forwarded-Host", [])).rpartition(",")[2].strip()
    return _seen(near, address, scheme, host)


def _by_forwarded(request: web.BaseRequest, near: Client, proxies: tuple[Network, ...]) -> Client:
    address, scheme, host = near.address, "", ""
    elements = ",".join(request.headers.getall(hdrs.FORWARDED, [])).split(",")
    for element in reversed(elements[-MAX_HOPS:]):
        pairs = _pairs(element)
        found = _node(pairs.get("for", ""))
        if found is None:
            break
        address, scheme, host = found, pairs.get("proto", "").lower(), pairs.get("host", "")
        if not _trusted(found, proxies):
            break
    return _seen(near, address, scheme, host)


def _seen(near: Client, address: Address | None, scheme: str, host: str) -> Client:
    secure = scheme == "https" if scheme in ("http", "https") else near.secure
    return Client(address, secure, host if _HOST.fullmatch(host) else near.host, proxied=True)


def _pairs(element: str) -> dict[str, str]:
    """Of one element of `Forwarded`; nothing of one that is not well-formed."""
    found: dict[str, str] = {}
    for part in element.split(";"):
        match = _PAIR.fullmatch(part)
        if match is None:
            return {}
        found[match["name"].lower()] = match["quoted"] if match["quoted"] is not None else match["token"]
    return found


def _node(text: str) -> Address | None:
    """An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`."""
    text = text.strip()
    if text.startswith("["):
        return address_of(text[1:].partition("]")[0])
    if text.count(":") == 1:
        text = text.partition(":")[0]
    return address_of(text)


def _trusted(address: Address, proxies: tuple[Network, ...]) -> bool:
    return any(address in network for network in proxies if network.version == address.version)


def _peer(request: web.BaseRequest) -> str | None:
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else None
