"""API keys, and the end of an account. Every test's name states a security property."""

from __future__ import annotations

import asyncio
from pathlib import Path

from harness.application import Box, Person
from harness.daemon import ADMIN, PASSWORD
from stenobox.types import Role
from storing import wave_bytes

TALK = wave_bytes(0.2)


async def test_a_key_is_shown_once_and_stored_only_as_a_hash(box: Box, anna: Person, tmp_path: Path) -> None:
    """OWASP ASVS 2.10.4."""
    made = await (await anna.post("/api/keys", json={"name": "script"})).json()
    listed = (await (await anna.get("/api/keys")).json())["keys"]
    assert made["secret"] not in repr(listed)
    for file in (tmp_path / "data").glob("stenobox.db*"):
        assert made["secret"].encode() not in await asyncio.to_thread(file.read_bytes)
    assert (await Person(box.client, {"Authorization": f"Bearer {made['secret']}"}).get("/api/auth/me")).ok


async def test_a_key_that_opens_nothing_is_not_replaced_by_the_cookie_beside_it(
    box: Box, anna: Person
) -> None:
    """OWASP ASVS 4.1.5."""
    browser = await box.by_session(ADMIN)
    for header in ("", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "stbx_", "Bearer stbx_é"):
        answer = await browser.get("/api/auth/me", headers={"Authorization": header})
        assert answer.status == 401, header


async def test_a_removed_users_key_session_and_streams_end_at_once(box: Box, anna: Person) -> None:
    """OWASP ASVS 3.3.3."""
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


async def test_a_stolen_key_cannot_change_the_password(anna: Person) -> None:
    """OWASP ASVS 2.1.6, 3.7.1."""
    answer = await anna.post("/api/auth/password", json={"old": PASSWORD, "new": "a new password"})
    assert (answer.status, (await answer.json())["code"]) == (403, "not_by_key")


async def test_nobody_makes_a_key_for_somebody_else_unless_an_administrator(box: Box, anna: Person) -> None:
    """OWASP ASVS 4.2.1."""
    await box.add("bob", Role.USER)
    bob = await box.by_session("bob")
    assert (await bob.post("/api/keys", json={"name": "x", "user": ADMIN})).status == 403
    assert (await bob.get(f"/api/keys?user={ADMIN}")).status == 403
    assert (await anna.post("/api/keys", json={"name": "x", "user": "bob"})).status == 201
