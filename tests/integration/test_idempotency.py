"""A request that is sent again under the same Idempotency-Key is done once."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from harness.application import Box, Person
from stenobox.types import Role
from stenobox.web.keys import ONCE, SETTINGS
from storing import Clock, wave_bytes

KEY = {"Idempotency-Key": '"monday-7f3a"'}
TALK, OTHER = wave_bytes(0.2, 1), wave_bytes(0.2, 2)


async def send(
    person: Person, *contents: bytes, key: dict[str, str] | None = None, **fields: str
) -> tuple[int, Any]:
    form = FormData()
    for name, value in fields.items():
        form.add_field(name, value)
    for content in contents:
        form.add_field("file", content, filename="talk.wav")
    answer = await person.post("/api/jobs", data=form, headers=KEY if key is None else key)
    return answer.status, await answer.json()


async def count(person: Person) -> int:
    return len((await (await person.get("/api/jobs?limit=100")).json())["jobs"])


def left_behind(box: Box) -> list[Path]:
    return list((box.app[SETTINGS].data / "incoming").iterdir())


async def test_the_same_request_again_answers_with_the_same_job(box: Box, anna: Person) -> None:
    first, again = await send(anna, TALK), await send(anna, TALK)
    assert first[0] == again[0] == 201
    assert first[1]["id"] == again[1]["id"]
    assert await count(anna) == 1
    assert left_behind(box) == []


async def test_without_a_key_or_under_another_the_same_file_is_another_job(anna: Person) -> None:
    ids = {
        (await send(anna, TALK, key=key))[1]["id"] for key in ({}, {}, KEY, {"Idempotency-Key": "another"})
    }
    assert len(ids) == 4


async def test_the_key_of_somebody_else_is_no_key_of_mine(box: Box, anna: Person) -> None:
    ben = await box.add("ben", Role.USER)
    mine, theirs = (await send(anna, TALK))[1], (await send(ben, TALK))[1]
    assert mine["id"] != theirs["id"]


async def test_a_key_with_another_file_or_other_wishes_is_refused_and_nothing_is_left(
    box: Box, anna: Person
) -> None:
    await send(anna, TALK)
    for contents, fields in (([OTHER], {}), ([TALK], {"language": "en"}), ([TALK], {"priority": "batch"})):
        status, problem = await send(anna, *contents, **fields)
        assert (status, problem["code"]) == (422, "key_reused")
    assert await count(anna) == 1
    assert left_behind(box) == []


async def test_of_several_files_only_those_that_are_missing_become_jobs(anna: Person) -> None:
    status, first = await send(anna, TALK, b"no sound at all" * 50)
    assert status == 201
    assert [problem["code"] for problem in first["problems"]] == ["not_audio"]
    _, again = await send(anna, TALK, OTHER)
    assert again["jobs"][0]["id"] == first["jobs"][0]["id"]
    assert len(again["jobs"]) == 2
    assert await count(anna) == 2


async def test_requests_at_the_same_moment_make_one_job(box: Box, anna: Person) -> None:
    answers = await asyncio.gather(*(send(anna, TALK) for _ in range(8)))
    assert {status for status, _ in answers} == {201}
    assert len({job["id"] for _, job in answers}) == 1
    assert await count(anna) == 1
    assert left_behind(box) == []


@pytest.mark.parametrize("key", ["", '""', "a b", "x" * 256, "ключ"])
async def test_a_key_that_is_none_is_refused_before_the_file(anna: Person, key: str) -> None:
    status, problem = await send(anna, TALK, key={"Idempotency-Key": key})
    assert (status, problem["code"]) == (400, "invalid_request")
    assert await count(anna) == 0


async def test_a_key_is_forgotten_after_a_day_and_with_its_job(
    box: Box, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(box.app[ONCE], "_clock", clock)
    job = (await send(anna, TALK))[1]["id"]
    clock.now += 24 * 3_600 - 1
    assert (await send(anna, TALK))[1]["id"] == job
    clock.now += 1
    newer = (await send(anna, TALK))[1]["id"]
    assert newer != job
    await anna.post(f"/api/jobs/{newer}/cancel")
    assert (await anna.delete(f"/api/jobs/{newer}")).status == 204
    status, problem = await send(anna, TALK)
    assert (status, problem["code"]) == (404, "not_found")
    assert (await anna.delete(f"/api/jobs/{newer}?permanent=1")).status == 204
    assert (await send(anna, TALK))[0] == 201
