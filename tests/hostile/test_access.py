"""Who may call what. Every test's name states a security property of the application."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from harness.application import Box, Person, settings_for
from harness.daemon import ADMIN
from harness.refusals import address, refusal
from stenobox.types import Role, Scope
from stenobox.web.routes import ROUTES
from stenobox.web.rules import Who
from storing import wave_bytes

TALK = wave_bytes(0.2)

GUARDED = [route for route in ROUTES if route.who is not Who.ANYONE]
AFTER_SETUP = [route for route in ROUTES if not route.before_setup]


def test_every_route_of_the_router_is_in_the_table(tmp_path: Path) -> None:
    """OWASP ASVS 4.1.1."""
    from stenobox.app import build

    app = build(settings_for(tmp_path / "data"))
    table = {(route.method, route.path.replace(":.+", "")) for route in ROUTES}
    table |= {("HEAD", path) for method, path in set(table) if method == "GET"}
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert routes
    assert routes <= table


def test_only_these_routes_are_open_to_anyone() -> None:
    """OWASP ASVS 4.1.3."""
    assert {route.path for route in ROUTES if route.who is Who.ANYONE} == {
        "/", "/setup", "/favicon.ico", "/static/{name:.+}", "/livez", "/readyz", "/metrics",
        "/api/setup", "/api/auth/login", "/api/auth/logout", "/api/auth/oidc", "/api/auth/oidc/callback",
        # Open to whoever has the token in the address: test_sharing.py.
        "/api/links/{token}", "/api/links/{token}/jobs/{id}/transcript",
        "/api/links/{token}/recordings/{id}/audio", "/api/links/{token}/recordings/{id}/peaks",
    }  # fmt: skip


async def test_before_the_set_up_nothing_but_the_set_up_page_and_the_probes_answers(box: Box) -> None:
    """OWASP ASVS 2.5.4, 4.1.5."""
    for route in AFTER_SETUP:
        answer = await box.nobody.call(route.method, address(route))
        assert answer.status == 403, route
        assert await refusal(answer) in ("setup_required", None)


async def test_before_the_set_up_no_address_outside_the_table_answers(box: Box) -> None:
    """OWASP ASVS 4.1.5."""
    for path in ("/api", "/api/nothing", "/admin", "/.git/config"):
        assert (await box.nobody.get(path)).status == 403


async def test_an_anonymous_caller_reaches_no_guarded_route(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.1, 4.1.5."""
    for route in GUARDED:
        answer = await box.nobody.call(route.method, address(route))
        assert answer.status == 401, route
        assert await refusal(answer) in ("not_signed_in", None)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_viewer_changes_nothing_but_their_own_password_and_keys_and_leaves_shares(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.1.3."""
    viewer = await box.add("vera", Role.VIEWER)
    for route in GUARDED:
        if route.who in (Who.WRITER, Who.ADMIN):
            answer = await viewer.call(route.method, address(route))
            assert answer.status == 403, route
            assert await refusal(answer) in ("forbidden", None)
    own = {(r.method, r.path) for r in GUARDED if r.who is Who.SIGNED_IN and r.method != "GET"}
    reading = {("POST", "/api/transcripts/export")}
    assert own - reading == {
        ("POST", "/api/keys"), ("DELETE", "/api/keys/{id}"), ("DELETE", "/api/shares/{id}"),
    }  # fmt: skip
    assert {r.path.rpartition("/{")[0] or r.path for r in GUARDED if r.who is Who.PERSON} == {
        "/api/auth/password", "/api/auth/sessions", "/api/auth/totp", "/api/auth/totp/confirm",
        "/api/auth/totp/recovery", "/api/auth/totp/remove",
    }  # fmt: skip


async def test_a_user_reaches_no_route_of_administrators(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.3, 4.3.1."""
    bob = await box.add("bob", Role.USER)
    for route in GUARDED:
        if route.who is Who.ADMIN:
            assert (await bob.call(route.method, address(route))).status == 403, route


async def test_what_belongs_to_somebody_else_does_not_exist(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.2.1."""
    bob = await box.add("bob", Role.USER)
    script = await box.add("carla", Role.USER)
    stranger = await box.by_session("carla")
    job = await (await bob.upload(TALK)).json()
    person = await box.by_session("bob")
    key = (await (await person.get("/api/keys")).json())["keys"][0]
    session = (await (await person.get("/api/auth/sessions")).json())["sessions"][0]
    upload = await (await bob.post("/api/uploads/init", json={"filename": "a.wav", "size": 9})).json()
    hook = await (await bob.post("/api/webhooks", json={"url": "https://a.invalid/"})).json()
    await box.add("dora", Role.USER)
    wanted = {"recording": job["recording_id"], "user": "dora"}
    share = await (await bob.post("/api/shares", json=wanted)).json()
    tus = {"Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "DELETE", "Upload-Offset": "0"}
    begun = await bob.post("/api/tus", headers=tus | {"Upload-Length": "9"})
    ids = {
        "/api/jobs": job["id"],
        "/api/recordings": job["recording_id"],
        "/api/keys": str(key["id"]),
        "/api/auth/sessions": str(session["id"]),
        "/api/uploads": upload["id"],
        "/api/webhooks": hook["id"],
        "/api/shares": share["id"],
        "/api/tus": begun.headers["Location"].rpartition("/")[2],
    }
    walked = 0
    for route in GUARDED:
        prefix = next((prefix for prefix in ids if route.path.startswith(prefix + "/{id}")), None)
        if prefix is None:
            continue
        walked += 1
        body: dict[str, Any] = {"json": {"priority": "batch"}} if route.path.endswith("/priority") else {}
        if (route.method, prefix) == ("PATCH", "/api/recordings"):
            body = {"json": {"title": "mine now"}}
        if (route.method, prefix) == ("PATCH", "/api/webhooks"):
            body = {"json": {"enabled": False}}
        if route.path.startswith("/api/tus"):
            body = {"headers": tus | {"Content-Type": "application/offset+octet-stream"}}
        # What keys may not do, a person tries.
        carla = stranger if route.scope in (None, Scope.ADMIN) else script
        theirs = await carla.call(route.method, address(route, id=ids[prefix]), **body)
        missing = await carla.call(route.method, address(route, id="1" * 15), **body)
        assert theirs.status == missing.status == 404, route
        if route.method != "HEAD":
            assert (await theirs.json())["detail"] == (await missing.json())["detail"]
    # Every route that names a thing was walked; one for a new kind of thing has to be added to `ids`.
    # A model is nobody's.
    assert walked == sum("{id}" in route.path for route in GUARDED if route.path != "/v1/models/{id}") > 5
    assert (await bob.get(f"/api/jobs/{job['id']}")).status == 200
    assert (await (await script.get("/api/jobs")).json())["jobs"] == []
    assert (await (await script.get("/api/recordings")).json())["recordings"] == []


async def test_the_trash_of_somebody_else_does_not_exist_either(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.2.1."""
    bob, carla = await box.add("bob", Role.USER), await box.add("carla", Role.USER)
    job = await (await bob.upload(TALK)).json()
    await bob.post(f"/api/jobs/{job['id']}/cancel")
    assert (await bob.delete(f"/api/jobs/{job['id']}")).status == 204
    for path in (f"/api/jobs/{job['id']}", f"/api/recordings/{job['recording_id']}"):
        assert (await carla.post(f"{path}/restore")).status == 404
        assert (await carla.delete(f"{path}?permanent=1")).status == 404
    for kind in ("jobs", "recordings"):
        assert (await (await carla.get(f"/api/{kind}?trashed=1")).json())[kind] == []
        assert len((await (await bob.get(f"/api/{kind}?trashed=1")).json())[kind]) == 1


async def test_nobody_lists_the_recordings_of_an_owner_by_name_but_administrators(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.2.1."""
    bob = await box.add("bob", Role.USER)
    assert (await bob.get(f"/api/recordings?owner={ADMIN}")).status == 403
    assert (await bob.get("/api/recordings?owner=nobody")).status == 403
    assert (await anna.get("/api/recordings?owner=bob")).status == 200


async def test_nobody_raises_their_own_quota(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.2."""
    bob = await box.add("bob", Role.USER)
    assert (await bob.call("PATCH", "/api/users/bob", json={"quota_bytes": 0})).status == 403


async def test_events_go_to_their_owner_and_to_administrators_only(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.2.1."""
    bob, carla = await box.add("bob", Role.USER), await box.add("carla", Role.USER)
    streams = [await box.client.get("/api/events", headers=person.headers) for person in (anna, bob, carla)]
    job = await (await bob.upload(TALK)).json()
    for stream in streams[:2]:
        text = b""
        while job["id"].encode() not in text:
            text += await asyncio.wait_for(stream.content.readany(), 60)
    own = await (await carla.upload(wave_bytes(0.2, pitch=1))).json()
    text = b""
    while own["id"].encode() not in text:
        text += await asyncio.wait_for(streams[2].content.readany(), 60)
    assert job["id"].encode() not in text
    for stream in streams:
        stream.close()
