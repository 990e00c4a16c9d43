"""Who may call what. A route that is not in the table of `routes.py` is refused to everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from aiohttp import web

from stenobox.errors import Forbidden, NotByKey, NotSignedIn, ScopeMissing
from stenobox.types import Identity, Role, Scope

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Who(Enum):
    """`WRITER` is a user or an admin on the network: the operator's socket has no account that could own a
    job. `PERSON` is whoever has a session: what is a person's own affair, keys have no part in.
    """

    ANYONE = "anyone"
    SIGNED_IN = "signed in"
    PERSON = "signed in, not by key"
    WRITER = "user or admin"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the table.

    `scope`: what an API key needs; without one no key is let through.
    `before_setup`: also while the box has no user. `stream`: the answer does not end, so HEAD is not
    answered. `invites_body`: the handler looks at the request before it sends `100 Continue`. `idempotent`:
    it takes an Idempotency-Key; see `repeats.py`.
    """

    method: str
    path: str
    handler: Handler
    who: Who
    scope: Scope | None = None
    before_setup: bool = False
    stream: bool = False
    invites_body: bool = False
    idempotent: bool = False


def allow(who: Who, scope: Scope | None, identity: Identity | None) -> None:
    """Raises NotSignedIn, Forbidden, ScopeMissing or NotByKey."""
    if who is Who.ANYONE:
        return
    if identity is None:
        raise NotSignedIn
    role = identity.user.role
    allowed = {
        Who.SIGNED_IN: True,
        Who.PERSON: identity.via != "local",
        Who.WRITER: role in (Role.ADMIN, Role.USER) and identity.via != "local",
        Who.ADMIN: role is Role.ADMIN,
    }
    if not allowed[who]:
        raise Forbidden(role=role.value)
    check_scope(scope, identity)


def check_scope(scope: Scope | None, identity: Identity) -> None:
    """Raises ScopeMissing or NotByKey, for keys alone."""
    if identity.scopes is None or scope in identity.scopes:
        return
    if scope is None:
        raise NotByKey
    raise ScopeMissing(scope=scope.value)
