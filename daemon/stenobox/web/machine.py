"""What machines ask: alive, ready, figures."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.errors import NotSignedIn
from stenobox.types import Role, Scope
from stenobox.web import answers
from stenobox.web.bodies import json_response
from stenobox.web.keys import HEALTH, IDENTITY, METRICS, SETTINGS
from stenobox.web.rules import check_scope


async def livez(_request: web.Request) -> web.Response:
    """200 as long as the event loop turns."""
    return json_response(answers.Status("alive"))


async def readyz(request: web.Request) -> web.Response:
    """200 when work can be taken and done, else 503 with the names of the failing checks, and no more than
    that.
    """
    report = await request.app[HEALTH].report()
    failing = [check.name for check in report if not check.ok]
    if failing:
        return json_response(answers.Status("not ready", failing), 503)
    return json_response(answers.Status("ready"))


async def system(request: web.Request) -> web.Response:
    """The same with the details, for administrators."""
    report = await request.app[HEALTH].report()
    checks = [answers.Check(check.name, check.ok, check.detail) for check in report]
    return json_response(answers.Health(all(check.ok for check in report), checks))


async def metrics(request: web.Request) -> web.Response:
    """Prometheus text. For an API key with that scope, an admin's session, or the operator; or
    metrics.public.
    """
    identity = request.get(IDENTITY)
    if not request.app[SETTINGS].metrics.public:
        if identity is None:
            raise NotSignedIn
        if identity.via == "session" and identity.user.role is not Role.ADMIN:
            raise NotSignedIn
        check_scope(Scope.METRICS, identity)
    body, content_type = await request.app[METRICS].exposition()
    return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})
