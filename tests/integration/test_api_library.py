"""The library over HTTP, on the running application."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from harness.application import Box, Person, ended, running_box, settings_for
from integration.conftest import TALK
from stenobox.config import LibrarySettings
from stenobox.types import Role
from storing import wave_bytes


async def refused(answer: Any) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def test_a_recording_has_the_published_form(anna: Person, path: str) -> None:
    answer = await anna.get(path)
    found = await answer.json()
    assert set(found) == {
        "id", "owner", "title", "tags", "filename", "size", "sha256", "duration", "recorded", "created_at",
        "stored_at", "audio_days", "transcript_days", "audio_removed_at", "trashed_at", "access",
    }  # fmt: skip
    assert (found["title"], found["tags"], found["owner"]) == ("monday.wav", [], "anna")
    assert answer.headers["ETag"].strip('"').isdigit()
    listed = await (await anna.get("/api/recordings")).json()
    assert listed == {"recordings": [found], "next": None}


async def test_title_tags_and_days_are_changed_and_shown_everywhere(
    anna: Person, path: str, job: dict[str, Any]
) -> None:
    change = {"title": "Board meeting", "tags": ["Board", "2024", "board"], "audio_days": 30}
    answer = await anna.call("PATCH", path, json=change)
    found = await answer.json()
    assert answer.status == 200
    assert (found["title"], found["tags"], found["audio_days"]) == ("Board meeting", ["2024", "Board"], 30)
    assert await (await anna.get(path)).json() == found
    shown = await (await anna.get(f"/api/jobs/{job['id']}")).json()
    assert (shown["title"], shown["tags"]) == ("Board meeting", ["2024", "Board"])
    for tag, hits in (("bOARD", [job["id"]]), ("x", [])):
        jobs = await (await anna.get(f"/api/jobs?tag={tag}")).json()
        assert [each["id"] for each in jobs["jobs"]] == hits
    for query, hits in (("q=BOARD", 1), ("q=x", 0), ("tag=board", 1), ("tag=x", 0), ("owner=anna", 1)):
        listed = await (await anna.get(f"/api/recordings?{query}")).json()
        assert len(listed["recordings"]) == hits, query


async def test_a_change_with_an_old_etag_is_refused_and_changes_nothing(anna: Person, path: str) -> None:
    etag = (await anna.get(path)).headers["ETag"]
    first = await anna.call("PATCH", path, json={"title": "A"}, headers={"If-Match": etag})
    assert first.status == 200
    for stale in (etag, '"x"', 'W/"1"'):
        second = await anna.call("PATCH", path, json={"title": "B"}, headers={"If-Match": stale})
        assert await refused(second) == (412, "changed_meanwhile")
    assert (await (await anna.get(path)).json())["title"] == "A"
    for good in (first.headers["ETag"], "*"):
        assert (await anna.call("PATCH", path, json={"tags": []}, headers={"If-Match": good})).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"title": ""}, {"title": 5}, {"titel": "x"}, {"tags": "x"}, {"tags": [None]}, {"tags": ["x" * 51]},
        {"audio_days": -1}, {"audio_days": 1.5}, {"transcript_days": 40_000}, [], {"owner": "bob"},
    ],
)  # fmt: skip
async def test_a_change_that_cannot_be_is_a_bad_request(anna: Person, path: str, body: Any) -> None:
    assert await refused(await anna.call("PATCH", path, json=body)) == (400, "invalid_request")


async def test_wrong_queries_are_bad_requests(anna: Person, path: str) -> None:
    for query in ("limit=0", "limit=x", "cursor=x", "trashed=maybe", f"q={'x' * 300}", f"tag={'x' * 60}"):
        assert await refused(await anna.get(f"/api/recordings?{query}")) == (400, "invalid_request"), query
    for points in ("0", "4097", "x", "-1"):
        assert (await anna.get(f"{path}/peaks?points={points}")).status == 400


async def test_recordings_are_listed_in_pages(anna: Person) -> None:
    names = [f"{n}.wav" for n in range(5)]
    for number, name in enumerate(names):
        await anna.upload(wave_bytes(0.1, number), name)
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = await (await anna.get(f"/api/recordings?limit=2{cursor}")).json()
        seen += [entry["title"] for entry in page["recordings"]]
        cursor = f"&cursor={page['next']}"
    assert seen == names[::-1]
    assert page["next"] is None


async def test_deleting_can_be_undone_by_the_job_and_by_the_recording(
    anna: Person, path: str, job: dict[str, Any]
) -> None:
    transcript = await (await anna.get(f"/api/jobs/{job['id']}/transcript")).text()
    for thing in (f"/api/jobs/{job['id']}", path):
        assert (await anna.delete(thing)).status == 204
        for gone in (f"/api/jobs/{job['id']}", f"/api/jobs/{job['id']}/transcript", path, f"{path}/audio"):
            assert (await anna.get(gone)).status == 404
        assert (await anna.delete(thing)).status == 404
        assert (await (await anna.get("/api/jobs")).json())["jobs"] == []
        assert (await (await anna.get("/api/recordings")).json())["recordings"] == []
        trashed = (await (await anna.get("/api/jobs?trashed=1")).json())["jobs"]
        assert [entry["id"] for entry in trashed] == [job["id"]]
        assert trashed[0]["trashed_at"]
        assert len((await (await anna.get("/api/recordings?trashed=1")).json())["recordings"]) == 1
        restored = await anna.post(f"{thing}/restore")
        assert restored.status == 200
        assert (await restored.json())["trashed_at"] is None
        assert await (await anna.get(f"/api/jobs/{job['id']}/transcript")).text() == transcript
    assert (await anna.get(f"{path}/audio")).status == 200


async def test_only_what_is_in_the_trash_is_deleted_for_good(
    anna: Person, path: str, job: dict[str, Any]
) -> None:
    for thing in (f"/api/jobs/{job['id']}", path):
        assert (await anna.delete(f"{thing}?permanent=1")).status == 404
    await anna.delete(path)
    assert (await anna.delete(f"{path}?permanent=1")).status == 204
    assert (await anna.post(f"{path}/restore")).status == 404
    assert (await (await anna.get("/api/recordings?trashed=1")).json())["recordings"] == []
    assert (await (await anna.get("/api/auth/me")).json())["used_bytes"] == 0


async def test_a_user_whose_recordings_are_in_the_trash_is_disabled_and_not_deleted(
    box: Box, anna: Person
) -> None:
    bob = await box.add("bob", Role.USER)
    job = await (await bob.upload(TALK)).json()
    await ended(bob, job["id"])
    await bob.delete(f"/api/recordings/{job['recording_id']}")
    assert await (await anna.delete("/api/users/bob")).json() == {"outcome": "disabled"}
    assert (await anna.post(f"/api/recordings/{job['recording_id']}/restore")).status == 200
    await anna.delete(f"/api/jobs/{job['id']}")
    assert (await anna.delete(f"/api/jobs/{job['id']}?permanent=1")).status == 204
    assert await (await anna.delete("/api/users/bob")).json() == {"outcome": "removed"}


# Quotas.


async def test_a_quota_is_set_shown_and_held_on_every_road(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    assert await (await bob.get("/api/auth/me")).json() == {
        "name": "bob", "role": "user", "used_bytes": 0, "quota_bytes": None, "trash_days": 7,
    }  # fmt: skip
    changed = await anna.call("PATCH", "/api/users/bob", json={"quota_bytes": len(TALK)})
    assert (await changed.json())["quota_bytes"] == len(TALK)
    assert (await bob.upload(TALK)).status == 201
    mine = await (await bob.get("/api/auth/me")).json()
    assert (mine["used_bytes"], mine["quota_bytes"]) == (len(TALK), len(TALK))
    other = wave_bytes(0.1, 9)
    direct = await bob.upload(other)
    assert await refused(direct) == (413, "quota_exceeded")
    assert "0 of them are free" in (await direct.json())["detail"]
    begun = await bob.post("/api/uploads/init", json={"filename": "a.wav", "size": len(other)})
    assert await refused(begun) == (413, "quota_exceeded")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(other))}
    assert await refused(await bob.post("/api/tus", headers=tus)) == (413, "quota_exceeded")
    assert (await bob.upload(TALK)).status == 201
    users = (await (await anna.get("/api/users")).json())["users"]
    assert {user["name"]: user["used_bytes"] for user in users}["bob"] == len(TALK)
    for body, status in (({"quota_bytes": None}, 200), ({"quota_bytes": -1}, 400), ({}, 400)):
        assert (await anna.call("PATCH", "/api/users/bob", json=body)).status == status
    assert (await bob.upload(other)).status == 201
    assert (await anna.call("PATCH", "/api/users/nobody", json={"quota_bytes": 1})).status == 404


async def test_an_upload_without_a_length_is_held_to_the_quota_when_it_becomes_a_job(
    box: Box, anna: Person
) -> None:
    bob = await box.add("bob", Role.USER)
    tus = {"Tus-Resumable": "1.0.0"}
    begun = await bob.post("/api/tus", headers=tus | {"Upload-Defer-Length": "1"})
    await anna.call("PATCH", "/api/users/bob", json={"quota_bytes": 10})
    bytes_of = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
    headers = tus | bytes_of | {"Upload-Length": str(len(TALK))}
    answer = await bob.call("PATCH", begun.headers["Location"], data=TALK, headers=headers)
    assert await refused(answer) == (413, "quota_exceeded")
    assert (await (await bob.get("/api/jobs")).json())["jobs"] == []


async def test_a_body_that_cannot_fit_is_refused_before_it_is_read(box: Box, anna: Person) -> None:
    bob = await box.add("bob", Role.USER)
    await anna.call("PATCH", "/api/users/bob", json={"quota_bytes": 10})
    reader, writer = await asyncio.open_connection("127.0.0.1", box.client.port)
    head = [
        "POST /api/jobs HTTP/1.1", "Host: localhost", f"Authorization: {bob.headers['Authorization']}",
        "Content-Type: multipart/form-data; boundary=x", f"Content-Length: {2**30}", "Expect: 100-continue",
    ]  # fmt: skip
    writer.write("\r\n".join([*head, "", ""]).encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 30)
    assert answer.startswith(b"HTTP/1.1 413")
    writer.close()


# Retention.


@pytest.fixture
async def strict(tmp_path: Path, demo_bundle: Path) -> AsyncIterator[Box]:
    """A box that keeps audio for a day."""
    settings = dataclasses.replace(
        settings_for(tmp_path / "data", demo_bundle), library=LibrarySettings(audio_days=1)
    )
    async with running_box(settings) as box:
        yield box


async def test_audio_whose_days_are_over_is_gone_and_its_transcript_is_not(strict: Box) -> None:
    from stenobox.app import DATABASE, HOUSEKEEPING

    anna = await strict.set_up()
    job = await (await anna.upload(TALK)).json()
    await ended(anna, job["id"])
    path = f"/api/recordings/{job['recording_id']}"
    await anna.get(f"{path}/peaks")
    async with strict.app[DATABASE].write() as tx:
        await tx.execute("UPDATE recordings SET stored_at = stored_at - 86400")
    assert (await strict.app[HOUSEKEEPING]._retention.apply()).audio == 1
    for gone in (f"{path}/audio", f"{path}/peaks"):
        assert await refused(await anna.get(gone)) == (410, "audio_removed")
    assert await refused(await anna.post(f"/api/jobs/{job['id']}/retry")) == (410, "audio_removed")
    assert (await (await anna.get(path)).json())["audio_removed_at"]
    assert (await (await anna.get(f"/api/jobs/{job['id']}")).json())["audio_removed_at"]
    assert (await anna.get(f"/api/jobs/{job['id']}/transcript")).status == 200
    assert (await (await anna.get("/api/auth/me")).json())["used_bytes"] == 0


async def test_what_is_over_goes_at_the_start(tmp_path: Path, demo_bundle: Path) -> None:
    from stenobox.app import DATABASE

    settings = settings_for(tmp_path / "data", demo_bundle)
    async with running_box(settings) as box:
        anna = await box.set_up()
        job = await (await anna.upload(TALK)).json()
        await ended(anna, job["id"])
        await anna.delete(f"/api/jobs/{job['id']}")
        async with box.app[DATABASE].write() as tx:
            await tx.execute("UPDATE jobs SET trashed_at = 1")
            await tx.execute("UPDATE recordings SET trashed_at = 1")
    async with running_box(settings) as box:
        anna = await box.by_key("anna")
        await asyncio.wait_for(until_empty(tmp_path / "data" / "media"), 60)
        assert (await (await anna.get("/api/recordings?trashed=1")).json())["recordings"] == []


async def until_empty(folder: Path) -> None:
    def files() -> bool:
        return any(path.is_file() for path in folder.rglob("*"))

    while True:
        if not await asyncio.to_thread(files):
            return
        await asyncio.sleep(0.02)
