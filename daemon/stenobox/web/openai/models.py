"""`GET /v1/models` and `/v1/models/{id}`."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from stenobox.errors import NoModel, NotFound, UnknownModel
from stenobox.models import ModelInfo, ModelStore
from stenobox.web.bodies import json_response
from stenobox.web.keys import MODELS
from stenobox.web.openai.fields import THEIR_MODELS
from stenobox.web.openai.shapes import TheirModel, TheirModels

ALIAS: Final = "whisper-1"
"""The name that is listed for the box's default model, for programs that look before they ask."""


async def models(request: web.Request) -> web.Response:
    return json_response(TheirModels("list", await asyncio.to_thread(_all, request.app[MODELS])))


async def model(request: web.Request) -> web.Response:
    found = await asyncio.to_thread(_one, request.app[MODELS], request.match_info["id"])
    return json_response(found)


def _all(store: ModelStore) -> list[TheirModel]:
    usable = [info for info in store.list() if info.ok]
    default = [_shown(ALIAS, info) for info in usable if info.name == store.default]
    return default + [_shown(info.name, info) for info in usable]


def _one(store: ModelStore, name: str) -> TheirModel:
    """Raises NotFound: the address names the model, so it is not there."""
    try:
        return _shown(name, store.find(None if name in THEIR_MODELS else name))
    except (NoModel, UnknownModel) as error:
        raise NotFound(what="model") from error


def _shown(name: str, info: ModelInfo) -> TheirModel:
    return TheirModel(name, "model", int(info.folder.stat().st_mtime), "stenobox")
