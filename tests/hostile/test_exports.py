"""Exports and work on many jobs at once: nobody gets, learns of or deletes what belongs to others, and no
title or text becomes more than text."""

from __future__ import annotations

import asyncio
import zipfile
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest

from harness.application import Box, Person
from harness.talk import HELD_OUT, talk
from stenobox.types import Role
from storing import wave_bytes

TITLES = [
    "../../etc/passwd",
    "..\\..\\system32\\x",
    "C:\\x",
    "/root",
    "nul",
    "a\x00b",
    "x\r\ny",
    "...",
    "\u202etxt.exe",
]

NONE = "There is no such job, or it is not yours."


async def done(person: Person, **sent: Any) -> dict[str, Any]:
    """A finished job of this person."""
    job = await (await person.upload(**sent)).json()
    while job["state"] in ("queued", "running"):
        await asyncio.sleep(0.02)
        job = await (await person.get(f"/api/jobs/{job['id']}")).json()
    return dict(job)


@pytest.fixture
async def ben(box: Box, anna: Person) -> Person:
    return await box.add("ben", Role.USER)


async def test_a_zip_tells_of_other_peoples_jobs_what_it_tells_of_none_at_all(
    anna: Person, ben: Person
) -> None:
    """OWASP ASVS 4.2.1: no access to others' records by their ids."""
    theirs, own = await done(anna, content=wave_bytes(0.3)), await done(ben, content=wave_bytes(0.4))
    refusals = []
    for job_id in (theirs["id"], "0" * 24):
        answer = await ben.post("/api/transcripts/export", json={"jobs": [job_id], "formats": ["txt"]})
        refusals.append((answer.status, (await answer.json())["detail"]))
    assert refusals[0] == refusals[1] == (404, NONE)
    answer = await ben.post(
        "/api/transcripts/export", json={"jobs": [theirs["id"], own["id"]], "formats": ["json"]}
    )
    file = zipfile.ZipFile(BytesIO(await answer.read()))
    assert file.namelist() == ["talk.json", "problems.json"]
    assert own["id"] in file.read("talk.json").decode()


async def test_nobody_deletes_other_peoples_jobs_among_their_own(box: Box, anna: Person, ben: Person) -> None:
    """OWASP ASVS 4.2.1."""
    theirs, own = await done(anna, content=wave_bytes(0.3)), await done(ben, content=wave_bytes(0.4))
    answer = await ben.post("/api/jobs/delete", json={"jobs": [theirs["id"], own["id"], "0" * 24]})
    body = await answer.json()
    assert body["deleted"] == [own["id"]]
    assert {problem["detail"] for problem in body["problems"]} == {NONE}
    assert (await anna.get(f"/api/jobs/{theirs['id']}")).status == 200
    viewer = await box.add("vera", Role.VIEWER)
    assert (await viewer.post("/api/jobs/delete", json={"jobs": [theirs["id"]]})).status == 403


async def test_no_title_leads_out_of_the_folder_that_a_zip_is_unpacked_in(anna: Person) -> None:
    """OWASP ASVS 12.3.1, 12.3.2: names of files from people are no paths."""
    jobs = []
    for number, title in enumerate(TITLES):
        job = await done(anna, content=wave_bytes(0.1, number))
        await anna.call("PATCH", f"/api/recordings/{job['recording_id']}", json={"title": title})
        jobs.append(job["id"])
    answer = await anna.post("/api/transcripts/export", json={"jobs": jobs, "formats": ["txt", "docx"]})
    names = zipfile.ZipFile(BytesIO(await answer.read())).namelist()
    assert len(names) == len(set(names)) == 2 * len(TITLES)
    for name in names:
        for kind in (PurePosixPath, PureWindowsPath):
            path = kind(name)
            assert path.name == name
            assert path.stem != ".."
            assert not path.is_absolute()
        assert name.isprintable()


async def test_a_page_that_is_looked_at_in_place_can_do_nothing(anna: Person) -> None:
    """OWASP ASVS 14.4.3: a content security policy, also for what users made."""
    job = await done(anna, content=talk(*HELD_OUT).wav, language="en")
    await anna.call(
        "PATCH", f"/api/recordings/{job['recording_id']}", json={"title": "<script>alert(1)</script>"}
    )
    answer = await anna.get(f"/api/jobs/{job['id']}/transcript?format=html")
    policy = answer.headers["Content-Security-Policy"]
    assert {part.strip() for part in policy.split(";")} == {
        "default-src 'none'", "sandbox", "frame-ancestors 'none'", "style-src 'unsafe-inline'",
    }  # fmt: skip
    assert "<script" not in await answer.text()
