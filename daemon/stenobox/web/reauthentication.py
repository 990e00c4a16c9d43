"""The password once more, before what would let a finder of an open page keep the account."""

from __future__ import annotations

from aiohttp import web

from stenobox.web.keys import LOGIN_LIMIT, USERS, identity_of


async def confirm_password(request: web.Request, password: str) -> None:
    """Raises WrongCredentials unless it is the caller's, RateLimited after too many that were not."""
    user = identity_of(request).user
    key = f"password of {user.id}"
    request.app[LOGIN_LIMIT].take(key)
    await request.app[USERS].check_password(user.id, password)
    request.app[LOGIN_LIMIT].give_back(key)
