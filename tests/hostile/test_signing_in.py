"""Signing in, sessions, passwords and the set-up link. Every test's name states a security property."""

from __future__ import annotations

from aiohttp import web

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from harness.refusals import code_of
from stenobox.access import AttemptLimiter
from stenobox.types import Role
from stenobox.web.keys import LOGIN_LIMIT, SETUP


async def test_the_session_cookie_cannot_be_read_by_scripts_or_sent_by_other_sites(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 3.4.2, 3.4.3, 3.4.5."""
    answer = await box.nobody.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    header = answer.headers["Set-Cookie"]
    name, *flags = [part.strip().lower() for part in header.split(";")]
    assert name.startswith("__host-stenobox_session=")
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= set(flags)
    assert not [flag for flag in flags if flag.startswith("domain")]


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host() -> None:
    """OWASP ASVS 3.4.1, 3.4.4."""
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
    """OWASP ASVS 3.2.1."""
    planted = {"Cookie": "__Host-stenobox_session=planted-by-mallory"}
    answer = await box.nobody.post(
        "/api/auth/login", json={"name": ADMIN, "password": PASSWORD}, headers=planted
    )
    assert answer.cookies["__Host-stenobox_session"].value != "planted-by-mallory"
    assert (await Person(box.client, planted).get("/api/auth/me")).status == 401


async def test_signing_in_again_ends_the_earlier_session_of_the_browser(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.2.1."""
    browser = await box.by_session(ADMIN)
    await browser.post("/api/auth/login", json={"name": ADMIN, "password": PASSWORD})
    assert (await browser.get("/api/auth/me")).status == 401


async def test_signing_out_ends_the_session_on_the_server(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.1."""
    browser = await box.by_session(ADMIN)
    answer = await browser.post("/api/auth/logout")
    assert answer.status == 204
    assert answer.cookies["__Host-stenobox_session"]["max-age"] == "0"
    assert (await browser.get("/api/auth/me")).status == 401


async def test_guessing_passwords_is_limited_per_name_and_per_address(box: Box, anna: Person) -> None:
    """OWASP ASVS 2.2.1."""
    box.app[LOGIN_LIMIT]._burst = 3.0
    box.app[LOGIN_LIMIT]._buckets.clear()  # the set-up has one
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
    """OWASP Authentication Cheat Sheet: an answer does not tell which names exist."""
    answers = [
        await (await box.nobody.post("/api/auth/login", json={"name": name, "password": "x" * 9})).json()
        for name in (ADMIN, "nobody")
    ]
    for answer in answers:
        del answer["request_id"], answer["instance"]
    assert answers[0] == answers[1]


async def test_a_changed_password_ends_the_other_sessions_and_needs_the_old_one(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 2.1.5, 2.1.6, 3.3.3."""
    first, second = await box.by_session(ADMIN), await box.by_session(ADMIN)
    refused = await first.post("/api/auth/password", json={"old": "not this one", "new": "a new password"})
    assert refused.status == 401
    changed = await first.post("/api/auth/password", json={"old": PASSWORD, "new": "a new password"})
    assert changed.status == 204
    assert (await first.get("/api/auth/me")).status == 200
    assert (await second.get("/api/auth/me")).status == 401
    await box.by_session(ADMIN, "a new password")


async def test_a_used_set_up_link_is_worthless(box: Box) -> None:
    """OWASP ASVS 2.3.1."""
    token = box.app[SETUP].issue()
    body = {"token": token, "name": ADMIN, "password": PASSWORD}
    assert (await box.nobody.post("/api/setup", json=body)).status == 201
    again = await box.nobody.post("/api/setup", json=body | {"name": "mallory"})
    assert again.status == 403
    assert code_of(await again.json()) == "setup_link_invalid"


async def test_guessing_the_set_up_token_is_limited(box: Box) -> None:
    """OWASP ASVS 2.2.1, 2.3.1."""
    box.app[SETUP].issue()
    body = {"token": "guess", "name": "mallory", "password": PASSWORD}
    statuses = [(await box.nobody.post("/api/setup", json=body)).status for _ in range(12)]
    assert statuses[0] == 403
    assert statuses[-1] == 429


def test_the_limits_of_guessing_are_strict_by_default() -> None:
    """OWASP ASVS 2.2.1."""
    limiter = AttemptLimiter()
    assert limiter._burst <= 10
    assert limiter._interval >= 10


async def test_a_common_password_is_refused_wherever_one_is_set(box: Box) -> None:
    """OWASP ASVS 2.1.7: at the set-up, for a new account, at a change, and at a reset."""
    token = box.app[SETUP].issue()
    set_up = {"token": token, "name": ADMIN, "password": "iloveyou"}
    refused = [await box.nobody.post("/api/setup", json=set_up)]
    anna = await box.set_up()
    await box.add("bob", Role.USER)
    browser = await box.by_session(ADMIN)
    refused += [
        await anna.post("/api/users", json={"name": "carla", "password": "stenobox1"}),
        await anna.post("/api/users", json={"name": "d.karamustafa@office", "password": "Karamustafa1"}),
        await anna.post("/api/users/bob/password", json={"password": "Passw0rd!"}),
        await browser.post("/api/auth/password", json={"old": PASSWORD, "new": "anna1234"}),
    ]
    for answer in refused:
        assert (answer.status, code_of(await answer.json())) == (400, "weak_password")
    await box.by_session("bob")
    await box.by_session(ADMIN)


async def test_a_password_of_any_script_is_taken_and_none_is_cut(box: Box, anna: Person) -> None:
    """OWASP ASVS 2.1.2, 2.1.3, 2.1.4 and 2.1.9."""
    for number, password in enumerate(("надежный пароль", "🐙 ∑ tentacle", "7 kettles sing in Ulm. " * 5)):
        name = f"user{number}"
        assert (await anna.post("/api/users", json={"name": name, "password": password})).status == 201
        await box.by_session(name, password)
        cut = {"name": name, "password": password[:-1]}
        assert (await box.nobody.post("/api/auth/login", json=cut)).status == 401
