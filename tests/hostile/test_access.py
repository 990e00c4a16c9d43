"""People who should not be let in. Every test's name states a security property of the application."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, web

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN, PASSWORD, multipart
from stenobox.access import AttemptLimiter
from stenobox.config import ListenSettings, MetricsSettings, Settings
from stenobox.types import Role
from stenobox.web.keys import ACCOUNTS, LOGIN_LIMIT, SETUP
from stenobox.web.routes import ROUTES
from stenobox.web.rules import Route, Who
from storing import wave_bytes

TALK = wave_bytes(0.2)


def code_of(body: object) -> str:
    assert isinstance(body, dict)
    return str(body["code"])


async def refusal(answer: ClientResponse) -> str | None:
    """The code of a refusal; None for the answer to a HEAD, which has no body."""
    return None if answer.method == "HEAD" else code_of(await answer.json())


def address(route: Route, **names: str) -> str:
    """The route's path with its variables filled in."""
    values = {"id": "0" * 24, "name": "nobody", "delivery": "1"} | names
    return re.sub(r"\{(\w+)(?::[^}]*)?\}", lambda match: values[match[1]], route.path)


GUARDED = [route for route in ROUTES if route.who is not Who.ANYONE]
AFTER_SETUP = [route for route in ROUTES if not route.before_setup]


def test_every_route_of_the_router_is_in_the_table(tmp_path: Path) -> None:
    from stenobox.app import build

    app = build(settings_for(tmp_path / "data"))
    table = {(route.method, route.path.replace(":.+", "")) for route in ROUTES}
    table |= {("HEAD", path) for method, path in set(table) if method == "GET"}
    routes = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource}
    assert routes
    assert routes <= table


def test_only_these_routes_are_open_to_anyone() -> None:
    assert {route.path for route in ROUTES if route.who is Who.ANYONE} == {
        "/", "/setup", "/favicon.ico", "/static/{name:.+}", "/livez", "/readyz", "/metrics",
        "/api/setup", "/api/auth/login", "/api/auth/logout",
    }  # fmt: skip


async def test_before_the_set_up_nothing_but_the_set_up_page_and_the_probes_answers(box: Box) -> None:
    for route in AFTER_SETUP:
        answer = await box.nobody.call(route.method, address(route))
        assert answer.status == 403, route
        assert await refusal(answer) in ("setup_required", None)


async def test_before_the_set_up_no_address_outside_the_table_answers(box: Box) -> None:
    for path in ("/api", "/api/nothing", "/admin", "/.git/config"):
        assert (await box.nobody.get(path)).status == 403


async def test_an_anonymous_caller_reaches_no_guarded_route(box: Box, anna: Person) -> None:
    for route in GUARDED:
        answer = await box.nobody.call(route.method, address(route))
        assert answer.status == 401, route
        assert await refusal(answer) in ("not_signed_in", None)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_viewer_changes_nothing_but_their_own_password_and_keys(box: Box, anna: Person) -> None:
    viewer = await box.add("vera", Role.VIEWER)
    for route in GUARDED:
        if route.who in (Who.WRITER, Who.ADMIN):
            answer = await viewer.call(route.method, address(route))
            assert answer.status == 403, route
            assert await refusal(answer) in ("forbidden", None)
    own = {(r.method, r.path) for r in GUARDED if r.who is Who.SIGNED_IN and r.method != "GET"}
    assert own == {("POST", "/api/auth/password"), ("POST", "/api/keys"), ("DELETE", "/api/keys/{id}")}


async def test_a_user_reaches_no_route_of_administrators(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    for route in GUARDED:
        if route.who is Who.ADMIN:
            assert (await bob.call(route.method, address(route))).status == 403, route


async def test_what_belongs_to_somebody_else_does_not_exist(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    carla = await box.add("carla", Role.USER)
    job = await (await bob.upload(TALK)).json()
    key = (await (await bob.get("/api/keys")).json())["keys"][0]
    upload = await (await bob.post("/api/uploads/init", json={"filename": "a.wav", "size": 9})).json()
    hook = await (await bob.post("/api/webhooks", json={"url": "https://a.invalid/"})).json()
    tus = {"Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "DELETE", "Upload-Offset": "0"}
    begun = await bob.post("/api/tus", headers=tus | {"Upload-Length": "9"})
    ids = {
        "/api/jobs": job["id"],
        "/api/recordings": job["recording_id"],
        "/api/keys": str(key["id"]),
        "/api/uploads": upload["id"],
        "/api/webhooks": hook["id"],
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
        theirs = await carla.call(route.method, address(route, id=ids[prefix]), **body)
        missing = await carla.call(route.method, address(route, id="1" * 15), **body)
        assert theirs.status == missing.status == 404, route
        if route.method != "HEAD":
            assert (await theirs.json())["detail"] == (await missing.json())["detail"]
    # Every route that names a thing was walked; one for a new kind of thing has to be added to `ids`.
    assert walked == sum("{id}" in route.path for route in GUARDED) > 5
    assert (await bob.get(f"/api/jobs/{job['id']}")).status == 200
    assert (await (await carla.get("/api/jobs")).json())["jobs"] == []
    assert (await (await carla.get("/api/recordings")).json())["recordings"] == []


async def test_the_trash_of_somebody_else_does_not_exist_either(box: Box, anna: Person) -> None:
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
    bob = await box.add("bob", Role.USER)
    assert (await bob.get(f"/api/recordings?owner={ADMIN}")).status == 403
    assert (await bob.get("/api/recordings?owner=nobody")).status == 403
    assert (await anna.get("/api/recordings?owner=bob")).status == 200


async def test_nobody_raises_their_own_quota(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    assert (await bob.call("PATCH", "/api/users/bob", json={"quota_bytes": 0})).status == 403


async def test_events_go_to_their_owner_and_to_administrators_only(box: Box, anna: Person) -> None:
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


async def test_a_cross_site_request_with_a_session_changes_nothing(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ):
        for route in ROUTES:
            if route.method in {"POST", "PUT", "PATCH", "DELETE"}:
                answer = await browser.call(route.method, address(route), headers=headers)
                assert answer.status == 403, (route, headers)
                assert code_of(await answer.json()) == "cross_site"
    assert (await browser.get("/api/auth/me")).status == 200


async def test_another_site_cannot_sign_a_browser_in_or_set_the_box_up(box: Box) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"token": box.app[SETUP].issue(), "name": "mallory", "password": PASSWORD}
    assert (await box.nobody.post("/api/setup", json=body, headers=headers)).status == 403
    await box.set_up()
    login = {"name": ADMIN, "password": PASSWORD}
    answer = await box.nobody.post("/api/auth/login", json=login, headers=headers)
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_the_page_itself_may_change_things(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    origin = f"http://127.0.0.1:{box.client.port}"
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": origin}, {}):
        answer = await browser.post("/api/keys", json={"name": "mine"}, headers=headers)
        assert answer.status == 201


async def test_a_key_is_no_cookie_and_needs_no_origin(box: Box, anna: Person) -> None:
    headers = {"Origin": "https://tool.example", "Sec-Fetch-Site": "cross-site"}
    assert (await anna.post("/api/keys", json={"name": "other"}, headers=headers)).status == 201


async def test_no_answer_allows_another_origin_to_read_it(box: Box, anna: Person) -> None:
    headers = {"Origin": "https://evil.example"}
    for path in ("/", "/api/auth/me", "/livez", "/api/nothing"):
        answer = await anna.get(path, headers=headers)
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert (await anna.call("OPTIONS", "/api/jobs", headers=headers)).status == 405


async def test_a_form_of_another_site_cannot_pass_for_json(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await browser.post("/api/keys", data=b'{"name": "x"}', headers={"Content-Type": kind})
        assert answer.status == 400


async def test_on_loopback_a_foreign_host_name_gets_nothing(box: Box, anna: Person) -> None:
    for host in ("evil.example", "evil.example:8080", "127.0.0.1.evil.example", "", "[::1"):
        for path in ("/", "/livez", "/api/auth/me"):
            assert (await anna.get(path, headers={"Host": host})).status == 400, host


async def test_on_loopback_only_configured_names_are_added(tmp_path: Path, demo_bundle: Path) -> None:
    listen = ListenSettings(names=("Steno.office.example",))
    async with running_box(settings_for(tmp_path / "data", demo_bundle, listen=listen)) as box:
        for host in ("steno.office.example", "STENO.office.example:8443", "localhost:1", "[::1]:8080"):
            assert (await box.nobody.get("/livez", headers={"Host": host})).status == 200
        assert (await box.nobody.get("/livez", headers={"Host": "office.example"})).status == 400


async def test_the_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(
    box: Box, anna: Person
) -> None:
    answer = await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    header = answer.headers["Set-Cookie"]
    name, *flags = [part.strip().lower() for part in header.split(";")]
    assert name.startswith("stenobox_session=")
    assert {"httponly", "samesite=lax", "path=/"} <= set(flags)
    assert not [flag for flag in flags if flag.startswith("domain")]


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host() -> None:
    from aiohttp.test_utils import make_mocked_request

    from stenobox.web.cookies import clear_session, session_token, set_session

    class Encrypted(web.Request):
        secure = True

    request = make_mocked_request(
        "GET", "/", headers={"Cookie": "__Host-stenobox_session=t; stenobox_session=u"}
    )
    request.__class__ = Encrypted
    response = web.Response()
    set_session(request, response, "token", 60)
    cookie = response.cookies["__Host-stenobox_session"]
    assert cookie["secure"] and cookie["httponly"] and cookie["path"] == "/" and not cookie["domain"]
    assert session_token(request) == "t"
    clear_session(request, response)
    assert response.cookies["__Host-stenobox_session"]["max-age"] == "0"


async def test_signing_in_always_makes_a_new_session(box: Box, anna: Person) -> None:
    planted = {"Cookie": "stenobox_session=planted-by-mallory"}
    answer = await box.nobody.post(
        "/api/auth/login", json={"name": ADMIN, "password": PASSWORD}, headers=planted
    )
    assert answer.cookies["stenobox_session"].value != "planted-by-mallory"
    assert (await Person(box.client, planted).get("/api/auth/me")).status == 401


async def test_signing_in_again_ends_the_earlier_session_of_the_browser(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    await browser.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    assert (await browser.get("/api/auth/me")).status == 401


async def test_signing_out_ends_the_session_on_the_server(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    answer = await browser.post("/api/auth/logout")
    assert answer.status == 204
    assert answer.cookies["stenobox_session"]["max-age"] == "0"
    assert (await browser.get("/api/auth/me")).status == 401


async def test_guessing_passwords_is_limited_per_name_and_per_address(box: Box, anna: Person) -> None:
    box.app[LOGIN_LIMIT]._burst = 3.0
    wrong = {"name": ADMIN, "password": "wrong password"}
    statuses = [(await box.nobody.post("/api/auth/login", json=wrong)).status for _ in range(5)]
    assert statuses[:3] == [401, 401, 401]
    assert statuses[3:] == [429, 429]
    right = await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    assert right.status == 429
    assert int(right.headers["Retry-After"]) > 0
    other = await box.nobody.post("/api/auth/login", json={"name": "bob", "password": "x" * 9})
    assert other.status == 429


async def test_a_wrong_name_and_a_wrong_password_look_the_same(box: Box, anna: Person) -> None:
    answers = [
        await (await box.nobody.post("/api/auth/login", json={"name": name, "password": "x" * 9})).json()
        for name in (ADMIN, "nobody")
    ]
    for answer in answers:
        del answer["request_id"], answer["instance"]
    assert answers[0] == answers[1]


async def test_a_key_is_shown_once_and_stored_only_as_a_hash(box: Box, anna: Person, tmp_path: Path) -> None:
    made = await (await anna.post("/api/keys", json={"name": "script"})).json()
    listed = (await (await anna.get("/api/keys")).json())["keys"]
    assert made["secret"] not in repr(listed)
    for file in (tmp_path / "data").glob("stenobox.db*"):
        assert made["secret"].encode() not in await asyncio.to_thread(file.read_bytes)
    assert (await Person(box.client, {"Authorization": f"Bearer {made['secret']}"}).get("/api/auth/me")).ok


async def test_a_key_that_opens_nothing_is_not_replaced_by_the_cookie_beside_it(
    box: Box, anna: Person
) -> None:
    browser = await box.by_session(ADMIN)
    for header in ("", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "stbx_", "Bearer stbx_é"):
        answer = await browser.get("/api/auth/me", headers={"Authorization": header})
        assert answer.status == 401, header


async def test_a_removed_users_key_session_and_streams_end_at_once(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    browser = await box.by_session("bob")
    await bob.upload(TALK)
    stream = await box.client.get("/api/events", headers=browser.headers)
    removed = await anna.delete("/api/users/bob")
    assert await removed.json() == {"outcome": "disabled"}
    assert (await bob.get("/api/auth/me")).status == 401
    assert (await browser.get("/api/auth/me")).status == 401
    await asyncio.wait_for(stream.read(), 30)
    answer = await box.nobody.post("/api/auth/login", json={"name": "bob", "password": PASSWORD})
    assert answer.status == 401


async def test_a_changed_password_ends_the_other_sessions_and_needs_the_old_one(
    box: Box, anna: Person
) -> None:
    first, second = await box.by_session(ADMIN), await box.by_session(ADMIN)
    refused = await first.post("/api/auth/password", json={"old": "not this one", "new": "a new password"})
    assert refused.status == 401
    changed = await first.post("/api/auth/password", json={"old": PASSWORD, "new": "a new password"})
    assert changed.status == 204
    assert (await first.get("/api/auth/me")).status == 200
    assert (await second.get("/api/auth/me")).status == 401
    await box.by_session(ADMIN, "a new password")


async def test_a_stolen_key_cannot_change_the_password(anna: Person) -> None:
    answer = await anna.post("/api/auth/password", json={"old": PASSWORD, "new": "a new password"})
    assert answer.status == 403


async def test_nobody_makes_a_key_for_somebody_else_unless_an_administrator(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    assert (await bob.post("/api/keys", json={"name": "x", "user": ADMIN})).status == 403
    assert (await bob.get(f"/api/keys?user={ADMIN}")).status == 403
    assert (await anna.post("/api/keys", json={"name": "x", "user": "bob"})).status == 201


async def test_a_used_set_up_link_is_worthless(box: Box) -> None:
    token = box.app[SETUP].issue()
    body = {"token": token, "name": ADMIN, "password": PASSWORD}
    assert (await box.nobody.post("/api/setup", json=body)).status == 201
    again = await box.nobody.post("/api/setup", json=body | {"name": "mallory"})
    assert again.status == 403
    assert code_of(await again.json()) == "setup_link_invalid"


async def test_guessing_the_set_up_token_is_limited(box: Box) -> None:
    box.app[SETUP].issue()
    body = {"token": "guess", "name": "mallory", "password": PASSWORD}
    statuses = [(await box.nobody.post("/api/setup", json=body)).status for _ in range(12)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


TRAVERSALS = (
    "/static/../stenobox.db",
    "/static/%2e%2e/%2e%2e/etc/passwd",
    "/static/..%2f..%2fetc%2fpasswd",
    "/static//etc/passwd",
    "/static/js/../../README.md",
    "/static/js/..\\..\\README.md",
    "/static/%00index.html",
    "/static/.git/config",
    "/static/index.html/",
    "/static/js",
)


async def test_static_files_are_only_those_of_the_page(box: Box, anna: Person) -> None:
    for path in TRAVERSALS:
        # A raw request: a client library would tidy the path up first.
        reader, writer = await asyncio.open_connection("127.0.0.1", box.client.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        await writer.wait_closed()
        assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), path


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_a_file_name_cannot_break_out_of_its_header(box: Box, anna: Person) -> None:
    name = 'a\\"; filename=\\"evil.html\\"\u202eé.wav'
    kind, body = multipart({}, [(name, TALK)])
    job = await (await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})).json()
    assert "evil.html" in job["filename"]
    assert "\u202e" not in job["filename"]
    answer = await anna.get(f"/api/recordings/{job['recording_id']}/audio?download=1")
    header = answer.headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename=\"[A-Za-z0-9 ._()-]+\"; filename\*=UTF-8''[!-~]+", header)


async def test_a_recording_never_comes_back_as_something_a_browser_would_run(box: Box, anna: Person) -> None:
    # A WAV file that also is a page, for a browser that guesses.
    job = await (await anna.upload(TALK + b"<script>alert(1)</script>", filename="x.html")).json()
    answer = await anna.get(f"/api/recordings/{job['recording_id']}/audio")
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_every_answer_carries_the_security_headers(box: Box, anna: Person) -> None:
    paths = ["/", "/static/js/main.js", "/livez", "/api/auth/me", "/api/nothing", "/api/jobs/x", "/metrics"]
    for path in paths:
        headers = (await anna.get(path)).headers
        csp = headers["Content-Security-Policy"]
        assert "default-src 'none'" in csp and "unsafe" not in csp, path
        assert "frame-ancestors 'none'" in csp
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "microphone=()" in headers["Permissions-Policy"]
        assert "aiohttp" not in headers["Server"].lower()
        if path.startswith("/api"):
            assert headers["Cache-Control"] == "no-store"


async def test_metrics_need_a_key_or_an_administrator_unless_made_public(
    box: Box, anna: Person, tmp_path: Path, demo_bundle: Path
) -> None:
    bob = await box.add("bob", Role.USER)
    assert (await box.nobody.get("/metrics")).status == 401
    assert (await bob.get("/metrics")).status == 200
    assert (await (await box.by_session("bob")).get("/metrics")).status == 401
    assert (await (await box.by_session(ADMIN)).get("/metrics")).status == 200
    settings = settings_for(tmp_path / "other", demo_bundle, metrics=MetricsSettings(public=True))
    async with running_box(settings) as other:
        assert (await other.nobody.get("/metrics")).status == 200


async def test_probes_tell_the_anonymous_no_details(box: Box) -> None:
    for path in ("/livez", "/readyz"):
        body = await (await box.nobody.get(path)).json()
        assert set(body) <= {"status", "failing"}
        assert all(re.fullmatch(r"[a-z]+", name) for name in body.get("failing", []))


async def test_an_unexpected_fault_tells_the_caller_nothing_but_its_request_id(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("the secret is hunter2")

    monkeypatch.setattr(box.app[ACCOUNTS], "list_users", broken)
    answer = await anna.get("/api/users")
    body = await answer.json()
    assert answer.status == 500
    assert body["code"] == "internal"
    assert body["request_id"] in body["detail"]
    assert "hunter2" not in await answer.text()


async def test_a_body_that_is_too_large_for_json_is_refused(box: Box, anna: Person) -> None:
    answer = await anna.post("/api/keys", json={"name": "x" * 70_000})
    assert answer.status == 413
    assert code_of(await answer.json()) == "body_too_large"


async def test_the_operators_socket_is_only_for_its_owner_and_owns_no_jobs(tmp_path: Path) -> None:
    from stenobox.serving import control_listener

    listener = control_listener(tmp_path / "control.sock")
    try:
        assert (tmp_path / "control.sock").stat().st_mode & 0o777 == 0o600
    finally:
        listener.close()


@pytest.mark.parametrize(("uid", "let_in"), [(0, True), (1234, True), (1235, False), (65534, False)])
def test_the_operators_socket_believes_the_kernel_about_who_calls(
    monkeypatch: pytest.MonkeyPatch, uid: int, let_in: bool
) -> None:
    import socket
    import struct

    from stenobox.web.peer import operator_of

    class Peer:
        """A connected Unix socket as the kernel describes its other end; no test can be another user."""

        family = socket.AF_UNIX

        def getsockopt(self, level: int, option: int, size: int) -> bytes:
            assert (level, option, size) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            return struct.pack("3i", 1, uid, 0)

    class Request:
        @property
        def transport(self) -> Request:
            return self

        def get_extra_info(self, _name: str) -> Peer:
            return Peer()

    monkeypatch.setattr("os.geteuid", lambda: 1234)
    identity = operator_of(Request())  # type: ignore[arg-type]
    assert (identity is not None) is let_in
    assert identity is None or identity.via == "local"


def test_a_network_address_is_refused_without_an_explicit_word(tmp_path: Path) -> None:
    from stenobox.errors import SettingsError
    from stenobox.serving import refuse_bare_network

    with pytest.raises(SettingsError):
        refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="0.0.0.0")))
    refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="0.0.0.0", plain_http=True)))
    refuse_bare_network(Settings(data=tmp_path, listen=ListenSettings(host="::1")))


def test_the_limits_of_guessing_are_strict_by_default() -> None:
    limiter = AttemptLimiter()
    assert limiter._burst <= 10
    assert limiter._interval >= 10
