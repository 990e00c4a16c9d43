"""One's own sign-ins: see them, end them. Administrators end those of anybody."""

from __future__ import annotations

from aiohttp import web

from stenobox.access import SessionInfo
from stenobox.moments import moment
from stenobox.web import people_shapes as shapes
from stenobox.web.bodies import json_response
from stenobox.web.cookies import session_token
from stenobox.web.keys import ACCOUNTS, SESSIONS, STREAMS, identity_of
from stenobox.web.query import number_in_path


async def list_own(request: web.Request) -> web.Response:
    user = identity_of(request).user
    found = await request.app[SESSIONS].list(user.id, session_token(request))
    return json_response(shapes.SessionList([_session(info) for info in found]))


async def end_one(request: web.Request) -> web.Response:
    user = identity_of(request).user
    await request.app[SESSIONS].revoke_one(number_in_path(request, "id", "session"), user.id)
    # Of all sessions: which stream belongs to which is not kept, and a page connects again by itself.
    request.app[STREAMS].end_of(user.id)
    return web.Response(status=204)


async def end_others(request: web.Request) -> web.Response:
    user = identity_of(request).user
    await request.app[SESSIONS].revoke_all(user.id, keep=session_token(request))
    request.app[STREAMS].end_of(user.id)
    return web.Response(status=204)


async def end_of_user(request: web.Request) -> web.Response:
    await request.app[ACCOUNTS].end_sessions(request.match_info["name"])
    return web.Response(status=204)


def _session(value: SessionInfo) -> shapes.Session:
    return shapes.Session(
        id=value.id,
        browser=value.browser,
        address=value.address,
        current=value.current,
        created_at=moment(value.created_at),
        last_seen_at=moment(value.last_seen_at),
        ends_at=moment(value.ends_at),
    )
