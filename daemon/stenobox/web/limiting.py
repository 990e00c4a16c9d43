"""How much one side may ask for: token buckets for each account and each address (OWASP API4:2023).

Callers on the box itself are not counted: who has the machine needs no flood. A proxy on it is listed in
`listen.trusted_proxies`, and then the clients behind it are.
"""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.types import Identity
from stenobox.web.keys import CLIENT, LIMITS
from stenobox.web.rules import Route


def count_address(request: web.Request, rule: Route | None) -> None:
    """Before anything is looked up for the request. Raises TooManyRequests."""
    client = request[CLIENT]
    if not client.is_here:
        request.app[LIMITS].count(f"address {client.side}", upload=begins_upload(rule))


def count_account(request: web.Request, rule: Route | None, identity: Identity | None) -> None:
    """Once it is known who calls. Raises TooManyRequests."""
    if identity is not None and not request[CLIENT].is_here:
        request.app[LIMITS].count(f"account {identity.user.id}", upload=begins_upload(rule))


def begins_upload(rule: Route | None) -> bool:
    """A request that makes the box take in a recording; further pieces of one are no new uploads."""
    if rule is None or rule.method != hdrs.METH_POST:
        return False
    return rule.path == "/api/uploads/init" or (rule.invites_body and "{" not in rule.path)
