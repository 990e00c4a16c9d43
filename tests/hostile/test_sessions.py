"""Sign-ins that people see and end, and accounts that lose their access. Names state security properties."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from harness.refusals import code_of
from stenobox.types import Role, Scope
from storing import wave_bytes

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def sessions_of(person: Person) -> list[dict[str, Any]]:
    answer = await person.get("/api/auth/sessions")
    assert answer.status == 200
    return list((await answer.json())["sessions"])


async def change(admin: Person, name: str, /, **fields: Any) -> tuple[int, Any]:
    answer = await admin.call("PATCH", f"/api/users/{name}", json=fields)
    return answer.status, await answer.json()


async def test_a_user_sees_where_they_are_signed_in(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.4."""
    first = await box.by_session(ADMIN)
    body = {"name": ADMIN, "password": PASSWORD}
    answer = await box.nobody.post("/api/auth/login", json=body, headers={"User-Agent": FIREFOX})
    cookie = answer.cookies["__Host-stenobox_session"].value
    second = Person(box.client, {"Cookie": f"__Host-stenobox_session={cookie}"})
    seen = await sessions_of(second)
    assert len(seen) == 3  # the set-up signed in too
    mine = next(session for session in seen if session["current"])
    assert (mine["browser"], mine["address"]) == ("Firefox on Linux", "127.0.0.1")
    assert [session["current"] for session in seen].count(True) == 1
    assert set(mine) == {
        "id", "browser", "address", "current", "created_at", "last_seen_at", "ends_at",
    }  # fmt: skip
    assert mine["created_at"] < mine["ends_at"]
    assert cookie not in await (await first.get("/api/auth/sessions")).text()


async def test_a_user_ends_one_of_their_sign_ins_and_no_other(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.3, 3.3.4."""
    first, second = await box.by_session(ADMIN), await box.by_session(ADMIN)
    mine = next(session["id"] for session in await sessions_of(first) if session["current"])
    assert (await second.delete(f"/api/auth/sessions/{mine}")).status == 204
    assert (await first.get("/api/auth/me")).status == 401
    assert (await second.get("/api/auth/me")).status == 200
    assert (await second.delete(f"/api/auth/sessions/{mine}")).status == 404


async def test_a_user_signs_out_everywhere_else(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.3: streams that are open there end too."""
    here, there = await box.by_session(ADMIN), await box.by_session(ADMIN)
    stream = await box.client.get("/api/events", headers=there.headers)
    assert (await here.delete("/api/auth/sessions")).status == 204
    await asyncio.wait_for(stream.read(), 30)
    assert (await there.get("/api/auth/me")).status == 401
    assert [session["current"] for session in await sessions_of(here)] == [True]


async def test_nobody_ends_the_sign_in_of_somebody_else_but_administrators(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.2.1."""
    await box.add("bob", Role.USER)
    await box.add("carla", Role.USER)
    bob, carla = await box.by_session("bob"), await box.by_session("carla")
    number = (await sessions_of(bob))[0]["id"]
    assert (await carla.delete(f"/api/auth/sessions/{number}")).status == 404
    assert (await carla.delete("/api/users/bob/sessions")).status == 403
    assert (await bob.get("/api/auth/me")).status == 200
    assert (await anna.delete("/api/users/bob/sessions")).status == 204
    assert (await bob.get("/api/auth/me")).status == 401
    assert (await carla.get("/api/auth/me")).status == 200


async def test_a_disabled_users_sessions_keys_and_streams_end_at_once_and_for_good(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 3.3.3, 4.1.5: what ended does not open again when the account is enabled."""
    bob = await box.add("bob", Role.USER)
    browser = await box.by_session("bob")
    by_browser = await box.client.get("/api/events", headers=browser.headers)
    by_key = await box.client.get("/api/events", headers=bob.headers)
    job = await (await bob.upload(wave_bytes(0.2))).json()
    status, user = await change(anna, "bob", disabled=True)
    assert (status, user["disabled"]) == (200, True)
    for stream in (by_browser, by_key):
        await asyncio.wait_for(stream.read(), 30)
    login = {"name": "bob", "password": PASSWORD}
    for person in (bob, browser):
        assert (await person.get("/api/jobs")).status == 401
    assert (await box.nobody.post("/api/auth/login", json=login)).status == 401

    assert (await change(anna, "bob", disabled=False))[1]["disabled"] is False
    for person in (bob, browser):
        assert (await person.get("/api/jobs")).status == 401
    again = await box.by_session("bob")
    assert (await again.get(f"/api/jobs/{job['id']}")).status == 200, "nothing of theirs was lost"


async def test_the_last_administrator_can_neither_be_disabled_nor_be_made_less(
    box: Box, anna: Person
) -> None:
    for fields in ({"disabled": True}, {"role": "user"}, {"role": "viewer", "disabled": False}):
        status, body = await change(anna, ADMIN, **fields)
        assert (status, code_of(body)) == (422, "last_admin"), fields
    await box.add("carla", Role.ADMIN)
    assert (await change(anna, "carla", disabled=True))[0] == 200
    # A disabled administrator lets nobody in.
    assert code_of((await change(anna, ADMIN, disabled=True))[1]) == "last_admin"
    assert (await change(anna, "carla", disabled=False))[0] == 200
    assert (await change(anna, ADMIN, role="user"))[0] == 200
    assert (await anna.get("/api/users")).status == 403


async def test_another_role_counts_from_the_next_request_and_open_streams_end(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.1: roles are looked up, not remembered."""
    bob = await box.add("bob", Role.USER)
    carla = await box.add("carla", Role.ADMIN)
    stream = await box.client.get("/api/events", headers=carla.headers)
    assert (await change(anna, "carla", role="viewer"))[0] == 200
    await asyncio.wait_for(stream.read(), 30)
    job = await (await bob.upload(wave_bytes(0.2))).json()
    assert (await carla.get(f"/api/jobs/{job['id']}")).status == 404
    assert (await carla.get("/api/users")).status == 403


async def test_only_administrators_change_roles_and_not_by_a_lesser_key(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.1.2, 4.2.1."""
    await box.add("bob", Role.USER)
    for person in (await box.by_session("bob"), await box.by_key(ADMIN, Scope.READ, Scope.UPLOAD)):
        assert (await change(person, "bob", role="admin"))[0] == 403
    for fields in ({"role": "owner"}, {"disabled": "yes"}, {"name": "root"}):
        assert (await change(anna, "bob", **fields))[0] == 400
    assert (await change(anna, "nobody", disabled=True))[0] == 404
    status, user = await change(anna, "bob")
    assert (status, user["role"], user["disabled"], user["quota_bytes"]) == (200, "user", False, None)
