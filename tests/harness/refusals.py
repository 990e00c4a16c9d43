"""Reading refusals, and addresses for the lines of the table of routes."""

from __future__ import annotations

import re

from aiohttp import ClientResponse

from stenobox.web.rules import Route


def code_of(body: object) -> str:
    assert isinstance(body, dict)
    # In OpenAI's form under /v1, in that of RFC 9457 elsewhere.
    return str(body.get("error", body)["code"])


async def refusal(answer: ClientResponse) -> str | None:
    """The code of a refusal; None for the answer to a HEAD, which has no body."""
    return None if answer.method == "HEAD" else code_of(await answer.json())


def address(route: Route, **names: str) -> str:
    """The route's path with its variables filled in."""
    values = {"id": "0" * 24, "name": "nobody", "n": "1", "delivery": "1", "token": "0" * 48} | names
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda match: values[match[1]], route.path)
