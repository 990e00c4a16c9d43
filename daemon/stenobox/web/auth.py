"""Signing in and out, and the set-up link."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.types import User
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.browsers import browser_of
from stenobox.web.cookies import clear_session, session_token, set_session
from stenobox.web.keys import (
    CLIENT,
    IDENTITY,
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
    keys = (f"address {request.remote}", f"name {body.name.casefold()[:64]}")
    request.app[LOGIN_LIMIT].take(*keys)
    user = await request.app[USERS].verify(body.name, body.password)
    request.app[LOGIN_LIMIT].give_back(*keys)
    await request.app[SECOND_FACTORS].check(user.id, body.code)
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
    request.app[LOGIN_LIMIT].take(f"address {request.remote}")
    user = await request.app[SETUP].redeem(body.token, body.name, body.password)
    return await _signed_in(request, user, 201)


async def _signed_in(request: web.Request, user: User, status: int) -> web.Response:
    previous = session_token(request)
    sessions = request.app[SESSIONS]
    if previous is not None:
        await sessions.revoke(previous)
    browser = browser_of(request.headers.get(hdrs.USER_AGENT))
    token = await sessions.create(user.id, request.remote or "", browser)
    response = json_response(render.account(user), status)
    set_session(request, response, token, sessions.max_seconds)
    return response
