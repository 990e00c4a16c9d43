"""The password once more, before what would let a finder of an open page keep the account."""

from __future__ import annotations

from aiohttp import web

from stenobox.errors import RateLimited, WrongCredentials
from stenobox.web.keys import LOGIN_FAILURES, LOGIN_LIMIT, USERS, identity_of


async def confirm_password(request: web.Request, password: str) -> None:
    """Raises WrongCredentials unless it is the caller's, RateLimited after too many that were not."""
    user = identity_of(request).user
    key = f"password of {user.id}"
    try:
        request.app[LOGIN_LIMIT].take(key)
        await request.app[USERS].check_password(user.id, password)
    except (RateLimited, WrongCredentials) as error:
        await request.app[LOGIN_FAILURES].failed(error.code, user.name)
        raise
    request.app[LOGIN_LIMIT].give_back(key)
