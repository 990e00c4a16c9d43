"""The second factor: switching it on with an authenticator app, and off again."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stenobox.moments import maybe
from stenobox.web import people_shapes as shapes
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import ACCOUNTS, SECOND_FACTORS, identity_of
from stenobox.web.qrcode import qr_code
from stenobox.web.reauthentication import confirm_password


async def state(request: web.Request) -> web.Response:
    found = await request.app[SECOND_FACTORS].state(identity_of(request).user.id)
    return json_response(
        shapes.SecondFactor(found.since is not None, maybe(found.since), found.recovery_codes)
    )


async def begin(request: web.Request) -> web.Response:
    """The password first: whoever finds an open page must not shut its owner out."""
    body = await read_json(request, shapes.Password)
    await confirm_password(request, body.password)
    made = await request.app[SECOND_FACTORS].begin(identity_of(request).user)
    picture = await asyncio.to_thread(qr_code, made.uri)
    return json_response(shapes.Enrolment(made.secret, made.uri, picture), 201)


async def confirm(request: web.Request) -> web.Response:
    body = await read_json(request, shapes.Code)
    codes = await request.app[SECOND_FACTORS].confirm(identity_of(request).user.id, body.code)
    return json_response(shapes.RecoveryCodes(codes))


async def new_recovery_codes(request: web.Request) -> web.Response:
    body = await read_json(request, shapes.PasswordAndCode)
    await confirm_password(request, body.password)
    codes = await request.app[SECOND_FACTORS].renew(identity_of(request).user.id, body.code)
    return json_response(shapes.RecoveryCodes(codes))


async def remove(request: web.Request) -> web.Response:
    body = await read_json(request, shapes.PasswordAndCode)
    await confirm_password(request, body.password)
    await request.app[SECOND_FACTORS].remove(identity_of(request).user.id, body.code)
    return web.Response(status=204)


async def remove_of_user(request: web.Request) -> web.Response:
    await request.app[ACCOUNTS].remove_second_factor(request.match_info["name"])
    return web.Response(status=204)
