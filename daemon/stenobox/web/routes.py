"""The table of routes: what there is, and who may call it. There is no other way in."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.web import (
    admin,
    audit,
    auth,
    catalogue,
    chunked,
    events,
    jobs,
    machine,
    notices,
    openapi,
    pages,
    recordings,
    transcripts,
    tus,
    uploads,
)
from stenobox.web.expect import do_not_invite
from stenobox.web.rules import Route, Who

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", pages.index, Who.ANYONE, before_setup=True),
    Route("GET", "/setup", pages.index, Who.ANYONE, before_setup=True),
    Route("GET", "/favicon.ico", pages.favicon, Who.ANYONE, before_setup=True),
    Route("GET", "/static/{name:.+}", pages.static, Who.ANYONE, before_setup=True),
    Route("GET", "/livez", machine.livez, Who.ANYONE, before_setup=True),
    Route("GET", "/readyz", machine.readyz, Who.ANYONE, before_setup=True),
    # Open to anyone only with metrics.public; the handler checks.
    Route("GET", "/metrics", machine.metrics, Who.ANYONE, before_setup=True),
    Route("GET", "/api/setup", auth.setup_state, Who.ANYONE, before_setup=True),
    Route("POST", "/api/setup", auth.setup, Who.ANYONE, before_setup=True),
    Route("POST", "/api/auth/login", auth.login, Who.ANYONE),
    Route("POST", "/api/auth/logout", auth.logout, Who.ANYONE),
    Route("GET", "/api/auth/me", auth.me, Who.SIGNED_IN),
    Route("POST", "/api/auth/password", auth.change_password, Who.SIGNED_IN),
    Route("GET", "/api/openapi.json", openapi.openapi, Who.SIGNED_IN),
    Route("GET", "/api/models", catalogue.models, Who.SIGNED_IN),
    Route("POST", "/api/jobs", uploads.create_jobs, Who.WRITER, invites_body=True),
    Route("POST", "/api/uploads/init", chunked.begin, Who.WRITER),
    Route("GET", "/api/uploads/{id}", chunked.state, Who.WRITER),
    Route("PUT", "/api/uploads/{id}/chunk", chunked.put_chunk, Who.WRITER, invites_body=True),
    Route("POST", "/api/uploads/{id}/finalize", chunked.finalize, Who.WRITER),
    Route("DELETE", "/api/uploads/{id}", chunked.drop, Who.WRITER),
    Route("OPTIONS", "/api/tus", tus.options, Who.WRITER),
    Route("POST", "/api/tus", tus.create, Who.WRITER, invites_body=True),
    Route("POST", "/api/tus/{id}", tus.other_method, Who.WRITER, invites_body=True),
    Route("HEAD", "/api/tus/{id}", tus.head, Who.WRITER),
    Route("PATCH", "/api/tus/{id}", tus.patch, Who.WRITER, invites_body=True),
    Route("DELETE", "/api/tus/{id}", tus.terminate, Who.WRITER),
    Route("GET", "/api/jobs", jobs.list_jobs, Who.SIGNED_IN),
    Route("GET", "/api/jobs/{id}", jobs.get_job, Who.SIGNED_IN),
    Route("DELETE", "/api/jobs/{id}", jobs.delete_job, Who.WRITER),
    Route("POST", "/api/jobs/{id}/restore", jobs.restore_job, Who.WRITER),
    Route("GET", "/api/jobs/{id}/segments", jobs.heard, Who.SIGNED_IN),
    Route("POST", "/api/jobs/{id}/cancel", jobs.cancel_job, Who.WRITER),
    Route("POST", "/api/jobs/{id}/retry", jobs.retry_job, Who.WRITER),
    Route("POST", "/api/jobs/{id}/priority", jobs.set_priority, Who.WRITER),
    Route("GET", "/api/jobs/{id}/transcript", transcripts.transcript, Who.SIGNED_IN),
    Route("GET", "/api/recordings", recordings.list_recordings, Who.SIGNED_IN),
    Route("GET", "/api/recordings/{id}", recordings.recording, Who.SIGNED_IN),
    Route("PATCH", "/api/recordings/{id}", recordings.change, Who.WRITER),
    Route("DELETE", "/api/recordings/{id}", recordings.delete, Who.WRITER),
    Route("POST", "/api/recordings/{id}/restore", recordings.restore, Who.WRITER),
    Route("GET", "/api/recordings/{id}/audio", recordings.audio, Who.SIGNED_IN),
    Route("GET", "/api/recordings/{id}/peaks", recordings.peaks, Who.SIGNED_IN),
    Route("GET", "/api/events", events.events, Who.SIGNED_IN, stream=True),
    Route("GET", "/api/keys", admin.list_keys, Who.SIGNED_IN),
    Route("POST", "/api/keys", admin.create_key, Who.SIGNED_IN),
    Route("DELETE", "/api/keys/{id}", admin.revoke_key, Who.SIGNED_IN),
    Route("GET", "/api/users", admin.list_users, Who.ADMIN),
    Route("POST", "/api/users", admin.add_user, Who.ADMIN),
    Route("POST", "/api/users/{name}/password", admin.reset_password, Who.ADMIN),
    Route("PATCH", "/api/users/{name}", admin.change_user, Who.ADMIN),
    Route("DELETE", "/api/users/{name}", admin.remove_user, Who.ADMIN),
    Route("GET", "/api/admin/jobs/stats", jobs.stats, Who.ADMIN),
    Route("GET", "/api/admin/health/system", machine.system, Who.ADMIN),
    Route("GET", "/api/webhooks", notices.list_webhooks, Who.WRITER),
    Route("POST", "/api/webhooks", notices.create_webhook, Who.WRITER),
    Route("PATCH", "/api/webhooks/{id}", notices.change_webhook, Who.WRITER),
    Route("DELETE", "/api/webhooks/{id}", notices.remove_webhook, Who.WRITER),
    Route("POST", "/api/webhooks/{id}/test", notices.test_webhook, Who.WRITER),
    Route("GET", "/api/webhooks/{id}/deliveries", notices.list_deliveries, Who.WRITER),
    Route("POST", "/api/webhooks/{id}/deliveries/{delivery}/redeliver", notices.redeliver, Who.WRITER),
    Route("GET", "/api/notices/mail", notices.get_mail, Who.WRITER),
    Route("PUT", "/api/notices/mail", notices.set_mail, Who.WRITER),
    Route("DELETE", "/api/notices/mail", notices.remove_mail, Who.WRITER),
    Route("GET", "/api/admin/audit", audit.list_rows, Who.ADMIN),
    Route("GET", "/api/admin/audit/export", audit.export, Who.ADMIN),
)

_BY_ENDPOINT = {(route.method, route.path.replace(":.+", "")): route for route in ROUTES}


def add_routes(app: web.Application) -> None:
    """Build the router from the table. A GET is also answered to HEAD, except where the answer never ends."""
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler, expect_handler=do_not_invite)
        if route.method == hdrs.METH_GET and not route.stream:
            app.router.add_route(hdrs.METH_HEAD, route.path, route.handler, expect_handler=do_not_invite)


def rule_of(request: web.Request) -> Route | None:
    """The line of the table that this request matched; None when there is none."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    found = _BY_ENDPOINT.get((request.method, resource.canonical))
    if found is None and request.method == hdrs.METH_HEAD:
        return _BY_ENDPOINT.get((hdrs.METH_GET, resource.canonical))
    return found
