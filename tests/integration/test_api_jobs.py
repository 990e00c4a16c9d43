"""Jobs, recordings, transcripts and models over HTTP, on the running application."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from harness.application import Box, Person, ended
from harness.daemon import multipart
from harness.talk import HELD_OUT, talk
from stenobox.types import Role
from storing import wave_bytes

TALK = wave_bytes(0.3)
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.fixture
async def job(anna: Person) -> dict[str, Any]:
    """A job of anna that is done."""
    sent = await (await anna.upload(TALK, "monday.wav", language="English", priority="batch")).json()
    return await asyncio.wait_for(ended(anna, sent["id"]), 120)


async def test_an_upload_answers_with_the_job_in_the_published_form(anna: Person) -> None:
    answer = await anna.upload(TALK, "monday.wav", model="demo", language="English", priority="interactive")
    job = await answer.json()
    assert answer.status == 201
    assert answer.content_type == "application/json"
    assert set(job) == {
        "id", "state", "recording_id", "filename", "priority", "progress", "model", "language", "task",
        "channels", "attempt", "error", "duration", "created_at", "started_at", "finished_at", "title",
        "audio_removed_at", "trashed_at", "tags", "owner", "access",
    }  # fmt: skip
    assert ISO.fullmatch(job["created_at"])
    assert (job["state"], job["attempt"], job["progress"], job["error"]) == ("queued", 0, 0, None)
    assert (job["language"], job["priority"], job["task"], job["model"]) == (
        "en", "interactive", "transcribe", "demo",
    )  # fmt: skip
    assert job["duration"] == pytest.approx(0.3)


async def test_who_comes_in_the_middle_of_a_job_gets_the_lines_so_far(anna: Person) -> None:
    said = talk(*HELD_OUT, at_least=240.0)
    job = await (await anna.upload(said.wav, "long.wav", language="en")).json()
    seen: list[list[dict[str, Any]]] = []
    while (await (await anna.get(f"/api/jobs/{job['id']}")).json())["state"] in ("queued", "running"):
        seen.append((await (await anna.get(f"/api/jobs/{job['id']}/segments")).json())["segments"])
        await asyncio.sleep(0.05)
    final = (await (await anna.get(f"/api/jobs/{job['id']}/transcript")).json())["segments"]
    lines = [{name: segment[name] for name in ("id", "start", "end", "text", "channel")} for segment in final]
    assert len({len(part) for part in seen}) > 2, "it was never seen in the middle"
    assert all(part == lines[: len(part)] for part in seen)
    assert (await (await anna.get(f"/api/jobs/{job['id']}/segments")).json()) == {"segments": []}


async def test_several_files_become_several_jobs(anna: Person) -> None:
    kind, body = multipart({"language": "en"}, [(f"{n}.wav", wave_bytes(0.1, n)) for n in range(3)])
    answer = await anna.post("/api/jobs", data=body, headers={"Content-Type": kind})
    jobs = (await answer.json())["jobs"]
    assert answer.status == 201
    assert [job["filename"] for job in jobs] == ["0.wav", "1.wav", "2.wav"]
    assert len({job["recording_id"] for job in jobs}) == 3


async def test_a_finished_job_has_a_transcript_in_every_format(anna: Person, job: dict[str, Any]) -> None:
    assert job["state"] == "done"
    assert job["progress"] == 1
    assert job["started_at"] <= job["finished_at"]
    types = {}
    for name in ("json", "txt", "srt", "vtt"):
        answer = await anna.get(f"/api/jobs/{job['id']}/transcript?format={name}")
        assert answer.status == 200
        assert "Content-Disposition" not in answer.headers
        types[name] = answer.headers["Content-Type"]
    assert types == {
        "json": "application/json",
        "txt": "text/plain; charset=utf-8",
        "srt": "application/x-subrip; charset=utf-8",
        "vtt": "text/vtt; charset=utf-8",
    }
    named = await anna.get(f"/api/jobs/{job['id']}/transcript?format=srt&download=1")
    assert 'filename="monday.srt"' in named.headers["Content-Disposition"]
    unknown = await anna.get(f"/api/jobs/{job['id']}/transcript?format=pdf")
    assert unknown.status == 400
    assert "srt" in (await unknown.json())["detail"]


async def test_a_job_without_a_transcript_says_so(box: Box, anna: Person) -> None:
    sent = await (await anna.upload(wave_bytes(60.0))).json()
    await anna.post(f"/api/jobs/{sent['id']}/cancel")
    answer = await anna.get(f"/api/jobs/{sent['id']}/transcript")
    assert (answer.status, (await answer.json())["code"]) == (422, "state_conflict")


async def test_jobs_are_listed_newest_first_in_pages(anna: Person) -> None:
    ids = [(await (await anna.upload(wave_bytes(0.1, n))).json())["id"] for n in range(5)]
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        page = await (await anna.get(f"/api/jobs?limit=2{cursor}")).json()
        seen += [job["id"] for job in page["jobs"]]
        cursor = f"&cursor={page['next']}"
    assert seen == ids[::-1]
    assert page["next"] is None


async def test_jobs_are_filtered_by_state(anna: Person, job: dict[str, Any]) -> None:
    for state, expected in (("done", [job["id"]]), ("failed", [])):
        listed = (await (await anna.get(f"/api/jobs?state={state}")).json())["jobs"]
        assert [entry["id"] for entry in listed] == expected


async def test_a_job_is_cancelled_retried_moved_and_deleted(anna: Person) -> None:
    job = await (await anna.upload(wave_bytes(120.0))).json()
    path = f"/api/jobs/{job['id']}"
    cancelled = await anna.post(f"{path}/cancel")
    assert (cancelled.status, (await cancelled.json())["state"]) == (200, "cancelled")
    again = await anna.post(f"{path}/cancel")
    assert (again.status, (await again.json())["code"]) == (422, "state_conflict")
    retried = await anna.post(f"{path}/retry")
    assert (await retried.json())["state"] in ("queued", "running")
    moved = await anna.post(f"{path}/priority", json={"priority": "batch"})
    assert (await moved.json())["priority"] == "batch"
    await anna.post(f"{path}/cancel")
    assert (await anna.delete(path)).status == 204
    assert (await anna.get(path)).status == 404
    assert (await anna.get(f"/api/recordings/{job['recording_id']}")).status == 404


async def test_a_recording_comes_back_whole_and_in_parts(anna: Person, job: dict[str, Any]) -> None:
    path = f"/api/recordings/{job['recording_id']}"
    info = await (await anna.get(path)).json()
    assert (info["filename"], info["size"]) == ("monday.wav", len(TALK))
    whole = await anna.get(f"{path}/audio")
    assert (whole.status, await whole.read()) == (200, TALK)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for range_, expected in (
        ("bytes=0-3", TALK[:4]),
        ("bytes=100-", TALK[100:]),
        ("bytes=-5", TALK[-5:]),
        (f"bytes=10-{2**40}", TALK[10:]),
    ):
        part = await anna.get(f"{path}/audio", headers={"Range": range_})
        assert (part.status, await part.read()) == (206, expected), range_
    beyond = await anna.get(f"{path}/audio", headers={"Range": f"bytes={len(TALK)}-"})
    assert beyond.status == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(TALK)}"
    head = await anna.call("HEAD", f"{path}/audio")
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(TALK)))
    same = await anna.get(f"{path}/audio", headers={"If-None-Match": whole.headers["ETag"]})
    assert same.status == 304
    saved = await anna.get(f"{path}/audio?download=1")
    assert 'filename="monday.wav"' in saved.headers["Content-Disposition"]


async def test_the_catalogue_names_models_and_languages(anna: Person) -> None:
    catalogue = await (await anna.get("/api/models")).json()
    demo = next(model for model in catalogue["models"] if model["name"] == "demo")
    assert demo["default"] is True
    assert demo["demo"] is True
    assert set(demo) == {"name", "target", "default", "demo", "licence"}
    languages = {entry["code"]: entry["name"] for entry in catalogue["languages"]}
    assert (languages["de"], len(languages)) == ("German", 99 if "yue" not in languages else 100)


async def test_administrators_see_the_queue_and_everybodys_jobs(
    box: Box, anna: Person, job: dict[str, Any]
) -> None:
    bob = await box.add("bob", Role.USER)
    theirs = await (await bob.upload(TALK)).json()
    listed = (await (await anna.get("/api/jobs")).json())["jobs"]
    assert {entry["id"] for entry in listed} == {job["id"], theirs["id"]}
    stats = await (await anna.get("/api/admin/jobs/stats")).json()
    assert stats["states"]["done"] >= 1
