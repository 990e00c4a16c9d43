"""What a handler of a route with `idempotent` makes, it makes by `once`."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec
from aiohttp import web

from stenobox.errors import InvalidRequest
from stenobox.idempotency import Again, Make, Named, fingerprint, key_of, unnoted
from stenobox.web.keys import ONCE, USERS, identity_of

T = TypeVar("T")

IDEMPOTENCY_KEY: Final = "Idempotency-Key"


async def once(
    request: web.Request, said: object, make: Make[T], again: Again[T], *, password: str = ""
) -> T:
    """What `make` returns; for a request that has made it before, `again` with its id.

    `said` is the body as it was read, without a password: that goes beside it, since what is kept of the
    request must not let anybody guess it.

    Raises InvalidRequest for a key that is none, KeyReused, NotFound when what was made is out of sight, and
    what `make` raises.
    """
    key, identity = key_of(request.headers.get(IDEMPOTENCY_KEY)), identity_of(request)
    if key is None:
        return await make(unnoted)
    if identity.via == "local":
        raise InvalidRequest(problem="An Idempotency-Key belongs to an account, and the operator has none.")
    words = [request.method, request.path, msgspec.json.encode(said).decode()]
    if password:
        words.append(await request.app[USERS].stretched(password, f"{identity.user.id} {key}"))
    return await request.app[ONCE].do(Named(identity.user.id, key, fingerprint(*words)), make, again)
