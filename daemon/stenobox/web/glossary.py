"""`/api/glossary`: the caller's own words."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs, web

from stenobox.glossary import Glossary
from stenobox.web.answers import Said
from stenobox.web.bodies import json_response, read_json
from stenobox.web.keys import GLOSSARIES, identity_of
from stenobox.web.preconditions import expected_number, tag_of


class Words(Said):
    """Names and terms that recordings are likely to hold."""

    words: list[str]


class NewWords(msgspec.Struct, forbid_unknown_fields=True):
    """All of them; what is left out is gone."""

    words: list[str]


async def get(request: web.Request) -> web.Response:
    return _answer(await request.app[GLOSSARIES].get(identity_of(request).user.id))


async def put(request: web.Request) -> web.Response:
    """All words. With If-Match only if nobody was quicker."""
    body = await read_json(request, NewWords)
    made = await request.app[GLOSSARIES].put(
        identity_of(request).user.id, body.words, revision=expected_number(request)
    )
    return _answer(made)


def _answer(glossary: Glossary) -> web.Response:
    response = json_response(Words(list(glossary.words)))
    response.headers[hdrs.ETAG] = tag_of(glossary.revision)
    return response
