"""What is read unasked, and keys that open nothing, are in the trail (OWASP ASVS 7.1.3, 7.2.1)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.application import Box, Person, ended
from harness.daemon import ADMIN
from stenobox.audit import KeyRefusals
from stenobox.tokenbucket import TokenBucket
from stenobox.types import Event, Role
from stenobox.web.keys import API_KEYS, EVENTS, KEY_REFUSALS, USERS
from storing import Clock, wave_bytes

WORD = "qnarwhal"


async def rows(admin: Person, action: str) -> list[dict[str, Any]]:
    """The newest first."""
    answer = await admin.get("/api/admin/audit", params={"action": action, "limit": "100"})
    assert answer.status == 200, await answer.text()
    return list((await answer.json())["rows"])


async def _told(admin: Person) -> list[dict[str, Any]]:
    """Rows of what was read, as soon as there are any: they are written beside the stream."""
    for _ in range(3_000):
        if found := await rows(admin, "transcript.read"):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("nothing was recorded")


async def calls_with(box: Box, secret: str, path: str = "/api/jobs") -> int:
    return (await box.nobody.get(path, headers={"Authorization": f"Bearer {secret}"})).status


async def test_a_key_that_was_revoked_is_named_when_it_is_tried(box: Box, anna: Person) -> None:
    made = await (await anna.post("/api/keys", json={"name": "script"})).json()
    assert (await anna.delete(f"/api/keys/{made['id']}")).status == 204
    assert await calls_with(box, made["secret"]) == 401
    (row,) = await rows(anna, "key.refused")
    assert (row["target"], row["details"]) == (f"key:{made['id']}", {"reason": "revoked"})
    assert (row["actor"], row["via"], row["address"]) == (None, "none", "127.0.0.1")


async def test_a_key_that_has_expired_and_one_of_a_disabled_account_are_named(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ben = await box.add("ben", Role.USER)
    assert (await anna.call("PATCH", "/api/users/ben", json={"disabled": True})).status == 200
    assert (await ben.get("/api/jobs")).status == 401
    assert (await rows(anna, "key.refused"))[0]["details"] == {"reason": "revoked"}
    keys = box.app[API_KEYS]
    now = keys._clock()
    info, secret = await keys.create((await box.app[USERS].find(ADMIN)).id, "short", expires_at=now + 60)
    monkeypatch.setattr(keys, "_clock", lambda: now + 61)
    assert await calls_with(box, secret) == 401
    row = (await rows(anna, "key.refused"))[0]
    assert (row["target"], row["details"]) == (f"key:{info.id}", {"reason": "expired"})


async def test_of_a_key_that_there_never_was_nothing_is_kept(box: Box, anna: Person) -> None:
    """It may be what opens another door."""
    assert await calls_with(box, "stbx_qcanaryqcanary") == 401
    assert await calls_with(box, "correct horse qcanary") == 401
    # A probe answers whatever was sent along, and the key was tried all the same.
    assert await calls_with(box, "qcanary", "/livez") == 200
    found = await rows(anna, "key.refused")
    assert [(row["target"], row["details"]) for row in found] == [(None, {"reason": "unknown"})] * 3
    assert "qcanary" not in await (await anna.get("/api/admin/audit/export")).text()


async def test_a_script_that_goes_on_with_its_old_key_cannot_fill_the_disk(box: Box, anna: Person) -> None:
    refusals: KeyRefusals = box.app[KEY_REFUSALS]
    refusals._rows = TokenBucket(3, 20.0, lambda: 0.0)
    for _ in range(20):
        assert await calls_with(box, "stbx_old") == 401
    assert len(await rows(anna, "key.refused")) == 3
    # Those who guess passwords have rows of their own.
    assert (await box.nobody.post("/api/auth/login", json={"name": "a", "password": "b"})).status == 401
    assert len(await rows(anna, "auth.failed")) == 1
    await refusals.flush()
    counted = await rows(anna, "key.refused")
    assert len(counted) == 4
    assert counted[0]["details"] == {"reason": "various", "count": 17}


async def test_a_transcript_that_an_administrator_follows_while_it_is_made_is_recorded_once(
    box: Box, anna: Person
) -> None:
    ben = await box.add("ben", Role.USER)
    job = await (await ben.upload(wave_bytes(0.2))).json()
    await ended(ben, job["id"])
    owner = next(
        user["id"] for user in (await (await anna.get("/api/users")).json())["users"] if user["name"] == "ben"
    )
    streams = [await box.client.get("/api/events", headers=who.headers) for who in (anna, ben)]
    for stream in streams:
        await stream.content.readuntil(b"connected\n\n")
    for number in range(5):
        line = {"id": number, "start": 0.0, "end": 0.1, "text": WORD, "channel": None}
        data = {"job_id": job["id"], "segments": [line], "texts": [WORD], "position": 0.1, "duration": 0.2}
        box.app[EVENTS].publish(Event("segments", owner, data))
    for stream in streams:
        told = b""
        while told.count(WORD.encode()) < 5:
            told += await asyncio.wait_for(stream.content.readany(), 60)
    found = await _told(anna)
    for stream in streams:
        stream.close()
    assert [(row["actor"], row["target"]) for row in found] == [(ADMIN, f"job:{job['id']}")]
    assert found[0]["via"] == "key"


async def test_a_job_of_which_no_text_was_sent_was_not_read(box: Box, anna: Person) -> None:
    ben = await box.add("ben", Role.USER)
    stream = await box.client.get("/api/events", headers=anna.headers)
    job = await (await ben.upload(wave_bytes(0.2))).json()
    told = b""
    while job["id"].encode() not in told:
        told += await asyncio.wait_for(stream.content.readany(), 60)
    stream.close()
    segments = b"event: segments" in told
    assert segments or await rows(anna, "transcript.read") == []


async def test_passages_of_somebody_else_that_a_search_shows_are_recorded(box: Box, anna: Person) -> None:
    ben = await box.add("ben", Role.USER)
    job = await (await ben.upload(wave_bytes(0.3), "talk.wav")).json()
    await ended(ben, job["id"])
    lines = {"segments": [{"start": 0, "end": 0.2, "text": f"A {WORD} swims."}]}
    assert (await ben.call("PUT", f"/api/jobs/{job['id']}/transcript", json=lines)).status == 200
    # One's own, a hit in the title alone, and a search that finds nothing are no reading.
    assert (await (await ben.get("/api/search", params={"q": WORD})).json())["total"] == 1
    assert (await (await anna.get("/api/search", params={"q": "talk"})).json())["total"] == 1
    assert (await (await anna.get("/api/search", params={"q": "qnothing"})).json())["total"] == 0
    assert await rows(anna, "transcript.read") == []
    for _ in range(2):
        assert (await (await anna.get("/api/search", params={"q": WORD})).json())["total"] == 1
    (row,) = await rows(anna, "transcript.read")
    assert (row["actor"], row["target"]) == (ADMIN, f"job:{job['id']}")


async def test_the_count_of_refused_keys_goes_on_with_time(box: Box, anna: Person) -> None:
    clock = Clock()
    refusals: KeyRefusals = box.app[KEY_REFUSALS]
    refusals._rows = TokenBucket(1, 20.0, clock)
    for _ in range(2):
        await calls_with(box, "stbx_old")
    assert len(await rows(anna, "key.refused")) == 1
    clock.now += 20.0
    await calls_with(box, "stbx_old")
    assert len(await rows(anna, "key.refused")) == 2
