"""What every request passes: the log, error rendering, then the gate. Nothing is reached past the gate
by default.
"""

from __future__ import annotations

import asyncio
import time

from aiohttp import web

from stenobox.audit import Actor, acting
from stenobox.errors import InternalError, NotSignedIn, SetupRequired, StenoboxError
from stenobox.log import bound, get_logger
from stenobox.networks import is_loopback
from stenobox.types import Identity
from stenobox.web import problems
from stenobox.web.crosssite import refuse_cross_site, refuse_foreign_host
from stenobox.web.expect import invite_body
from stenobox.web.identify import identify, tell_refused_key
from stenobox.web.keys import IDENTITY, METRICS, REQUEST_ID, SETTINGS, SETUP, STARTED
from stenobox.web.limiting import count_account, count_address
from stenobox.web.openai import problems as their_problems
from stenobox.web.peer import is_control
from stenobox.web.routes import rule_of
from stenobox.web.rules import Handler, Who, allow

log = get_logger(__name__)


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Log and count a request's end: never its path, which may name things, only its route."""
    route = rule_of(request)
    name = "unknown" if route is None else route.path
    started = time.monotonic()
    status = 499
    with bound(request=request[REQUEST_ID]):
        try:
            response = await handler(request)
            status = response.status
            return response
        finally:
            seconds = time.monotonic() - started
            request.app[METRICS].request_ended(request.method if route else "", name, status, seconds)
            # Probes and the page's files come all the time, and say nothing while they succeed.
            quiet = route is not None and route.before_setup and request.method == "GET" and status < 400
            tell = log.debug if quiet else log.info
            tell("request", method=request.method, route=name, status=status, seconds=round(seconds, 4))


@web.middleware
async def render_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever is raised into a problem, in the one form that all answers share."""
    request_id = request[REQUEST_ID]
    try:
        return await handler(request)
    except StenoboxError as error:
        if request.get(STARTED):
            raise
        if error.status >= 500:
            log.warning("refused", code=error.code)
        return _rendered(request, problems.problem_of(error), error)
    except web.HTTPException as error:
        return _rendered(request, problems.problem_of_http(error))
    except (ConnectionError, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("unexpected_error", error)  # noqa: PLE1205  # an EventLogger
        if request.get(STARTED):
            raise
        return _rendered(request, problems.problem_of(InternalError(request_id=request_id)))


def _rendered(
    request: web.Request, problem: problems.Problem, error: StenoboxError | None = None
) -> web.Response:
    """In the form that the address is known for."""
    if request.path.startswith(their_problems.PREFIX):
        return their_problems.render(problem, error)
    return problems.render(problem, request[REQUEST_ID])


@web.middleware
async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let through only what the table of routes allows this caller; see `rules.py`."""
    settings = request.app[SETTINGS]
    if is_loopback(settings.listen.host) and not is_control(request):
        refuse_foreign_host(request, settings.listen.names)
    rule = rule_of(request)
    count_address(request, rule)
    who = Who.SIGNED_IN if rule is None else rule.who
    before_setup = rule is not None and rule.before_setup
    if request.match_info.http_exception is not None:
        # No such route, or not with this method: says so to everybody, since the table is no secret.
        who = Who.ANYONE
    elif rule is None:
        raise NotSignedIn
    identity = await _caller(request, who)
    count_account(request, rule, identity)
    local = identity is not None and identity.via == "local"
    if not before_setup and not local and await request.app[SETUP].needed():
        raise SetupRequired
    if identity is None or identity.via == "session":
        refuse_cross_site(request)
    allow(who, None if rule is None else rule.scope, identity)
    if identity is not None:
        request[IDENTITY] = identity
    if rule is not None and not rule.invites_body:
        invite_body(request)
    with acting(Actor.of(identity, request.remote or None)):
        return await handler(request)


async def _caller(request: web.Request, who: Who) -> Identity | None:
    """On a route for anyone a bad key does no harm: a probe answers whatever was sent along."""
    try:
        return await identify(request)
    except NotSignedIn:
        await tell_refused_key(request)
        if who is Who.ANYONE:
            return None
        raise


async def mark_started(request: web.Request, _response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: from here on the answer can only be cut off."""
    request[STARTED] = True


async def add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: with it the log is searched for what somebody asks about."""
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
