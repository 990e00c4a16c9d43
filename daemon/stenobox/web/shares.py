"""Shares: what people give others to read, and what they take back."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from msgspec import UNSET

from stenobox.idempotency import Note
from stenobox.moments import maybe, moment
from stenobox.sharing.shares import MAX_PAGE, Given, Share, Thing
from stenobox.types import Right
from stenobox.web import share_shapes as shapes
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import SHARES, identity_of
from stenobox.web.query import flag, number_of
from stenobox.web.repeats import once


async def people(request: web.Request) -> web.Response:
    return json_response(shapes.People(await request.app[SHARES].people(identity_of(request))))


async def list_shares(request: web.Request) -> web.Response:
    """Query: `recording` or `tag`, or `received=1`; `limit`, `cursor`."""
    asked = request.query
    given = "recording" in asked or "tag" in asked
    page = await request.app[SHARES].list(
        identity_of(request),
        Thing(asked.get("recording"), asked.get("tag")) if given else None,
        number_of(request, "limit", MAX_PAGE),
        asked.get("cursor"),
        received=flag(request, "received"),
    )
    return json_response(shapes.SharePage([shapes.Share(**_fields(each)) for each in page.shares], page.next))


async def create_share(request: web.Request) -> web.Response:
    """201 for a new one; 200 when it was shared with that account before, and only changed. A repeat of what
    made a link has no path: it is kept nowhere, so that whoever did not hear the first answer takes the link
    back and makes another.
    """
    body = await read_json(request, shapes.NewShare)
    identity, shares = identity_of(request), request.app[SHARES]
    thing = Thing(
        None if body.recording is UNSET else body.recording, None if body.tag is UNSET else body.tag
    )
    right = Right.EDIT if body.rights == "edit" else Right.READ

    async def make(note: Note) -> Given:
        if body.user is None:
            return await shares.give_link(identity, thing, right, body.days, note=note)
        return await shares.give(identity, thing, body.user, right, body.days, note=note)

    async def again(share_id: str) -> Given:
        return Given(await shares.get(share_id, identity), None, new=True)

    given = await once(request, body, make, again)
    # In the fragment: browsers send it to no server, so that no log on the way holds it.
    path = None if given.token is None else f"/#/link/{given.token}"
    return json_response(shapes.ShareMade(**_fields(given.share), path=path), 201 if given.new else 200)


async def revoke_share(request: web.Request) -> web.Response:
    await request.app[SHARES].revoke(request.match_info["id"], identity_of(request))
    return web.Response(status=204)


def _fields(value: Share) -> dict[str, Any]:
    return {
        "id": value.id,
        "recording": value.recording_id,
        "tag": value.tag,
        "title": value.title,
        "owner": value.owner,
        "user": value.user,
        "link": value.user is None,
        "rights": "edit" if value.right is Right.EDIT else "read",
        "created_at": moment(value.created_at),
        "expires_at": maybe(value.expires_at),
        "used_at": maybe(value.used_at),
    }
