"""The table of routes: what there is, and who may call it. There is no other way in."""

from __future__ import annotations

from aiohttp import hdrs, web

from stenobox.types import Scope
from stenobox.web import (
    admin,
    audit,
    auth,
    box,
    catalogue,
    chunked,
    events,
    exporting,
    glossary,
    jobs,
    links,
    machine,
    network,
    notices,
    oidc,
    openapi,
    pages,
    recordings,
    search,
    second_factor,
    sessions,
    shares,
    texts,
    transcripts,
    tus,
    uploads,
)
from stenobox.web.expect import do_not_invite
from stenobox.web.openai import models as their_models
from stenobox.web.openai import transcriptions as theirs
from stenobox.web.rules import Route, Who

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", pages.index, Who.ANYONE, before_setup=True),
    Route("GET", "/setup", pages.index, Who.ANYONE, before_setup=True),
    Route("GET", "/favicon.ico", pages.favicon, Who.ANYONE, before_setup=True),
    Route("GET", "/static/{name:.+}", pages.static, Who.ANYONE, before_setup=True),
    Route("GET", "/livez", machine.livez, Who.ANYONE, before_setup=True),
    Route("GET", "/readyz", machine.readyz, Who.ANYONE, before_setup=True),
    # Open to anyone only with metrics.public; the handler checks.
    Route("GET", "/metrics", machine.metrics, Who.ANYONE, Scope.METRICS, before_setup=True),
    Route("GET", "/api/setup", auth.setup_state, Who.ANYONE, before_setup=True),
    Route("POST", "/api/setup", auth.setup, Who.ANYONE, before_setup=True),
    Route("POST", "/api/auth/login", auth.login, Who.ANYONE),
    Route("POST", "/api/auth/logout", auth.logout, Who.ANYONE),
    Route("GET", "/api/auth/oidc", oidc.state, Who.ANYONE),
    Route("POST", "/api/auth/oidc", oidc.begin, Who.ANYONE),
    Route("GET", "/api/auth/oidc/callback", oidc.callback, Who.ANYONE),
    Route("GET", "/api/auth/me", auth.me, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/auth/password", auth.change_password, Who.PERSON),
    Route("GET", "/api/auth/sessions", sessions.list_own, Who.PERSON),
    Route("DELETE", "/api/auth/sessions", sessions.end_others, Who.PERSON),
    Route("DELETE", "/api/auth/sessions/{id}", sessions.end_one, Who.PERSON),
    Route("GET", "/api/auth/totp", second_factor.state, Who.PERSON),
    Route("POST", "/api/auth/totp", second_factor.begin, Who.PERSON),
    Route("POST", "/api/auth/totp/confirm", second_factor.confirm, Who.PERSON),
    Route("POST", "/api/auth/totp/recovery", second_factor.new_recovery_codes, Who.PERSON),
    Route("POST", "/api/auth/totp/remove", second_factor.remove, Who.PERSON),
    Route("GET", "/api/openapi.json", openapi.openapi, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/models", catalogue.models, Who.SIGNED_IN, Scope.READ),
    Route(
        "POST", "/api/jobs", uploads.create_jobs, Who.WRITER, Scope.UPLOAD, invites_body=True, idempotent=True
    ),
    Route("POST", "/api/uploads/init", chunked.begin, Who.WRITER, Scope.UPLOAD, idempotent=True),
    Route("GET", "/api/uploads/{id}", chunked.state, Who.WRITER, Scope.UPLOAD),
    Route("PUT", "/api/uploads/{id}/chunk", chunked.put_chunk, Who.WRITER, Scope.UPLOAD, invites_body=True),
    Route("POST", "/api/uploads/{id}/finalize", chunked.finalize, Who.WRITER, Scope.UPLOAD),
    Route("DELETE", "/api/uploads/{id}", chunked.drop, Who.WRITER, Scope.UPLOAD),
    Route("OPTIONS", "/api/tus", tus.options, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/tus", tus.create, Who.WRITER, Scope.UPLOAD, invites_body=True),
    Route("POST", "/api/tus/{id}", tus.other_method, Who.WRITER, Scope.UPLOAD, invites_body=True),
    Route("HEAD", "/api/tus/{id}", tus.head, Who.WRITER, Scope.UPLOAD),
    Route("PATCH", "/api/tus/{id}", tus.patch, Who.WRITER, Scope.UPLOAD, invites_body=True),
    Route("DELETE", "/api/tus/{id}", tus.terminate, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/jobs", jobs.list_jobs, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/jobs/delete", exporting.delete_jobs, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/jobs/{id}", jobs.get_job, Who.SIGNED_IN, Scope.READ),
    Route("DELETE", "/api/jobs/{id}", jobs.delete_job, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/jobs/{id}/restore", jobs.restore_job, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/jobs/{id}/segments", jobs.heard, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/jobs/{id}/cancel", jobs.cancel_job, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/jobs/{id}/retry", jobs.retry_job, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/jobs/{id}/priority", jobs.set_priority, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/jobs/{id}/transcript", transcripts.transcript, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/transcripts/export", exporting.export, Who.SIGNED_IN, Scope.READ),
    Route("PUT", "/api/jobs/{id}/transcript", texts.correct, Who.WRITER, Scope.UPLOAD, invites_body=True),
    Route("GET", "/api/jobs/{id}/transcript/versions", texts.versions, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/jobs/{id}/transcript/versions/{n}", texts.version, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/jobs/{id}/transcript/versions/{n}/diff", texts.diff, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/jobs/{id}/transcript/versions/{n}/restore", texts.restore, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/search", search.search, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/glossary", glossary.get, Who.SIGNED_IN, Scope.READ),
    Route("PUT", "/api/glossary", glossary.put, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/recordings", recordings.list_recordings, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/recordings/{id}", recordings.recording, Who.SIGNED_IN, Scope.READ),
    Route("PATCH", "/api/recordings/{id}", recordings.change, Who.WRITER, Scope.UPLOAD),
    Route("DELETE", "/api/recordings/{id}", recordings.delete, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/recordings/{id}/restore", recordings.restore, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/recordings/{id}/audio", recordings.audio, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/recordings/{id}/peaks", recordings.peaks, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/people", shares.people, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/shares", shares.list_shares, Who.SIGNED_IN, Scope.READ),
    Route("POST", "/api/shares", shares.create_share, Who.WRITER, Scope.UPLOAD, idempotent=True),
    # Not only for those who share: a viewer may leave what is shared with them.
    Route("DELETE", "/api/shares/{id}", shares.revoke_share, Who.SIGNED_IN, Scope.UPLOAD),
    Route("GET", "/api/links/{token}", links.contents, Who.ANYONE),
    Route("GET", "/api/links/{token}/jobs/{id}/transcript", links.transcript, Who.ANYONE),
    Route("GET", "/api/links/{token}/recordings/{id}/audio", links.audio, Who.ANYONE),
    Route("GET", "/api/links/{token}/recordings/{id}/peaks", links.peaks, Who.ANYONE),
    Route("GET", "/api/events", events.events, Who.SIGNED_IN, Scope.READ, stream=True),
    Route("GET", "/api/keys", admin.list_keys, Who.SIGNED_IN, Scope.ADMIN),
    Route("POST", "/api/keys", admin.create_key, Who.SIGNED_IN, Scope.ADMIN, idempotent=True),
    Route("DELETE", "/api/keys/{id}", admin.revoke_key, Who.SIGNED_IN, Scope.ADMIN),
    Route("GET", "/api/users", admin.list_users, Who.ADMIN, Scope.ADMIN),
    Route("POST", "/api/users", admin.add_user, Who.ADMIN, Scope.ADMIN, idempotent=True),
    Route("POST", "/api/users/{name}/password", admin.reset_password, Who.ADMIN, Scope.ADMIN),
    Route("PATCH", "/api/users/{name}", admin.change_user, Who.ADMIN, Scope.ADMIN),
    Route("DELETE", "/api/users/{name}", admin.remove_user, Who.ADMIN, Scope.ADMIN),
    Route("DELETE", "/api/users/{name}/sessions", sessions.end_of_user, Who.ADMIN, Scope.ADMIN),
    Route("DELETE", "/api/users/{name}/totp", second_factor.remove_of_user, Who.ADMIN, Scope.ADMIN),
    Route(
        "POST",
        "/v1/audio/transcriptions",
        theirs.transcribe,
        Who.WRITER,
        Scope.UPLOAD,
        invites_body=True,
        idempotent=True,
    ),
    Route(
        "POST",
        "/v1/audio/translations",
        theirs.translate,
        Who.WRITER,
        Scope.UPLOAD,
        invites_body=True,
        idempotent=True,
    ),
    Route("GET", "/v1/models", their_models.models, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/v1/models/{id}", their_models.model, Who.SIGNED_IN, Scope.READ),
    Route("GET", "/api/admin/jobs/stats", jobs.stats, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/health/system", machine.system, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/health/performance", box.performance, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/models", box.list_models, Who.ADMIN, Scope.ADMIN),
    Route("POST", "/api/admin/models/{name}/verify", box.verify_model, Who.ADMIN, Scope.ADMIN),
    Route("DELETE", "/api/admin/models/{name}", box.remove_model, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/settings", box.settings, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/webhooks", notices.list_webhooks, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/webhooks", notices.create_webhook, Who.WRITER, Scope.UPLOAD, idempotent=True),
    Route("PATCH", "/api/webhooks/{id}", notices.change_webhook, Who.WRITER, Scope.UPLOAD),
    Route("DELETE", "/api/webhooks/{id}", notices.remove_webhook, Who.WRITER, Scope.UPLOAD),
    Route("POST", "/api/webhooks/{id}/test", notices.test_webhook, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/webhooks/{id}/deliveries", notices.list_deliveries, Who.WRITER, Scope.UPLOAD),
    Route(
        "POST",
        "/api/webhooks/{id}/deliveries/{delivery}/redeliver",
        notices.redeliver,
        Who.WRITER,
        Scope.UPLOAD,
    ),
    Route("GET", "/api/notices/mail", notices.get_mail, Who.WRITER, Scope.UPLOAD),
    Route("PUT", "/api/notices/mail", notices.set_mail, Who.WRITER, Scope.UPLOAD),
    Route("DELETE", "/api/notices/mail", notices.remove_mail, Who.WRITER, Scope.UPLOAD),
    Route("GET", "/api/admin/audit", audit.list_rows, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/audit/export", audit.export, Who.ADMIN, Scope.ADMIN),
    Route("GET", "/api/admin/tls", network.tls_state, Who.ADMIN, Scope.ADMIN),
    Route("POST", "/api/admin/tls/reload", network.tls_reload, Who.ADMIN, Scope.ADMIN),
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
