"""`GET /api/search`: where something was said."""

from __future__ import annotations

import math

from aiohttp import web

from stenobox.errors import Forbidden, InvalidRequest
from stenobox.library import tags
from stenobox.search.finding import Wish
from stenobox.web import texts_shapes as shapes
from stenobox.web.bodies import json_response
from stenobox.web.keys import FINDER, READS, identity_of
from stenobox.web.query import moment_of, number_of
from whisper_onnx.dims import LANGUAGES

DEFAULT_LIMIT = 20


async def search(request: web.Request) -> web.Response:
    """Query: `q`, `from`, `to`, `language`, `tag`, `limit`, `cursor`; of administrators also `owner`."""
    identity, asked = identity_of(request), request.query
    if "owner" in asked and not identity.is_admin:
        raise Forbidden(role=identity.user.role)
    since, until = moment_of(request, "from"), moment_of(request, "to", days_after=1)
    wish = Wish(
        text=asked.get("q", ""),
        since=-math.inf if since is None else since,
        until=math.inf if until is None else until,
        language=_language(asked.get("language")),
        owner=asked.get("owner"),
        tag=tags.key_of(tags.clean(asked["tag"])) if "tag" in asked else None,
    )
    limit = number_of(request, "limit", DEFAULT_LIMIT)
    found = await request.app[FINDER].find(identity, wish, limit, asked.get("cursor"))
    shown = {f"job:{hit.job_id}": hit.owner_id for hit in found.hits if hit.places}
    await request.app[READS].note_all(identity, "transcript", shown, download=False)
    return json_response(shapes.search_page(found))


def _language(code: str | None) -> str | None:
    if code is not None and code not in LANGUAGES:
        raise InvalidRequest(problem="The language is a code such as 'en' or 'de'.")
    return code
