"""Pages of other sites, and names that are not the box's. Every test's name states a security property."""

from __future__ import annotations

from pathlib import Path

from harness.application import Box, Person, running_box, settings_for
from harness.daemon import ADMIN, PASSWORD
from harness.refusals import address, code_of
from stenobox.config import ListenSettings
from stenobox.web.keys import SETUP
from stenobox.web.routes import ROUTES


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
    origin = f"https://127.0.0.1:{box.client.port}"
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
