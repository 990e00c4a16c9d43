"""Users and keys: administrators manage all, everybody their own keys."""

from __future__ import annotations

import msgspec
from aiohttp import web

from stenobox.access.accounts import Removal
from stenobox.errors import Forbidden, InvalidRequest
from stenobox.idempotency import Note
from stenobox.library import Use
from stenobox.types import Identity, User
from stenobox.web import answers, render
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import ACCOUNTS, API_KEYS, QUOTAS, SECOND_FACTORS, USERS, identity_of
from stenobox.web.query import number_in_path
from stenobox.web.repeats import once
from stenobox.web.schemas import NewKey, NewUser, PasswordReset, UserChange


async def list_users(request: web.Request) -> web.Response:
    users = await request.app[ACCOUNTS].list_users()
    uses = await request.app[QUOTAS].of_all()
    factors = await request.app[SECOND_FACTORS].users()
    rendered = [render.user(user, uses.get(user.id, Use(0, None)), user.id in factors) for user in users]
    return json_response(answers.UserList(rendered))


async def add_user(request: web.Request) -> web.Response:
    body = await read_json(request, NewUser)

    async def make(note: Note) -> User:
        return await request.app[ACCOUNTS].add_user(body.name, body.role, body.password, note)

    async def again(user_id: str) -> User:
        return await request.app[USERS].get(int(user_id))

    said = msgspec.structs.replace(body, password="")
    user = await once(request, said, make, again, password=body.password)
    return json_response(await _shown(request, user), 201)


async def change_user(request: web.Request) -> web.Response:
    """PATCH: `role`, `disabled`, `quota_bytes`."""
    body = await read_json(request, UserChange)
    name = request.match_info["name"]
    if body.role is not msgspec.UNSET or body.disabled is not msgspec.UNSET:
        role = None if body.role is msgspec.UNSET else body.role
        disabled = None if body.disabled is msgspec.UNSET else body.disabled
        await request.app[ACCOUNTS].change_user(name, role, disabled)
    if body.quota_bytes is not msgspec.UNSET:
        await request.app[QUOTAS].set(name, body.quota_bytes)
    return json_response(await _shown(request, await request.app[USERS].find(name)))


async def reset_password(request: web.Request) -> web.Response:
    body = await read_json(request, PasswordReset)
    await request.app[ACCOUNTS].set_password(request.match_info["name"], body.password)
    return web.Response(status=204)


async def remove_user(request: web.Request) -> web.Response:
    """200 and not 204: the answer says whether the account is gone or, since recordings belong to it,
    disabled.
    """
    outcome = await request.app[ACCOUNTS].remove_user(request.match_info["name"])
    return json_response(answers.Removal("disabled" if outcome is Removal.DISABLED else "removed"))


async def list_keys(request: web.Request) -> web.Response:
    """The caller's own. Administrators: `?user=NAME`; the operator on the box, who has no own: all."""
    identity = identity_of(request)
    name = request.query.get("user")
    if name is not None and not identity.is_admin:
        raise Forbidden(role=identity.user.role)
    if name is not None or identity.via == "local":
        keys = await request.app[ACCOUNTS].list_keys(name)
    else:
        keys = await request.app[API_KEYS].list(identity.user.id)
    return json_response(answers.KeyList([render.key(key) for key in keys]))


async def create_key(request: web.Request) -> web.Response:
    """The only answer that ever holds the key itself, as `secret`: it is kept nowhere, so that a repeat has
    none, and whoever did not hear the first answer revokes the key and makes another.
    """
    body = await read_json(request, NewKey)
    identity = identity_of(request)
    if body.user is not None and not identity.is_admin:
        raise Forbidden(role=identity.user.role)
    if body.user is None and identity.via == "local":
        raise InvalidRequest(problem="Say whose key it is: 'user'.")
    expires_at = None if body.expires_at is None else body.expires_at.timestamp()

    async def make(note: Note) -> answers.KeyMade:
        info, secret = await request.app[ACCOUNTS].create_key(
            body.user or identity.user.name, body.name, body.scopes, expires_at, note
        )
        return render.key_made(info, secret)

    async def again(key_id: str) -> answers.KeyMade:
        return render.key_made(await request.app[API_KEYS].get(int(key_id), _owner_limit(identity)), None)

    return json_response(await once(request, body, make, again), 201)


async def revoke_key(request: web.Request) -> web.Response:
    identity = identity_of(request)
    await request.app[ACCOUNTS].revoke_key(number_in_path(request, "id", "key"), _owner_limit(identity))
    return web.Response(status=204)


async def _shown(request: web.Request, user: User) -> answers.User:
    factor = await request.app[SECOND_FACTORS].state(user.id)
    return render.user(user, await request.app[QUOTAS].use(user.id), factor.since is not None)


def _owner_limit(identity: Identity) -> int | None:
    return None if identity.is_admin else identity.user.id
