"""What API keys may be used for. Every test's name states a security property."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientResponse

from harness.application import Box, Person
from harness.daemon import ADMIN
from harness.refusals import address, code_of
from stenobox.types import Identity, Role, Scope, User
from stenobox.web.routes import ROUTES
from stenobox.web.rules import Route, Who, allow
from storing import wave_bytes

ACCESS = {"not_signed_in", "forbidden", "scope_missing", "not_by_key", "cross_site"}

# Signing out would end the session that walks.
WALKED = [route for route in ROUTES if route.path != "/api/auth/logout"]


def test_every_route_names_the_scope_that_a_key_needs_or_is_a_persons_own_affair() -> None:
    """OWASP ASVS 4.1.1, 4.1.3."""
    for route in ROUTES:
        if route.who in (Who.SIGNED_IN, Who.WRITER, Who.ADMIN):
            assert route.scope is not None, route
        if route.who is Who.PERSON:
            assert route.scope is None, route
        if route.who is Who.ADMIN:
            assert route.scope is Scope.ADMIN, route
        if route.who is Who.WRITER:
            assert route.scope is Scope.UPLOAD, route
        # The zip of transcripts is asked for by POST, since a long list fits no address; it only reads.
        if route.who is Who.SIGNED_IN and route.method != "GET" and route.path != "/api/transcripts/export":
            assert route.scope is not Scope.READ, route


@pytest.mark.parametrize("scope", Scope)
def test_a_route_that_names_no_scope_is_closed_to_every_key(scope: Scope) -> None:
    """OWASP ASVS 4.1.5: fails securely."""
    from stenobox.errors import NotByKey

    user = User(1, "anna", Role.ADMIN, disabled=False, created_at=0.0)
    with pytest.raises(NotByKey):
        allow(Who.SIGNED_IN, None, Identity(user, "key", frozenset({scope})))


async def test_every_route_lets_in_exactly_those_whom_the_table_names(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.1, 4.1.2, 4.1.3: a walk as nobody, by session of each role, and by each kind of key."""
    for name, role in (("vera", Role.VIEWER), ("bob", Role.USER)):
        await box.add(name, role)
    people = {Role.ADMIN: ADMIN, Role.USER: "bob", Role.VIEWER: "vera"}
    for route in WALKED:
        assert await refused(box, box.nobody, route) == expected(route, None, None), route
    for role, name in people.items():
        browser = await box.by_session(name)
        for route in WALKED:
            assert await refused(box, browser, route) == expected(route, role, None), (route, role)
        for scope in Scope:
            if scope is Scope.ADMIN and role is not Role.ADMIN:
                continue  # there is no such key
            script = await box.by_key(name, scope)
            for route in WALKED:
                assert await refused(box, script, route) == expected(route, role, scope), (route, role, scope)


async def test_every_change_that_another_sites_page_asks_for_is_refused_whoever_looks_at_it(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.2.2, 13.2.3."""
    await box.add("bob", Role.USER)
    page = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for person in (box.nobody, await box.by_session("bob"), await box.by_session(ADMIN)):
        for route in ROUTES:
            if route.method not in ("GET", "OPTIONS", "HEAD"):
                answer = await person.call(route.method, address(route), headers=page)
                assert code_of(await answer.json()) == "cross_site", route


async def test_an_administrators_key_without_the_scope_admin_sees_only_its_owners_things(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.1.3: least privilege."""
    bob = await box.add("bob", Role.USER)
    job = await (await bob.upload(wave_bytes(0.2))).json()
    script = await box.by_key(ADMIN, Scope.READ, Scope.UPLOAD)
    assert (await anna.get(f"/api/jobs/{job['id']}")).status == 200
    for path in (f"/api/jobs/{job['id']}", f"/api/recordings/{job['recording_id']}/audio"):
        assert (await script.get(path)).status == 404
    assert (await (await script.get("/api/jobs")).json())["jobs"] == []
    assert (await script.get("/api/recordings?owner=bob")).status == 403
    assert (await script.delete(f"/api/recordings/{job['recording_id']}")).status == 404


async def test_a_new_key_reads_and_uploads_and_nothing_more_unless_it_is_asked_for(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.1.3: least privilege."""
    browser = await box.by_session(ADMIN)
    made = await (await browser.post("/api/keys", json={"name": "plain"})).json()
    assert made["scopes"] == ["read", "upload"]
    script = Person(box.client, {"Authorization": f"Bearer {made['secret']}"})
    assert (await script.upload(wave_bytes(0.2))).status == 201
    assert (await script.get("/api/jobs")).status == 200
    for path in ("/api/users", "/metrics", "/api/keys"):
        answer = await script.get(path)
        assert (answer.status, code_of(await answer.json())) == (403, "scope_missing"), path


async def test_a_key_never_has_more_than_its_account(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.2, 4.1.3: neither when it is made nor after its account was taken down a step."""
    await box.add("bob", Role.USER)
    bob = await box.by_session("bob")
    for person, body in ((bob, {"name": "x"}), (anna, {"name": "x", "user": "bob"})):
        answer = await person.post("/api/keys", json=body | {"scopes": ["read", "admin"]})
        assert (answer.status, code_of(await answer.json())) == (400, "invalid_request")
    await change(anna, "bob", role="admin")
    script = await box.by_key("bob")
    assert (await script.get("/api/users")).status == 200
    await change(anna, "bob", role="viewer")
    assert (await script.get("/api/users")).status == 403
    assert (await script.upload(wave_bytes(0.2))).status == 403
    await change(anna, "bob", role="admin")
    assert code_of(await (await script.get("/api/users")).json()) == "scope_missing"


async def test_a_key_cannot_make_itself_a_better_one(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.2, 4.2.1."""
    for scopes in ((Scope.READ, Scope.UPLOAD), (Scope.METRICS,)):
        script = await box.by_key(ADMIN, *scopes)
        answer = await script.post("/api/keys", json={"name": "mine", "scopes": ["admin"]})
        assert code_of(await answer.json()) == "scope_missing"


async def test_a_key_opens_nothing_once_it_has_expired(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OWASP ASVS 3.5.2 and 2.10.1: secrets for programs end too."""
    from stenobox.web.keys import API_KEYS

    end = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    body = {"name": "for a month", "expires_at": end.isoformat()}
    made = await (await anna.post("/api/keys", json=body)).json()
    assert datetime.fromisoformat(made["expires_at"]) == end
    script = Person(box.client, {"Authorization": f"Bearer {made['secret']}"})
    assert (await script.get("/api/jobs")).status == 200
    monkeypatch.setattr(box.app[API_KEYS], "_clock", lambda: end.timestamp() + 1)
    assert (await script.get("/api/jobs")).status == 401


async def test_a_key_that_has_expired_already_is_not_made(box: Box, anna: Person) -> None:
    for when in ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "soon", 5):
        answer = await anna.post("/api/keys", json={"name": "late", "expires_at": when})
        assert (answer.status, code_of(await answer.json())) == (400, "invalid_request"), when
    for scopes in ([], ["everything"], "read"):
        answer = await anna.post("/api/keys", json={"name": "odd", "scopes": scopes})
        assert (answer.status, code_of(await answer.json())) == (400, "invalid_request"), scopes


async def test_a_revoked_keys_streams_end_at_once(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.3."""
    made = await (await anna.post("/api/keys", json={"name": "listener"})).json()
    headers = {"Authorization": f"Bearer {made['secret']}"}
    stream = await box.client.get("/api/events", headers=headers)
    assert (await anna.delete(f"/api/keys/{made['id']}")).status == 204
    await asyncio.wait_for(stream.read(), 30)


async def change(admin: Person, name: str, /, **fields: Any) -> None:
    answer = await admin.call("PATCH", f"/api/users/{name}", json=fields)
    assert answer.status == 200, await answer.text()


async def refused(box: Box, person: Person, route: Route) -> str | None:
    """The code if access was refused; None if the route was reached, whatever it said then."""
    if route.stream:
        answer: ClientResponse = await box.client.request(
            route.method, address(route), headers=person.headers
        )
        if answer.status == 200:
            answer.close()
            return None
    else:
        answer = await person.call(route.method, address(route))
    if answer.status not in (401, 403) or answer.method == "HEAD":
        return None if answer.status not in (401, 403) else "refused"
    code = code_of(await answer.json())
    return code if code in ACCESS else None


def expected(route: Route, role: Role | None, scope: Scope | None) -> str | None:
    """What the table says, in words of this test's own."""
    answer = _said(route, role, scope)
    return "refused" if answer and route.method == "HEAD" else answer


def _said(route: Route, role: Role | None, scope: Scope | None) -> str | None:
    roles = {Who.ADMIN: {Role.ADMIN}, Who.WRITER: {Role.ADMIN, Role.USER}}.get(route.who, set(Role))
    if route.path == "/metrics":
        answer = None if role is Role.ADMIN or scope else "not_signed_in"
    elif route.who is Who.ANYONE:
        return None
    else:
        answer = "not_signed_in" if role is None else None if role in roles else "forbidden"
    if answer or scope is None or scope is route.scope:
        return answer
    return "not_by_key" if route.who is Who.PERSON else "scope_missing"
