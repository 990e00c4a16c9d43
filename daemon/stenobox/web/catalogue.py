"""`GET /api/models`: what a sender may choose."""

from __future__ import annotations

import asyncio

from aiohttp import web

from stenobox.models import DEMO
from stenobox.web import answers
from stenobox.web.bodies import json_response
from stenobox.web.keys import MODELS
from whisper_onnx.dims import LANGUAGES


async def models(request: web.Request) -> web.Response:
    store = request.app[MODELS]
    found = await asyncio.to_thread(store.list)
    listed = [
        answers.Model(
            name=info.name,
            target=info.target,
            default=info.name == store.default,
            demo=info.name == DEMO,
            licence=info.licence,
        )
        for info in found
        if info.ok
    ]
    languages = [answers.Language(code, name.title()) for code, name in LANGUAGES.items()]
    return json_response(answers.Catalogue(listed, sorted(languages, key=lambda entry: entry.name)))
