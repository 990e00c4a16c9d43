"""The chunked upload, against the running application."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse

from harness.application import Box, Person
from stenobox.types import Role
from storing import wave_bytes

TALK = wave_bytes(0.5)


async def begun(person: Person, content: bytes, **more: Any) -> str:
    body = {"filename": "talk.wav", "size": len(content)} | more
    answer = await person.post("/api/uploads/init", json=body)
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["id"])


async def put(person: Person, upload: str, offset: int, data: bytes) -> ClientResponse:
    return await person.call("PUT", f"/api/uploads/{upload}/chunk?offset={offset}", data=data)


async def finalize(person: Person, upload: str, **wishes: Any) -> ClientResponse:
    return await person.post(f"/api/uploads/{upload}/finalize", json=wishes)


async def code(answer: ClientResponse) -> tuple[int, str]:
    return answer.status, (await answer.json())["code"]


async def bytes_of(person: Person, job: dict[str, Any]) -> bytes:
    return await (await person.get(f"/api/recordings/{job['recording_id']}/audio")).read()


async def test_pieces_in_any_order_become_the_file(anna: Person) -> None:
    upload = await begun(anna, TALK, sha256=hashlib.sha256(TALK).hexdigest().upper())
    half, third = len(TALK) // 2, len(TALK) // 3
    for first, last in ((half, len(TALK)), (0, third), (third, half)):
        answer = await put(anna, upload, first, TALK[first:last])
        assert answer.status == 200
    assert (await answer.json())["ranges"] == [[0, len(TALK)]]
    made = await finalize(anna, upload, language="en")
    assert made.status == 201
    job = await made.json()
    assert job["filename"] == "talk.wav"
    assert job["language"] == "en"
    assert await bytes_of(anna, job) == TALK


async def test_a_piece_may_come_again_and_overlap_with_the_same_bytes(anna: Person) -> None:
    upload = await begun(anna, TALK)
    for first, last in ((0, 3000), (0, 3000), (1000, 5000), (4000, len(TALK))):
        assert (await put(anna, upload, first, TALK[first:last])).status == 200
    assert await bytes_of(anna, await (await finalize(anna, upload)).json()) == TALK


async def test_other_bytes_at_an_acknowledged_place_are_refused_and_change_nothing(anna: Person) -> None:
    upload = await begun(anna, TALK)
    await put(anna, upload, 0, TALK[:3000])
    spoilt = bytes([TALK[2999] ^ 1])
    assert await code(await put(anna, upload, 2999, spoilt + TALK[3000:])) == (422, "chunk_conflict")
    assert (await put(anna, upload, 3000, TALK[3000:])).status == 200
    assert await bytes_of(anna, await (await finalize(anna, upload)).json()) == TALK


async def test_finalize_with_a_gap_names_it_and_the_upload_goes_on(anna: Person) -> None:
    upload = await begun(anna, TALK)
    await put(anna, upload, 2000, TALK[2000:])
    refused = await finalize(anna, upload)
    assert await code(refused) == (422, "upload_incomplete")
    assert "Bytes from 0" in (await refused.json())["detail"]
    await put(anna, upload, 0, TALK[:2000])
    assert (await finalize(anna, upload)).status == 201


async def test_a_wrong_hash_is_refused_and_the_right_bytes_can_come_after_it(anna: Person) -> None:
    upload = await begun(anna, TALK, sha256=hashlib.sha256(TALK).hexdigest())
    await put(anna, upload, 0, b"x" + TALK[1:])
    assert await code(await finalize(anna, upload)) == (422, "hash_mismatch")
    await put(anna, upload, 0, TALK)
    assert await bytes_of(anna, await (await finalize(anna, upload)).json()) == TALK


async def test_finalize_is_idempotent(anna: Person) -> None:
    upload = await begun(anna, TALK)
    await put(anna, upload, 0, TALK)
    answers = await asyncio.gather(*(finalize(anna, upload) for _ in range(4)))
    assert {answer.status for answer in answers} == {201}
    assert len({(await answer.json())["id"] for answer in answers}) == 1
    assert (await put(anna, upload, 0, TALK[:1000])).status == 200  # a repeat that comes too late
    assert len((await (await anna.get("/api/jobs")).json())["jobs"]) == 1
    state = await (await anna.get(f"/api/uploads/{upload}")).json()
    assert state["job_id"] is not None
    assert state["received"] == len(TALK)


async def test_bad_pieces_are_refused_with_a_stable_code(anna: Person) -> None:
    upload = await begun(anna, TALK)
    assert await code(await put(anna, upload, 0, b"")) == (400, "empty_chunk")
    assert await code(await put(anna, upload, len(TALK) - 1, b"xx")) == (400, "chunk_out_of_range")
    assert await code(await put(anna, upload, -1, b"x")) == (400, "invalid_request")
    body = {"filename": "a.wav", "size": 0}
    assert await code(await anna.post("/api/uploads/init", json=body)) == (400, "empty_file")
    body = {"filename": "a.wav", "size": 2**50}
    assert await code(await anna.post("/api/uploads/init", json=body)) == (413, "file_too_large")
    assert (await put(anna, upload, 0, TALK)).status == 200
    assert (await finalize(anna, upload)).status == 201


async def test_an_upload_is_its_owners_alone(box: Box, anna: Person) -> None:
    bert = await box.add("bert", Role.USER)
    upload = await begun(anna, TALK)
    assert (await put(bert, upload, 0, TALK)).status == 404
    assert (await finalize(bert, upload)).status == 404
    assert (await bert.get(f"/api/uploads/{upload}")).status == 404
    assert (await bert.delete(f"/api/uploads/{upload}")).status == 404
    assert (await anna.get(f"/api/uploads/{upload}")).status == 200


async def test_a_dropped_upload_leaves_no_bytes(anna: Person, tmp_path: Path) -> None:
    upload = await begun(anna, TALK)
    await put(anna, upload, 0, TALK)
    assert (await anna.delete(f"/api/uploads/{upload}")).status == 204
    assert (await anna.get(f"/api/uploads/{upload}")).status == 404
    assert list((tmp_path / "data" / "partials").iterdir()) == []


async def test_what_is_no_audio_is_refused_at_finalize(anna: Person) -> None:
    text = b"This is a letter, and no recording. " * 400
    upload = await begun(anna, text)
    await put(anna, upload, 0, text)
    assert await code(await finalize(anna, upload)) == (415, "not_audio")
    assert (await (await anna.get("/api/jobs")).json())["jobs"] == []
