"""Exports over HTTP: every format, its options, many at once; and the deletion of many."""

from __future__ import annotations

import asyncio
import json
import zipfile
from io import BytesIO
from typing import Any

import docx
import pytest
import srt
from aiohttp import ClientResponse

from harness.application import Box, Person, ended
from harness.talk import HELD_OUT, talk
from stenobox.exports import FORMATS
from stenobox.types import Role
from storing import wave_bytes


@pytest.fixture
async def job(anna: Person) -> dict[str, Any]:
    """A job of anna that is done, of a recording in which something is said."""
    sent = await (await anna.upload(talk(*HELD_OUT).wav, "monday.wav", language="en")).json()
    return await asyncio.wait_for(ended(anna, sent["id"]), 120)


def zip_of(body: bytes) -> zipfile.ZipFile:
    file = zipfile.ZipFile(BytesIO(body))
    assert file.testzip() is None
    return file


async def refusal(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["detail"]


async def test_every_format_is_served_as_what_it_is_and_named_like_the_recording(
    anna: Person, job: dict[str, Any]
) -> None:
    path = f"/api/recordings/{job['recording_id']}"
    await anna.call("PATCH", path, json={"title": "Board 3.5"})
    for name, form in FORMATS.items():
        answer = await anna.get(f"/api/jobs/{job['id']}/transcript?format={name}&download=1")
        assert answer.status == 200, name
        assert answer.headers["Content-Type"] == form.content_type
        assert f'filename="Board 3.5.{form.extension}"' in answer.headers["Content-Disposition"]
    word = await anna.get(f"/api/jobs/{job['id']}/transcript?format=docx")
    assert docx.Document(BytesIO(await word.read())).paragraphs[0].text == "Board 3.5"


async def test_subtitles_are_laid_out_as_the_query_says(anna: Person, job: dict[str, Any]) -> None:
    path = f"/api/jobs/{job['id']}/transcript?format=srt"
    plain = list(srt.parse(await (await anna.get(path)).text()))
    laid = list(srt.parse(await (await anna.get(f"{path}&line_chars=12&cue_lines=1&max_cps=20")).text()))
    assert len(laid) > len(plain)
    assert all(len(line) <= 12 for cue in laid for line in cue.content.split("\n"))
    words = [" ".join(cue.content.split()) for cue in laid]
    assert " ".join(words).split() == " ".join(cue.content for cue in plain).split()


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("format=srt&line_chars=5", "line_chars"),
        ("format=srt&line_chars=many", "line_chars"),
        ("format=vtt&max_cps=nan", "max_cps"),
        ("format=txt&speakers=perhaps", "speakers"),
        ("format=txt&cue_lines=2", "cue_lines"),
        ("format=srt&timestamps=1", "timestamps"),
        ("speakers=0", "speakers"),
    ],
)
async def test_an_option_that_cannot_be_used_is_refused_by_its_name(
    anna: Person, job: dict[str, Any], query: str, named: str
) -> None:
    status, detail = await refusal(await anna.get(f"/api/jobs/{job['id']}/transcript?{query}"))
    assert status == 400
    assert named in detail
    assert "many" not in detail


async def test_several_transcripts_come_as_one_zip(box: Box, anna: Person, job: dict[str, Any]) -> None:
    other = await (await anna.upload(wave_bytes(0.3), "monday.wav")).json()
    await ended(anna, other["id"])
    body = {
        "jobs": [job["id"], other["id"], "none"],
        "formats": ["txt", "srt"],
        "options": {"timestamps": True, "line_chars": 30},
    }
    answer = await anna.post("/api/transcripts/export", json=body)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Stenobox-Problems"] == "1"
    assert 'filename="transcripts.zip"' in answer.headers["Content-Disposition"]
    file = zip_of(await answer.read())
    assert file.namelist() == [
        "monday.txt", "monday.srt", "monday (2).txt", "monday (2).srt", "problems.json",
    ]  # fmt: skip
    assert file.read("monday.txt").startswith(b"[00:00:0")
    assert all(
        len(line) <= 30
        for cue in srt.parse(file.read("monday.srt").decode())
        for line in cue.content.split("\n")
    )
    [problem] = json.loads(file.read("problems.json"))["problems"]
    assert (problem["job"], problem["code"]) == ("none", "not_found")
    viewer = await box.add("vera", Role.VIEWER)
    theirs = await viewer.post("/api/transcripts/export", json=body)
    assert theirs.status == 404, "what belongs to others does not exist"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"formats": ["pdf"]}, "pdf"),
        ({"formats": []}, "formats"),
        ({"jobs": []}, "jobs"),
        ({"jobs": ["x"] * 1_001}, "jobs"),
        ({"options": {"line_chars": 42}}, "line_chars"),
        ({"options": {"timestamps": "yes"}}, "timestamps"),
        ({"options": {"colour": 1}}, "colour"),
    ],
)
async def test_a_zip_that_cannot_be_made_is_refused_with_the_reason(
    anna: Person, change: dict[str, Any], named: str
) -> None:
    body = {"jobs": ["x"], "formats": ["txt"]} | change
    status, detail = await refusal(await anna.post("/api/transcripts/export", json=body))
    assert status == 400
    assert named in detail


async def test_a_zip_of_nothing_says_why(anna: Person) -> None:
    sent = await (await anna.upload(wave_bytes(60.0))).json()
    await anna.post(f"/api/jobs/{sent['id']}/cancel")
    answer = await anna.post("/api/transcripts/export", json={"jobs": [sent["id"]], "formats": ["txt"]})
    assert await refusal(answer) == (422, "A job that is cancelled cannot be exported.")


async def test_several_jobs_go_into_the_trash_and_come_back(anna: Person, job: dict[str, Any]) -> None:
    answer = await anna.post("/api/jobs/delete", json={"jobs": [job["id"], "none"]})
    body = await answer.json()
    assert (answer.status, body["deleted"]) == (200, [job["id"]])
    assert [(one["job"], one["code"]) for one in body["problems"]] == [("none", "not_found")]
    assert (await anna.get(f"/api/jobs/{job['id']}")).status == 404
    assert (await anna.post(f"/api/jobs/{job['id']}/restore")).status == 200
    for_good = await anna.post("/api/jobs/delete", json={"jobs": [job["id"]], "permanent": True})
    assert for_good.status == 400
