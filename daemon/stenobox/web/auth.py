"""Signing in and out, and the set-up link."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.audit import Actor, acting
from stenobox.errors import RateLimited, SetupLinkInvalid, WrongCode, WrongCredentials
from stenobox.types import Identity, User
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.browsers import browser_of
from stenobox.web.cookies import clear_session, session_token, set_session
from stenobox.web.keys import (
    CLIENT,
    IDENTITY,
    LOGIN_FAILURES,
    LOGIN_LIMIT,
    QUOTAS,
    SECOND_FACTORS,
    SESSIONS,
    SETTINGS,
    SETUP,
    STREAMS,
    USERS,
    identity_of,
)
from stenobox.web.reauthentication import confirm_password
from stenobox.web.schemas import Login, PasswordChange, Setup


async def login(request: web.Request) -> web.Response:
    body = await read_json(request, Login)
    # Both, so that neither one address nor one name can be used for guessing.
    keys = (f"address {request[CLIENT].side}", f"name {body.name.casefold()[:64]}")
    try:
        request.app[LOGIN_LIMIT].take(*keys)
        user = await request.app[USERS].verify(body.name, body.password)
    except (RateLimited, WrongCredentials) as error:
        await request.app[LOGIN_FAILURES].failed(error.code, body.name)
        raise
    request.app[LOGIN_LIMIT].give_back(*keys)
    try:
        await request.app[SECOND_FACTORS].check(user.id, body.code)
    except (RateLimited, WrongCode) as error:
        await request.app[LOGIN_FAILURES].failed(error.code, user.name)
        raise
    return await _signed_in(request, user, 200)


async def logout(request: web.Request) -> web.Response:
    token = session_token(request)
    if token is not None:
        await request.app[SESSIONS].revoke(token)
    identity = request.get(IDENTITY)
    if identity is not None:
        # Of all sessions: which stream belongs to which is not kept, and a page connects again by itself.
        request.app[STREAMS].end_of(identity.user.id)
    response = web.Response(status=204)
    clear_session(request, response)
    return response


async def me(request: web.Request) -> web.Response:
    user = identity_of(request).user
    use = await request.app[QUOTAS].use(user.id)
    return json_response(render.own_account(user, use, request.app[SETTINGS].library.trash_days))


async def change_password(request: web.Request) -> web.Response:
    """Ends the user's other sessions: whoever changes a password may want somebody out."""
    body = await read_json(request, PasswordChange)
    user = identity_of(request).user
    await confirm_password(request, body.old)
    await request.app[USERS].set_password(user.id, body.new)
    await request.app[SESSIONS].revoke_all(user.id, keep=session_token(request))
    request.app[STREAMS].end_of(user.id)
    return web.Response(status=204)


async def setup_state(request: web.Request) -> web.Response:
    client = request[CLIENT]
    encrypted = client.secure or client.is_here
    return json_response(answers.SetupState(await request.app[SETUP].needed(), encrypted))


async def setup(request: web.Request) -> web.Response:
    body = await read_json(request, Setup)
    try:
        request.app[LOGIN_LIMIT].take(f"address {request[CLIENT].side}")
        user = await request.app[SETUP].redeem(body.token, body.name, body.password)
    except (RateLimited, SetupLinkInvalid) as error:
        await request.app[LOGIN_FAILURES].failed(error.code)
        raise
    return await _signed_in(request, user, 201)


async def _signed_in(request: web.Request, user: User, status: int) -> web.Response:
    response = json_response(render.account(user), status)
    await open_session(request, response, user)
    return response


async def open_session(request: web.Request, response: web.Response, user: User) -> None:
    """A new session in place of the one that the browser had; the cookie goes with `response`."""
    previous = session_token(request)
    sessions = request.app[SESSIONS]
    if previous is not None:
        await sessions.revoke(previous)
    browser = browser_of(request.headers.get(hdrs.USER_AGENT))
    with acting(Actor.of(Identity(user, "session"), request.remote or None)):
        token = await sessions.create(user.id, request.remote or "", browser)
    set_session(request, response, token, sessions.max_seconds)
