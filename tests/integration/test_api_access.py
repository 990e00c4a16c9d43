"""Set-up, sign-in, users and keys over HTTP, on the running application."""

from __future__ import annotations

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from stenobox.types import Role
from stenobox.web.keys import SETUP


async def test_the_set_up_makes_an_administrator_who_is_signed_in(box: Box) -> None:
    assert await (await box.nobody.get("/api/setup")).json() == {"needed": True, "encrypted": True}
    body = {"token": box.app[SETUP].issue(), "name": ADMIN, "password": PASSWORD}
    answer = await box.nobody.post("/api/setup", json=body)
    assert answer.status == 201
    assert await answer.json() == {"name": ADMIN, "role": "admin"}
    cookie = answer.cookies["stenobox_session"].value
    me = await box.nobody.get("/api/auth/me", headers={"Cookie": f"stenobox_session={cookie}"})
    assert (await me.json())["name"] == ADMIN
    assert await (await box.nobody.get("/api/setup")).json() == {"needed": False, "encrypted": True}


async def test_signing_in_and_out(box: Box, anna: Person) -> None:
    browser = await box.by_session(ADMIN)
    assert (await (await browser.get("/api/auth/me")).json())["role"] == "admin"
    assert (await browser.post("/api/auth/logout")).status == 204
    assert (await browser.get("/api/auth/me")).status == 401
    assert (await box.nobody.post("/api/auth/logout")).status == 204


async def test_users_are_added_listed_and_removed(box: Box, anna: Person) -> None:
    made = await anna.post("/api/users", json={"name": "bob", "password": PASSWORD, "role": "viewer"})
    assert made.status == 201
    assert (await made.json())["role"] == "viewer"
    taken = await anna.post("/api/users", json={"name": "Bob", "password": PASSWORD})
    assert (taken.status, (await taken.json())["code"]) == (422, "name_taken")
    users = (await (await anna.get("/api/users")).json())["users"]
    assert [(user["name"], user["role"], user["disabled"]) for user in users] == [
        (ADMIN, "admin", False),
        ("bob", "viewer", False),
    ]
    assert await (await anna.delete("/api/users/bob")).json() == {"outcome": "removed"}
    assert (await anna.delete("/api/users/bob")).status == 404
    last = await anna.delete(f"/api/users/{ADMIN}")
    assert (last.status, (await last.json())["code"]) == (422, "last_admin")


async def test_an_administrator_resets_a_password(box: Box, anna: Person) -> None:
    await box.add("bob", Role.USER)
    browser = await box.by_session("bob")
    answer = await anna.post("/api/users/bob/password", json={"password": "a fresh password"})
    assert answer.status == 204
    assert (await browser.get("/api/auth/me")).status == 401
    await box.by_session("bob", "a fresh password")


async def test_keys_are_made_used_and_revoked(box: Box, anna: Person) -> None:
    made = await (await anna.post("/api/keys", json={"name": "script"})).json()
    assert set(made) == {
        "id", "name", "user", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "secret",
    }  # fmt: skip
    assert (made["scopes"], made["expires_at"]) == (["read", "upload"], None)
    script = Person(box.client, {"Authorization": f"Bearer {made['secret']}"})
    assert (await script.get("/api/auth/me")).status == 200
    listed = (await (await anna.get("/api/keys")).json())["keys"]
    assert made["id"] in [key["id"] for key in listed]
    assert (await anna.delete(f"/api/keys/{made['id']}")).status == 204
    assert (await script.get("/api/auth/me")).status == 401


async def test_an_error_has_the_form_of_rfc_9457(box: Box, anna: Person) -> None:
    missing = await anna.get("/api/jobs/none")
    body = await missing.json()
    assert missing.content_type == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert body["status"] == missing.status == 404
    wrong = await anna.call("PUT", "/api/jobs")
    assert (wrong.status, (await wrong.json())["code"]) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(wrong.headers["Allow"].split(","))
    nowhere = await anna.get("/api/nowhere")
    assert (nowhere.status, (await nowhere.json())["code"]) == (404, "not_found")
    odd = await anna.post("/api/keys", json={"name": "x"}, headers={"Expect": "a-miracle"})
    assert (odd.status, (await odd.json())["code"]) == (417, "expectation_failed")
